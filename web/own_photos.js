// The signed-in user's photos that are not in the gallery; loaded after sign-in.

import { askToSignIn } from "./account.js";
import * as api from "./api.js";
import { announce, isolated, load, UserError } from "./dom.js";
import { addByAge, deletion, discard, fail, follow, idOf, isShown, showFailed } from "./journeys.js";
import { rememberDeleted } from "./memory.js";

const UPLOAD_LIFETIME = 15 * 60_000; // then the signed request expires

/** Show photos that failed, or wait for their upload or for thumbnailer. */
export async function showOwnPhotos() {
  for await (const photo of api.myPhotos()) {
    if (photo.status !== "READY" && !isShown(photo)) show(photo);
  }
}

function show(photo) {
  const journey = addByAge(photo);
  journey.actions = [deletion(journey)];
  if (photo.status === "FAILED") return showFailed(journey, photo);
  if (Date.now() - Date.parse(photo.created_at) < UPLOAD_LIFETIME) return follow(journey);
  fail(journey, new UserError("Never uploaded"), deletion(journey));
}

/** Delete the photo of a journey, if the user confirms. */
export async function remove(journey) {
  const explanation = "Its original file is deleted too. This cannot be undone.";
  try {
    const { confirmed } = await load(() => import("./confirm.js"));
    if (!(await confirmed(`Delete “${isolated(journey.title)}”?`, explanation, "Delete"))) return;
    await api.deletePhoto(idOf(journey));
    rememberDeleted(idOf(journey));
    discard(journey);
    announce(`${isolated(journey.title)}: deleted.`);
  } catch (error) {
    if (error instanceof api.SignedOutError) return askToSignIn("Only its owner can delete a photo.");
    fail(journey, error, deletion(journey));
  }
}
