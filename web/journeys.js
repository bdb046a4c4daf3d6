// Journeys: what happens to a photo, as far as the public API shows it. sending.js begins them.

import * as api from "./api.js";
import { announce, duration, isolated, load, messageFor, notify, until, UserError } from "./dom.js";
import { addPhotos } from "./grid.js";
import { deleted } from "./memory.js";
import { showMeasure } from "./picture.js";
import { drawRow, measure, showRows } from "./rows.js";
import { isSignedIn, session, userName } from "./session.js";

const MOST_ROWS = 24;
const FEED_ROWS = 6;
const STORED = "gallery.journeys";
const SLOW_AFTER = 20_000;
const STEPS = ["thumbnailed", "replicated", "counted"];
const TIMES = ["uploaded_at", "ready_at", "replicated_at"];
const ENDED = ["complete", "listed"];
const STORED_STATES = ["uploaded", "thumbnailed", "replicated", "complete"];

let journeys = []; // the newest first, but failures before all others

/** Fires `change` whenever a journey's state changes. */
export const changes = new EventTarget();
const changed = () => changes.dispatchEvent(new Event("change"));

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
  for (const step of STEPS) {
    const last = journeys.find((journey) => measure(journey, step) !== null);
    if (last) showMeasure(step, measure(last, step));
  }
  showRows(journeys);
  for (const journey of left) if (journey.state !== "complete") follow(journey);
  session.addEventListener("change", onSessionChange);
  onSessionChange();
}

/** Add journeys before all others; those that have ended make place for them. */
export function addFirst(added) {
  const hasNoPlace = ({ state }, index) => index >= MOST_ROWS && ENDED.includes(state);
  journeys = [...added, ...journeys].filter((journey, index) => !hasNoPlace(journey, index));
  showRows(journeys);
}

/** The journeys in one of these states, the first chosen first. */
export const journeysIn = (...states) => journeys.filter(({ state }) => states.includes(state));

export const idOf = (journey) => journey.photo?.photo_id;

export const isShown = (photo) => journeys.some((journey) => idOf(journey) === photo.photo_id);

function fromPhoto(photo, state) {
  const journey = { title: photo.title, state, times: {}, share: null };
  update(journey, photo);
  return journey;
}

/** Copy the photo from the API's answer into the journey, which replaces any other one of it. */
export function update(journey, photo) {
  const same = (other) => other !== journey && idOf(other) === photo.photo_id;
  journeys.filter(same).forEach(discard);
  journey.photo = { photo_id: photo.photo_id, color: photo.color };
  for (const time of TIMES) journey.times[time] ??= photo[time];
  journey.thumb = photo.renditions.thumb?.path ?? null;
  journey.image ??= journey.thumb;
}

export function setState(journey, state) {
  journey.state = state;
  journey.error = null;
  journey.actions = null;
  journey.slow = false;
  clearTimeout(journey.slowTimer);
  if (STORED_STATES.includes(state) && state !== "complete") {
    journey.slowTimer = setTimeout(() => {
      journey.slow = true;
      journey.actions = [["Dismiss", () => discard(journey)]];
      drawRow(journey);
    }, SLOW_AFTER);
  }
  drawRow(journey);
  store();
  changed();
}

export function fail(journey, error, ...actions) {
  journey.state = "broken";
  journey.error = messageFor(error);
  journey.actions = actions;
  journeys = [journey, ...journeys.filter((other) => other !== journey)];
  showRows(journeys);
  changed();
  announce(`${isolated(journey.title)}: ${journey.error}`);
}

export function discard(journey) {
  journey.token?.remove();
  journeys = journeys.filter((other) => other !== journey);
  showRows(journeys);
  store();
  changed();
}

function store() {
  const kept = journeys.filter(({ state }) => STORED_STATES.includes(state)).slice(0, MOST_ROWS / 2);
  const values = kept.map(({ title, photo, state, times, thumb }) => ({
    ...{ title, photo, state, times, thumb },
    image: thumb, // another page cannot have this one's blob
  }));
  sessionStorage.setItem(STORED, JSON.stringify(values));
}

/** Show the photo as a token in the flow picture. */
export async function showToken(journey) {
  const { Token } = await load(() => import("./token.js"));
  journey.token ??= new Token(journey.image);
}

/** Watch an uploaded photo until its journey has ended. */
export async function follow(journey) {
  const id = idOf(journey);
  try {
    await until(() => showToken(journey));
    const { token } = journey;
    if (!journey.times.ready_at) {
      const photo = await until(() => api.getPhoto(id), ({ status }) => status !== "PENDING");
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
      // Each request that arrives is a view, also if its answer is lost.
      journey.times.viewed_at = (await until(() => api.recordView(id))).viewed_at;
      token.viewed();
      store();
    }
    const counted = ({ counted_at: at }) => at !== null && at >= journey.times.viewed_at;
    journey.times.counted_at = (await until(() => api.getViews(id), counted)).counted_at;
    token.counted(measure(journey, "counted"));
    setState(journey, "complete");
    const words = STEPS.map((step) => `${step} in ${duration(measure(journey, step) ?? 0)}`);
    announce(`${isolated(journey.title)}: ${words.join(", ")}.`);
  } catch (error) {
    if (error.status === 404) return discard(journey); // deleted meanwhile
    journey.token?.remove();
    fail(journey, error, ["Dismiss", () => discard(journey)]);
  }
}

/** Show why the photo is unusable. */
export function showFailed(journey, { error }) {
  journey.token?.failed();
  fail(journey, new UserError(error), deletion(journey));
  journey.state = "failed";
  drawRow(journey);
  store();
  changed();
}

/** The button that deletes the photo of a journey. */
export function deletion(journey) {
  const remove = async () => {
    try {
      const { remove } = await load(() => import("./own_photos.js"));
      await remove(journey);
    } catch (error) {
      notify(messageFor(error));
    }
  };
  return ["Delete", remove];
}

/** After sign-in, show own photos that are not in the gallery; after sign-out, no failed ones. */
async function onSessionChange() {
  if (!userName()) return journeysIn("failed").forEach(discard);
  try {
    await until(async () => (await load(() => import("./own_photos.js"))).showOwnPhotos());
  } catch (error) {
    if (isSignedIn()) notify(messageFor(error));
  }
}

/** Add a journey of a photo at the place of its age. */
export function addByAge(photo) {
  const journey = fromPhoto(photo, "pending");
  const place = journeys.findIndex((other) => idOf(other) && idOf(other) < photo.photo_id);
  journeys.splice(place < 0 ? journeys.length : place, 0, journey);
  showRows(journeys);
  return journey;
}
