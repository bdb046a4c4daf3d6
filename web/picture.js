// The flow picture: the architecture; its parts are highlighted when photos pass.

import { byId, duration, svgElement } from "./dom.js";

/** How long a part stays highlighted, in milliseconds. */
export const HIGHLIGHT_MS = 2_500;

const FLOWS = {
  1: "you-uploads uploads-thumbnailer thumbnailer-media thumbnailer-photos media-edge",
  2: "you-api api-photos photos-replicator replicator-catalog catalog-edge",
  3: "api-stream stream-counter counter-views views-edge",
};

const picture = byId("picture");
export const drawing = byId("links");
export const links = new Map(); // name → {path, start, end}

for (const [flow, names] of Object.entries(FLOWS)) {
  for (const name of names.split(" ")) {
    const path = svgElement("path", { class: `flow${flow}`, "data-link": name });
    links.set(name, { path });
    drawing.append(path);
  }
}
new ResizeObserver(draw).observe(picture);

export const station = (name) => picture.querySelector(`[data-station="${name}"]`);

/** Draw the links between the stations at the places that the style sheet gives them. */
function draw() {
  const origin = picture.getBoundingClientRect();
  for (const [name, link] of links) {
    const [a, b] = name.split("-").map((end) => station(end).getBoundingClientRect());
    const across = b.left >= a.right;
    const middle = (low, high) => (Math.max(a[low], b[low]) + Math.min(a[high], b[high])) / 2;
    const [x, y] = [middle("left", "right") - origin.left, middle("top", "bottom") - origin.top];
    link.start = across ? { x: a.right - origin.left, y } : { x, y: a.bottom - origin.top };
    link.end = across ? { x: b.left - origin.left - 2, y } : { x, y: b.top - origin.top - 2 };
    const head = across ? "m-6-4 6 4-6 4" : "m-4-6 4 6 4-6";
    const { path, start, end } = link;
    path.setAttribute("d", `M${start.x} ${start.y}L${end.x} ${end.y}${head}`);
  }
}

/** Show how long the last photo took. */
export function showMeasure(name, milliseconds) {
  picture.querySelector(`[data-measure="${name}"]`).textContent = duration(milliseconds);
}

/** Highlight a station or a link for a moment. */
export function highlight(part) {
  part.classList.add("highlighted");
  clearTimeout(part.timer);
  part.timer = setTimeout(() => part.classList.remove("highlighted"), HIGHLIGHT_MS);
}
