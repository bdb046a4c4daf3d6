// The photos before and after this one in the gallery: links, arrow keys and swipes lead to them.

import { listPhotos } from "./api.js";
import { byId, photoAddress, until } from "./dom.js";
import { deleted } from "./memory.js";

const MAX_PAGES = 10; // photos further down have no links, so that no page reads the whole gallery
const SWIPE = 60; // pixels

/** Show the links to the neighbors of a photo, once they are found. */
export async function showNeighbors(id) {
  const gone = deleted();
  let newer;
  let cursor = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const list = await until(() => listPhotos(50, cursor));
    const photos = list.photos.filter(({ photo_id: listed }) => listed !== id && !gone.has(listed));
    const older = photos.find(({ photo_id: listed }) => listed < id); // ids sort by time
    newer = photos.findLast(({ photo_id: listed }) => listed > id) ?? newer;
    cursor = list.cursor;
    if (older || !cursor) return lead(newer, older);
  }
}

function lead(previous, next) {
  for (const [name, photo] of Object.entries({ previous, next })) {
    if (!photo) continue;
    byId(name).href = photoAddress(photo);
    byId(name).title = photo.title;
    byId(name).hidden = false;
  }
  document.addEventListener("keydown", ({ key, altKey, ctrlKey, metaKey, shiftKey }) => {
    if (altKey || ctrlKey || metaKey || shiftKey || document.querySelector("dialog[open]")) return;
    if (key === "ArrowLeft") follow("previous");
    if (key === "ArrowRight") follow("next");
  });
  let start = null;
  byId("frame").addEventListener("touchstart", ({ touches }) => {
    start = touches.length === 1 && visualViewport.scale === 1 ? touches[0] : null;
  }, { passive: true });
  byId("frame").addEventListener("touchend", ({ changedTouches: [end] }) => {
    if (!start) return;
    const [right, down] = [end.clientX - start.clientX, end.clientY - start.clientY];
    if (Math.abs(right) < SWIPE || Math.abs(right) < 2 * Math.abs(down)) return;
    follow(right > 0 ? "previous" : "next");
  });
}

function follow(name) {
  if (!byId(name).hidden) byId(name).click();
}
