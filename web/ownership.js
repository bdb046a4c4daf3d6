// Which photos are the user's own: the public view of a photo does not name its owner. This tab
// remembers the list for some minutes, so that not every photo's page asks for it.

import * as api from "./api.js";
import { session, userName } from "./session.js";

const MINUTE = 60_000;
const KEPT = 10 * MINUTE;
const MOST = 1_000;
const STORED = "gallery.own";

session.addEventListener("change", forgetOthers);
forgetOthers();

/** The user's own photos, newest first. */
export async function* ownPhotos() {
  const list = { user: userName(), at: Date.now(), ids: [], oldest: null };
  for await (const { photos, cursor } of api.myPhotos()) {
    if (userName() !== list.user) return; // meanwhile
    list.ids.push(...photos.map(({ photo_id: id }) => id));
    list.oldest = cursor ? list.ids.at(-1) : ""; // it has all photos with this id or a later one
    if (list.oldest !== undefined && list.ids.length <= MOST) {
      sessionStorage.setItem(STORED, JSON.stringify(list));
    }
    yield* photos;
  }
}

/**
 * Whether the photo is the user's own. A photo's owner never changes, so the remembered list tells
 * it for photos that are older than the list; a minute is for the clocks, which may differ.
 */
export async function isOwn({ photo_id: id, created_at: createdAt }) {
  const list = remembered();
  if (list && list.oldest <= id && Date.parse(createdAt) < list.at - MINUTE) {
    return list.ids.includes(id);
  }
  for await (const { photo_id: own } of ownPhotos()) {
    if (own <= id) return own === id; // ids sort by time
  }
  return false;
}

/** Ask again for the next photo: the user has a new one. */
export function forgetOwn() {
  sessionStorage.removeItem(STORED);
}

function remembered() {
  const list = JSON.parse(sessionStorage.getItem(STORED));
  const age = Date.now() - list?.at;
  return age >= 0 && age < KEPT ? list : null;
}

function forgetOthers() {
  if (JSON.parse(sessionStorage.getItem(STORED))?.user !== userName()) forgetOwn();
}
