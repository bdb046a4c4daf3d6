// Journeys: what happens to a photo from its selection on, as far as the public API shows it.

import { askToSignIn } from "./account.js";
import * as api from "./api.js";
import { announce, duration, isolated, UserError, messageFor } from "./dom.js";
import { addPhotos } from "./grid.js";
import { deleted, rememberDeleted } from "./memory.js";
import { showMeasure } from "./picture.js";
import { drawRow, measure, showRows } from "./rows.js";
import { isSignedIn, session, userName } from "./session.js";

const PARALLEL_UPLOADS = 3;
const MOST_ROWS = 24;
const FEED_ROWS = 6;
const STORED = "gallery.journeys";
const UPLOAD_LIFETIME = 15 * 60_000; // then the signed request expires
const SLOW_AFTER = 20_000;
const TIMES = ["uploaded_at", "ready_at", "replicated_at"];
const OWNERS_ONLY = "Only its owner can delete a photo.";
const ENDED = ["complete", "listed"];
const STORED_STATES = ["uploaded", "thumbnailed", "replicated", "complete"];

let journeys = []; // the newest first
const queue = [];
let running = 0;
let uploads = null; // the module, when there is something to send

/** Send these files. */
export async function sendFiles(files) {
  uploads ??= await import("./uploads.js");
  const picked = files.map((file) => {
    const journey = { title: file.name, file, state: "queued", times: {}, share: null };
    journey.key = crypto.randomUUID(); // the same for every attempt
    try {
      journey.about = uploads.describe(file);
      journey.title = journey.about.title;
    } catch (error) {
      fail(journey, error, ["Dismiss", () => discard(journey)]);
    }
    return journey;
  });
  const hasNoPlace = ({ state }, index) => index >= MOST_ROWS && ENDED.includes(state);
  journeys = [...picked, ...journeys].filter((journey, index) => !hasNoPlace(journey, index));
  showRows(journeys);
  enqueue(...picked.filter(({ state }) => state === "queued"));
}

/** Continue the journeys of an earlier page of this tab, and show other photos from the feed. */
export function startJourneys(feed) {
  const gone = deleted();
  const stored = JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
  const known = new Set(journeys.map(idOf));
  const left = stored.filter((journey) => !gone.has(idOf(journey)) && !known.has(idOf(journey)));
  journeys.push(...left);
  for (const photo of feed) {
    if (journeys.length >= FEED_ROWS) break;
    if (!isShown(photo)) journeys.push(fromPhoto(photo, "listed"));
  }
  for (const step of ["thumbnailed", "replicated", "counted"]) {
    const last = journeys.find((journey) => measure(journey, step) !== null);
    if (last) showMeasure(step, measure(last, step));
  }
  showRows(journeys);
  for (const journey of left) if (journey.state !== "complete") follow(journey);
  session.addEventListener("change", onSessionChange);
  onSessionChange();
}

/** Whether leaving the page now would abort an upload. */
export const isSending = () =>
  journeys.some(({ state }) => state === "queued" || state === "sending");

const idOf = (journey) => journey.photo?.photo_id;

const isShown = (photo) => journeys.some((journey) => idOf(journey) === photo.photo_id);

function fromPhoto(photo, state) {
  const journey = { title: photo.title, state, times: {}, share: null };
  update(journey, photo);
  return journey;
}

/** Copy the photo from the API's answer into the journey. */
function update(journey, photo) {
  journey.photo = { photo_id: photo.photo_id, color: photo.color };
  for (const time of TIMES) journey.times[time] ??= photo[time];
  journey.thumb = photo.renditions.thumb?.path ?? null;
  journey.image ??= journey.thumb;
}

function setState(journey, state) {
  journey.state = state;
  journey.error = journey.actions = null;
  journey.slow = false;
  clearTimeout(journey.slowTimer);
  if (STORED_STATES.includes(state) && state !== "complete") {
    journey.slowTimer = setTimeout(() => {
      journey.slow = true;
      drawRow(journey);
    }, SLOW_AFTER);
  }
  drawRow(journey);
  store();
}

function fail(journey, error, ...actions) {
  journey.state = "broken";
  journey.error = messageFor(error);
  journey.actions = actions;
  drawRow(journey);
  announce(`${isolated(journey.title)}: ${journey.error}`);
}

function discard(journey) {
  journey.token?.remove();
  journeys = journeys.filter((other) => other !== journey);
  showRows(journeys);
  store();
}

function store() {
  const kept = journeys.filter(({ state }) => STORED_STATES.includes(state)).slice(0, MOST_ROWS / 2);
  const values = kept.map(({ title, photo, state, times, thumb }) => ({
    ...{ title, photo, state, times, thumb },
    image: thumb, // another page cannot have this one's blob
  }));
  sessionStorage.setItem(STORED, JSON.stringify(values));
}

/** Queue these for upload. */
function enqueue(...added) {
  queue.push(...added);
  while (running < PARALLEL_UPLOADS && queue.length) {
    const journey = queue.shift();
    if (!journeys.includes(journey)) continue;
    running += 1;
    send(journey).finally(() => {
      running -= 1;
      enqueue();
    });
  }
}

async function send(journey) {
  setState(journey, "sending");
  try {
    const { photo, upload } = await api.createPhoto(journey.about, journey.key);
    journeys.filter((other) => other !== journey && idOf(other) === photo.photo_id).forEach(discard);
    update(journey, photo);
    journey.image ??= await uploads.preview(journey.file);
    await showToken(journey);
    journey.token.created();
    await uploads.sendFile(upload, journey.file, (share) => {
      journey.share = share;
      journey.token.sent(share);
      drawRow(journey);
    });
  } catch (error) {
    if (!(error instanceof api.SignedOutError)) {
      const again = () => {
        setState(journey, "queued");
        enqueue(journey);
      };
      return fail(journey, error, ["Try again", again], ["Dismiss", () => discard(journey)]);
    }
    journey.actions = null;
    setState(journey, "signed_out");
    journey.actions = [["Sign in", () => ask()], ["Dismiss", () => discard(journey)]];
    drawRow(journey);
    return ask();
  }
  journey.file = null;
  journey.token.uploaded();
  setState(journey, "uploaded");
  follow(journey); // while the next upload runs
}

function ask() {
  askToSignIn("Only signed-in users can upload photos. Your uploads continue after you sign in.");
}

/** Show the photo as a token in the flow picture. */
async function showToken(journey) {
  const { Token } = await import("./token.js");
  journey.token ??= new Token(journey.image);
}

/** Watch an uploaded photo until its journey has ended. */
async function follow(journey) {
  const id = idOf(journey);
  try {
    await showToken(journey);
    const { token } = journey;
    if (!journey.times.ready_at) {
      const photo = await api.until(() => api.getPhoto(id), ({ status }) => status !== "PENDING");
      update(journey, photo);
      if (photo.status === "FAILED") return showFailed(journey, photo);
      token.thumbnailed(measure(journey, "thumbnailed"));
      setState(journey, "thumbnailed");
    }
    if (!journey.times.replicated_at) {
      const photo = await api.untilListed(id);
      update(journey, photo);
      token.replicated(measure(journey, "replicated"));
      setState(journey, "replicated");
      addPhotos([photo]);
    }
    if (!journey.times.viewed_at) {
      journey.times.viewed_at = (await api.recordView(id)).viewed_at; // once: each call is a view
      token.viewed();
      store();
    }
    const counted = ({ counted_at: at }) => at !== null && at >= journey.times.viewed_at;
    journey.times.counted_at = (await api.until(() => api.getViews(id), counted)).counted_at;
    token.counted(measure(journey, "counted"));
    setState(journey, "complete");
    const words = ["thumbnailed", "replicated", "counted"].map(
      (step) => `${step} in ${duration(measure(journey, step) ?? 0)}`,
    );
    announce(`${isolated(journey.title)}: ${words.join(", ")}.`);
  } catch (error) {
    if (error.status === 404) return discard(journey); // deleted meanwhile
    journey.token?.remove();
    fail(journey, error, ["Dismiss", () => discard(journey)]);
  }
}

function showFailed(journey, { error }) {
  journey.token?.failed();
  fail(journey, new UserError(error), ["Delete", () => remove(journey)]);
  journey.state = "failed";
  drawRow(journey);
  store();
}

async function remove(journey) {
  const { confirmed } = await import("./confirm.js");
  const explanation = "Its original file is deleted too. This cannot be undone.";
  if (!(await confirmed(`Delete “${isolated(journey.title)}”?`, explanation, "Delete"))) return;
  try {
    await api.deletePhoto(idOf(journey));
    rememberDeleted(idOf(journey));
    discard(journey);
    announce(`${isolated(journey.title)}: deleted.`);
  } catch (error) {
    if (error instanceof api.SignedOutError) return askToSignIn(OWNERS_ONLY);
    fail(journey, error, ["Delete", () => remove(journey)]);
  }
}

/** After sign-in: continue waiting uploads, and show own photos that are not in the gallery. */
async function onSessionChange() {
  if (!userName()) {
    journeys.filter(({ state }) => state === "failed").forEach(discard);
    return;
  }
  for (const journey of journeys.filter(({ state }) => state === "signed_out")) {
    setState(journey, "queued");
    enqueue(journey);
  }
  try {
    for await (const photo of api.myPhotos()) showOwn(photo);
  } catch (error) {
    if (isSignedIn()) announce(messageFor(error));
  }
}

function showOwn(photo) {
  if (photo.status === "READY" || isShown(photo)) return;
  const journey = fromPhoto(photo, "pending");
  const place = journeys.findIndex((other) => idOf(other) && idOf(other) < photo.photo_id);
  journeys.splice(place < 0 ? journeys.length : place, 0, journey);
  showRows(journeys);
  if (photo.status === "FAILED") return showFailed(journey, photo);
  if (Date.now() - Date.parse(photo.created_at) < UPLOAD_LIFETIME) return follow(journey);
  fail(journey, new UserError("Never uploaded"), ["Delete", () => remove(journey)]);
}
