// Files on their way to the uploads bucket.

import { askToSignIn } from "./account.js";
import * as api from "./api.js";
import { announce, byId, element, isolated, messageFor, notify, until } from "./dom.js";
import { follow, showToken, showTrouble } from "./follow.js";
import {
  addFirst,
  changes,
  discard,
  dismissal,
  fail,
  FAILED,
  idOf,
  journeysIn,
  setState,
  update,
} from "./journeys.js";
import { forgetOwn } from "./ownership.js";
import { drawRow } from "./rows.js";
import { session, userName } from "./session.js";
import { describe, preview, sendFile } from "./uploads.js";

const PARALLEL_UPLOADS = 3;
const UNSENT = ["queued", "sending", "waiting"];
const ONGOING = [...UNSENT, "signed_out", "uploaded", "thumbnailed", "replicated"];

const queue = [];
let running = 0;
let batch = []; // all files that were chosen since none was on its way

const total = element("span", { className: "state" });
const progress = element("progress", { "aria-label": "Complete photos" });
const cancelAll = element("button", { type: "button", textContent: "Cancel all" });
const retryAll = element("button", { type: "button", textContent: "Retry failed" });
const totals = element("div", { id: "totals", hidden: true }, total, progress, retryAll, cancelAll);
byId("journeys").closest(".rows").append(totals);
cancelAll.onclick = () => {
  byId("choose").focus();
  journeysIn(...UNSENT).forEach(cancel);
};
retryAll.onclick = () => {
  byId("choose").focus();
  batch.filter(({ canRetry }) => canRetry).forEach(enqueue);
};
changes.addEventListener("change", showTotals);

session.addEventListener("change", () => {
  if (userName()) journeysIn("signed_out").forEach(enqueue);
});
session.addEventListener("leave", () => {
  for (const journey of journeysIn(...UNSENT)) journey.asks = false;
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
  batch = journeysIn(...ONGOING).length ? [...picked, ...batch] : picked;
  addFirst(picked);
  for (const journey of picked) {
    try {
      journey.about = describe(journey.file);
      journey.title = journey.about.title;
      enqueue(journey);
    } catch (error) {
      fail(journey, error, [dismissal(journey)]);
    }
  }
}

/** Show how many files of the batch are complete. */
function showTotals() {
  batch = batch.filter(({ canceled }) => !canceled.signal.aborted);
  const countIn = (...states) => batch.filter(({ state }) => states.includes(state)).length;
  const failed = countIn(...FAILED);
  const ending = failed ? `, ${failed} failed` : "";
  const complete = countIn("complete");
  total.textContent = `${complete} of ${batch.length} complete${ending}`;
  progress.max = batch.length || 1;
  progress.value = complete;
  cancelAll.hidden = countIn(...UNSENT) === 0;
  retryAll.hidden = !batch.some(({ canRetry }) => canRetry);
  totals.hidden = batch.length < 2;
}

function enqueue(journey) {
  journey.canRetry = false;
  journey.asks = true; // to sign in, unless the user signs out meanwhile
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

function setUnsent(journey, state) {
  setState(journey, state);
  journey.actions = [["Cancel", () => cancel(journey)]];
  drawRow(journey);
}

/** Send the file, however long the API or the bucket cannot be reached. */
async function send(journey) {
  const { signal } = journey.canceled;
  const onError = (error) => {
    if (signal.aborted) return;
    setUnsent(journey, "waiting");
    showTrouble(journey, error);
  };
  try {
    await until(() => signal.aborted || upload(journey), undefined, { evenHidden: true, onError });
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
  showTrouble(journey);
  forgetOwn();
  if (signal.aborted) return api.deletePhoto(photo.photo_id);
  update(journey, photo);
  journey.image ??= await preview(journey.file);
  showToken(journey);
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
    journey.canRetry = true;
    return fail(journey, error, [again, dismissal(journey)]);
  }
  setState(journey, "signed_out");
  journey.actions = [["Sign in", ask], dismissal(journey)];
  drawRow(journey);
  if (journey.asks) ask();
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
