// The gallery's API, one function per route.

import { ConnectionError, UserError } from "./dom.js";
import { forget, idToken } from "./session.js";

const FIRST_LIMIT = 20_000;
const LAST_LIMIT = 160_000;

/** An answer other than success, with a message for the user. */
export class ApiError extends UserError {
  constructor(status, message) {
    super(message);
    this.status = status;
    this.isTransient = status === 429 || status >= 500;
  }
}

/** The request needs a signed-in user. */
export class SignedOutError extends UserError {
  constructor() {
    super("You are signed out.");
  }
}

const at = (id) => `/photos/${encodeURIComponent(id)}`;

export const createPhoto = (photo, idempotencyKey) =>
  call("POST", "/photos", {
    signedIn: true,
    headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
    body: JSON.stringify(photo),
  });

export const listPhotos = (limit, cursor = null) =>
  call("GET", `/photos?${new URLSearchParams({ limit, ...(cursor && { cursor }) })}`);

export const getPhoto = (id) => call("GET", at(id));

export const deletePhoto = (id) => call("DELETE", at(id), { signedIn: true });

// The SHA-256 of no body. Lambda demands it if CloudFront sends views to a function URL.
const NO_BODY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export const recordView = (id) =>
  call("POST", `${at(id)}/views`, { headers: { "x-amz-content-sha256": NO_BODY } });

export const getViews = (id) => call("GET", `${at(id)}/views`);

/** The pages of the user's own photos in any status, newest first; the last one has no cursor. */
export async function* myPhotos() {
  let cursor = null;
  do {
    const query = cursor ? `?${new URLSearchParams({ cursor })}` : "";
    const page = await call("GET", `/me/photos${query}`, { signedIn: true });
    yield page;
    cursor = page.cursor;
  } while (cursor);
}

let lastAnswered = true;
// Requests that got no answer in time → how many milliseconds the next attempt has. It has more than
// the last one: with the same limit, no attempt would ever succeed at an API that is slower.
const limits = new Map();

/** Whether the gallery can be reached, as far as is known without a request. */
export const isReachable = () => navigator.onLine && lastAnswered;

async function call(method, path, { signedIn = false, headers = {}, body } = {}) {
  const token = signedIn ? await idToken() : null;
  if (signedIn && !token) throw new SignedOutError();
  let answer;
  let text;
  const request = `${method} ${path}`;
  const limit = limits.get(request) ?? FIRST_LIMIT;
  try {
    answer = await fetch(`/api${path}`, {
      method,
      body,
      headers: { ...headers, ...(token && { Authorization: token }) },
      cache: "no-cache", // CloudFront may keep an answer for a moment, this browser may not
      signal: AbortSignal.timeout(limit),
    });
    text = await answer.text();
    lastAnswered = true;
    limits.delete(request);
  } catch (error) {
    lastAnswered = false;
    if (error.name !== "TimeoutError") {
      throw new ConnectionError("The gallery cannot be reached. Check your connection.");
    }
    limits.set(request, Math.min(2 * limit, LAST_LIMIT));
    throw new ConnectionError(`The gallery has not answered for ${limit / 1000} seconds.`);
  }
  if (answer.ok) return text ? JSON.parse(text) : null;
  if (answer.status === 401) {
    forget();
    throw new SignedOutError();
  }
  throw new ApiError(answer.status, detail(text) ?? `The gallery answered ${answer.status}.`);
}

function detail(text) {
  try {
    return JSON.parse(text).detail; // problem+json
  } catch {
    return undefined;
  }
}
