// The deletion of a photo from its row.

import { askToSignIn } from "./account.js";
import * as api from "./api.js";
import { confirmed } from "./confirm.js";
import { announce, isolated } from "./dom.js";
import { discard, fail, idOf } from "./journeys.js";
import { rememberDeleted } from "./memory.js";

/** The button that deletes the photo of a journey, if the user confirms. */
export const deletion = (journey) => ["Delete", () => remove(journey)];

async function remove(journey) {
  const explanation = "Its original file is deleted too. This cannot be undone.";
  try {
    if (!(await confirmed(`Delete “${isolated(journey.title)}”?`, explanation, "Delete"))) return;
    await api.deletePhoto(idOf(journey));
    rememberDeleted(idOf(journey));
    discard(journey);
    announce(`${isolated(journey.title)}: deleted.`);
  } catch (error) {
    if (error instanceof api.SignedOutError) return askToSignIn("Only its owner can delete a photo.");
    fail(journey, error, [deletion(journey)]);
  }
}
