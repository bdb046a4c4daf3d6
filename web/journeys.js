// Journeys: the list of photos on their way, and the state of each. sending.js begins them, and
// follow.js watches them.

import { configuration } from "./configuration.js";
import { announce, isolated, messageFor } from "./dom.js";
import { deleted } from "./memory.js";
import { showMeasure } from "./picture.js";
import { drawRow, measure, showRows, showTop, STEPS } from "./rows.js";

const MAX_ROWS = 24;
const FEED_ROWS = 6;
const STORED = "gallery.journeys";
const FORM = 2; // of the stored rows: increase it if this page cannot continue those of an older page
const STACK = configuration.user_pool_client_id; // the next stack has another one, and no such photos
const TIMES = ["uploaded_at", "ready_at", "replicated_at"];
const ENDED = ["complete", "listed"];
export const FAILED = ["broken", "failed"];
const STORED_STATES = ["uploaded", "thumbnailed", "replicated", "complete"];

let journeys = []; // those added last come first; of those added together, failures come first
let additions = 0;
let earlier = storedRows(); // until they are shown

/** Fires `change` whenever a journey's state changes. */
export const changes = new EventTarget();

/**
 * Show the journeys of an earlier page of this tab, and other photos from the feed. Returns those that
 * have not ended.
 */
export function startJourneys(feed) {
  const gone = deleted();
  const known = new Set(journeys.map(idOf));
  const left = earlier.filter((journey) => !gone.has(idOf(journey)) && !known.has(idOf(journey)));
  earlier = [];
  journeys.push(...left);
  for (const photo of feed) {
    if (journeys.length >= FEED_ROWS) break;
    if (!isShown(photo)) journeys.push(fromPhoto(photo, "listed"));
  }
  for (const [step] of STEPS) {
    const last = journeys.find((journey) => measure(journey, step) !== null);
    if (last) showMeasure(step, measure(last, step));
  }
  show();
  return left.filter(({ state }) => state !== "complete");
}

/** The rows that an earlier page has stored, if this page can continue them. */
function storedRows() {
  try {
    const { form, stack, journeys: rows } = JSON.parse(sessionStorage.getItem(STORED));
    if (form === FORM && stack === STACK) return rows.map((row) => ({ ...row, addition: 0 }));
  } catch {
    // None, or of another form.
  }
  return [];
}

/** Add journeys before all others; those that have ended make place for them. */
export function addFirst(added) {
  additions += 1;
  for (const journey of added) journey.addition = additions;
  const hasNoPlace = ({ state }, index) => index >= MAX_ROWS && ENDED.includes(state);
  journeys = [...added, ...journeys].filter((journey, index) => !hasNoPlace(journey, index));
  show();
  showTop();
}

/** The journeys in one of these states, the first chosen first. */
export const journeysIn = (...states) => journeys.filter(({ state }) => states.includes(state));

export const idOf = (journey) => journey.photo?.photo_id;

export const isShown = (photo) => journeys.some((journey) => idOf(journey) === photo.photo_id);

function fromPhoto(photo, state) {
  const journey = { title: photo.title, state, times: {}, share: null, addition: 0 };
  update(journey, photo);
  return journey;
}

/** Copy the API's photo into the journey, and remove any other journey of the same photo. */
export function update(journey, photo) {
  const same = (other) => other !== journey && idOf(other) === photo.photo_id;
  for (const other of journeys.filter(same)) {
    other.replaced = true;
    discard(other);
  }
  journey.photo = { photo_id: photo.photo_id, color: photo.color };
  for (const time of TIMES) journey.times[time] ??= photo[time];
  journey.thumb = photo.renditions.thumb?.path ?? null;
  journey.image ??= journey.thumb;
}

export function setState(journey, state) {
  const hadFailed = FAILED.includes(journey.state);
  set(journey, { state, since: Date.now(), error: null, actions: null });
  if (hadFailed) show();
  else drawRow(journey);
  changed();
}

/** Show why a journey has failed; `actions` are the buttons that are left. */
export function fail(journey, error, actions, state = "broken") {
  set(journey, { state, error: messageFor(error), actions });
  show();
  changed();
  announce(`${isolated(journey.title)}: ${journey.error}`);
}

function show() {
  const failed = ({ state }) => FAILED.includes(state);
  journeys.sort((a, b) => b.addition - a.addition || failed(b) - failed(a));
  showRows(journeys);
}

function set(journey, values) {
  clearTimeout(journey.slowTimer);
  Object.assign(journey, values, { slow: null, trouble: null });
}

/** The button that removes the row of a journey. */
export const dismissal = (journey) => ["Dismiss", () => discard(journey)];

export function discard(journey) {
  journey.token?.remove();
  journeys = journeys.filter((other) => other !== journey);
  show();
  changed();
}

function changed() {
  store();
  changes.dispatchEvent(new Event("change"));
}

/** Store the journeys that another page of this tab continues. */
export function store() {
  const isKept = ({ state }) => STORED_STATES.includes(state);
  const kept = [...journeys, ...earlier].filter(isKept).slice(0, MAX_ROWS / 2);
  const values = kept.map(({ title, photo, state, since, times, thumb }) => ({
    ...{ title, photo, state, since, times, thumb },
    image: thumb, // another page cannot have this one's blob
  }));
  sessionStorage.setItem(STORED, JSON.stringify({ form: FORM, stack: STACK, journeys: values }));
}

/** Remove the journeys of own photos that are not in the gallery. */
export const discardOwn = () =>
  journeys.filter(({ own, state }) => own || state === "failed").forEach(discard);

/** Add a journey of an own photo at the place of its age. */
export function addByAge(photo) {
  const journey = fromPhoto(photo, "pending");
  journey.own = true;
  const place = journeys.findIndex((other) => idOf(other) && idOf(other) < photo.photo_id);
  journey.addition = journeys[place]?.addition ?? 0;
  journeys.splice(place < 0 ? journeys.length : place, 0, journey);
  show();
  return journey;
}
