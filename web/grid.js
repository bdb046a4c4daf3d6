// The gallery: justified rows of whole photos, newest first; scrolling loads more.
//
// A transform places every tile by the sizes from the API. So the layout does not wait for images,
// and photos that are added later, at the top or below, cause no layout shift.

import { listPhotos } from "./api.js";
import { announce, byId, count, element, messageFor, photoAddress, retryText, until } from "./dom.js";
import { deleted } from "./memory.js";

const PAGE = 30;
const GAP = 8;
const TOGETHER_MS = 600;

const grid = byId("grid");
const more = byId("more");
const note = byId("gallery-note");
const tiles = new Map(); // photo_id → item of createTile, kept sorted by the list's own order
let placedWidth = 0;
let cursor = null;
let loading = false;

/** Fill the gallery, load more when its end comes near, and return the newest photos. */
export async function startGrid() {
  more.onclick = loadMore;
  new ResizeObserver(() => grid.clientWidth !== placedWidth && place()).observe(grid);
  const nearEnd = new IntersectionObserver(
    ([entry]) => entry.isIntersecting && more.dataset.automatic && loadMore(),
    { rootMargin: "900px" },
  );
  await loadMore();
  nearEnd.observe(more);
  return [...tiles.values()].map(({ photo }) => photo);
}

const waiting = [];

/** Add photos that are new in the catalog; those that come shortly after each other, together. */
export function addPhotos(photos) {
  if (!waiting.length) setTimeout(() => addNow(waiting.splice(0)), TOGETHER_MS);
  waiting.push(...photos);
}

function addNow(photos) {
  const gone = deleted();
  for (const photo of photos) {
    if (photo.status !== "READY" || tiles.has(photo.photo_id) || gone.has(photo.photo_id)) continue;
    tiles.set(photo.photo_id, createTile(photo));
  }
  const order = [...tiles.keys()].sort().reverse(); // ids sort by time
  for (const [index, id] of order.entries()) {
    const { tile } = tiles.get(id);
    if (grid.children[index] !== tile) grid.insertBefore(tile, grid.children[index] ?? null);
  }
  place();
  byId("empty").hidden = tiles.size > 0 || cursor !== null;
}

async function loadMore() {
  if (loading) return;
  loading = true;
  const before = tiles.size;
  const focused = document.activeElement === more;
  try {
    const page = await until(() => listPhotos(PAGE, cursor), undefined, {
      onError: (error) => (note.textContent = retryText(error)),
    });
    cursor = page.cursor;
    addNow(page.photos);
    note.textContent = "";
    more.textContent = "More photos";
    more.dataset.automatic = "yes";
    if (before) announce(`${count(page.photos.length, "photo")} more.`);
    more.hidden = cursor === null;
    if (focused && more.hidden) grid.children[before]?.querySelector("a").focus();
  } catch (error) {
    note.textContent = messageFor(error);
    more.textContent = "Try again";
    delete more.dataset.automatic; // until the user presses the button
    more.hidden = false;
  } finally {
    grid.removeAttribute("aria-busy");
    loading = false;
  }
}

function createTile(photo) {
  const image = element("img", {
    alt: photo.title,
    loading: "lazy",
    decoding: "async",
    width: photo.width,
    height: photo.height,
    onload: () => tile.classList.add("loaded"),
  });
  const link = element(
    "a",
    { href: photoAddress(photo) },
    image,
    element("span", {
      className: "caption",
      textContent: photo.title,
      dir: "auto",
      "aria-hidden": "true",
    }),
  );
  const tile = element("li", { "data-photo-id": photo.photo_id }, link);
  tile.style.setProperty("--color", photo.color);
  const sizes = Object.values(photo.renditions).sort((a, b) => a.width - b.width);
  return { photo, tile, image, sizes, shown: 0 };
}

/** Request a rendition for this width, unless one at least as large is requested already. */
function showImage(item, width) {
  const needed = width * devicePixelRatio;
  const best = item.sizes.find((size) => size.width >= needed) ?? item.sizes.at(-1);
  if (best.width <= item.shown) return;
  item.shown = best.width;
  item.image.src = best.path;
}

/** Lay the tiles out in rows of nearly the same height that fill the width. */
function place() {
  const width = grid.clientWidth;
  placedWidth = width;
  const goal = Math.min(270, Math.max(180, width / 4));
  let row = [];
  let ratios = 0;
  let y = 0;

  function close(height) {
    let x = 0;
    for (const [item, ratio] of row) {
      const share = ratio * height;
      item.tile.style.transform = `translate(${x.toFixed(2)}px, ${y.toFixed(2)}px)`;
      item.tile.style.width = `${share.toFixed(2)}px`;
      item.tile.style.height = `${height.toFixed(2)}px`;
      showImage(item, Math.max(share, (height * item.photo.width) / item.photo.height));
      x += share + GAP;
    }
    y += height + GAP;
    row = [];
    ratios = 0;
  }

  for (const tile of grid.children) {
    const item = tiles.get(tile.dataset.photoId);
    const ratio = Math.min(3, Math.max(0.5, item.photo.width / item.photo.height));
    row.push([item, ratio]);
    ratios += ratio;
    const height = (width - GAP * (row.length - 1)) / ratios;
    if (height <= goal) close(height);
  }
  if (row.length) close(goal);
  if (tiles.size) grid.style.height = `${y.toFixed(2)}px`;
}
