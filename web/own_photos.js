// The signed-in user's photos that are not in the gallery.

import { deletion } from "./deletion.js";
import { messageFor, notify, until, UserError } from "./dom.js";
import { follow, showFailed } from "./follow.js";
import { addByAge, discardOwn, fail, isShown } from "./journeys.js";
import { ownPhotos } from "./ownership.js";
import { session, userName } from "./session.js";

const UPLOAD_LIFETIME = 15 * 60_000; // then the signed request expires
// The API does not say which: a photo is PENDING until an attempt to process it succeeds.
const NOT_READY = "Never uploaded, or not processed: if all attempts failed, it needs a replay";

/** Show own photos from each sign-in until the user signs out. */
export function startOwnPhotos() {
  session.addEventListener("change", onSessionChange);
  onSessionChange();
}

async function onSessionChange() {
  if (!userName()) return discardOwn();
  try {
    await until(showOwnPhotos);
  } catch (error) {
    if (userName()) notify(messageFor(error));
  }
}

/** Show photos that failed, or wait for their upload or for thumbnailer. */
async function showOwnPhotos() {
  for await (const photo of ownPhotos()) {
    if (photo.status !== "READY" && !isShown(photo)) show(photo);
  }
}

function show(photo) {
  const journey = addByAge(photo);
  journey.actions = [deletion(journey)];
  if (photo.status === "FAILED") return showFailed(journey, photo);
  if (Date.now() - Date.parse(photo.created_at) < UPLOAD_LIFETIME) return follow(journey);
  fail(journey, new UserError(NOT_READY), [deletion(journey)]);
}
