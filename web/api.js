// The gallery's API, one function per route.

import { UserError, wait } from "./dom.js";
import { forget, idToken } from "./session.js";

/** An answer other than success, with a message for the user. `status` is 0 without an answer. */
export class ApiError extends UserError {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Whether the same request may succeed later. */
  get isTransient() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
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

export const recordView = (id) => call("POST", `${at(id)}/views`);

export const getViews = (id) => call("GET", `${at(id)}/views`);

/** The user's own photos in any status, newest first, page by page. */
export async function* myPhotos() {
  let cursor = null;
  do {
    const query = cursor ? `?${new URLSearchParams({ cursor })}` : "";
    const page = await call("GET", `/me/photos${query}`, { signedIn: true });
    yield* page.photos;
    cursor = page.cursor;
  } while (cursor);
}

/** Repeat a request, at growing intervals, until `enough` accepts the answer; retry transient errors. */
export async function until(ask, enough, { first = 250, most = 10_000 } = {}) {
  for (let pause = first; ; pause = Math.min(pause * 1.3, most)) {
    try {
      const answer = await ask();
      if (enough(answer)) return answer;
    } catch (error) {
      if (!error.isTransient) throw error;
    }
    await wait(pause);
  }
}

let newest = null;
let asked = 0;

/** The photo once the catalog lists it; callers that wait at the same time share the requests. */
export async function untilListed(id) {
  const ask = () => {
    if (Date.now() - asked > 200) {
      asked = Date.now();
      newest = listPhotos(50);
    }
    return newest;
  };
  const find = ({ photos }) => photos.find(({ photo_id }) => photo_id === id);
  return find(await until(ask, find));
}

async function call(method, path, { signedIn = false, headers = {}, body } = {}) {
  const token = signedIn ? await idToken() : null;
  if (signedIn && !token) throw new SignedOutError();
  let answer;
  let text;
  try {
    answer = await fetch(`/api${path}`, {
      method,
      body,
      headers: { ...headers, ...(token && { Authorization: token }) },
      signal: AbortSignal.timeout(20_000),
    });
    text = await answer.text();
  } catch {
    throw new ApiError(0, "The gallery cannot be reached. Check your connection.");
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
