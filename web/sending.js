// Files on their way to the uploads bucket; loaded after the page, for the first file.

import { askToSignIn } from "./account.js";
import * as api from "./api.js";
import { announce, isolated, messageFor, notify, until } from "./dom.js";
import {
  addFirst,
  discard,
  fail,
  follow,
  idOf,
  journeysIn,
  setState,
  showToken,
  update,
} from "./journeys.js";
import { drawRow } from "./rows.js";
import { session, userName } from "./session.js";
import { describe, preview, sendFile } from "./uploads.js";

const PARALLEL_UPLOADS = 3;
const UNSENT = ["queued", "sending", "waiting"];

const queue = [];
let running = 0;

session.addEventListener("change", () => {
  if (userName()) journeysIn("signed_out").forEach(enqueue);
});
addEventListener("beforeunload", (event) => journeysIn(...UNSENT).length && event.preventDefault());

/** Send these files. */
export function sendFiles(files) {
  const picked = files.map((file) => ({
    title: file.name,
    file,
    key: crypto.randomUUID(), // the same for every attempt
    canceled: new AbortController(),
    state: "queued",
    times: {},
    share: null,
  }));
  addFirst(picked);
  for (const journey of picked) {
    try {
      journey.about = describe(journey.file);
      journey.title = journey.about.title;
      enqueue(journey);
    } catch (error) {
      fail(journey, error, ["Dismiss", () => discard(journey)]);
    }
  }
}

function enqueue(journey) {
  setUnsent(journey, "queued");
  queue.push(journey);
  sendNext();
}

function sendNext() {
  while (running < PARALLEL_UPLOADS && queue.length) {
    const journey = queue.shift();
    if (journey.canceled.signal.aborted) continue;
    running += 1;
    send(journey).finally(() => {
      running -= 1;
      sendNext();
    });
  }
}

function setUnsent(journey, state, error = null) {
  setState(journey, state);
  journey.error = error;
  journey.actions = [["Cancel", () => cancel(journey)]];
  drawRow(journey);
}

/** Send the file, however long the API or the bucket cannot be reached. */
async function send(journey) {
  const { signal } = journey.canceled;
  const onError = (error) => {
    if (!signal.aborted) setUnsent(journey, "waiting", `${messageFor(error)} Trying again…`);
  };
  try {
    await until(() => signal.aborted || upload(journey), undefined, { first: 1_000, onError });
  } catch (error) {
    if (!signal.aborted) showProblem(journey, error);
    return;
  }
  if (signal.aborted) return;
  journey.file = null;
  journey.token.uploaded();
  setState(journey, "uploaded");
  follow(journey); // while the next upload runs
}

/** Create the record and upload the file; every attempt has the same idempotency key. */
async function upload(journey) {
  const { signal } = journey.canceled;
  setUnsent(journey, "sending");
  const { photo, upload: request } = await api.createPhoto(journey.about, journey.key);
  if (signal.aborted) return api.deletePhoto(photo.photo_id);
  update(journey, photo);
  journey.image ??= await preview(journey.file);
  await showToken(journey);
  if (signal.aborted) return journey.token.remove();
  journey.token.created();
  await sendFile(request, journey.file, signal, (share) => {
    journey.share = share;
    journey.token.sent(share);
    drawRow(journey);
  });
}

function showProblem(journey, error) {
  if (!(error instanceof api.SignedOutError)) {
    const again = ["Try again", () => enqueue(journey)];
    return fail(journey, error, again, ["Dismiss", () => discard(journey)]);
  }
  setState(journey, "signed_out");
  journey.actions = [["Sign in", ask], ["Dismiss", () => discard(journey)]];
  drawRow(journey);
  ask();
}

/** Do not send the file, and delete the record if the API has made it. */
async function cancel(journey) {
  journey.canceled.abort();
  discard(journey);
  announce(`${isolated(journey.title)}: canceled.`);
  if (journey.photo) await api.deletePhoto(idOf(journey)).catch((error) => notify(messageFor(error)));
}

function ask() {
  askToSignIn("Only signed-in users can upload photos. Your uploads continue after you sign in.");
}
