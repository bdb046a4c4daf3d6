// The flow picture: the architecture; its parts are highlighted when photos pass.

import { byId, duration, svgElement } from "./dom.js";

/** How long a part stays highlighted, in milliseconds. */
export const HIGHLIGHT_MS = 2_500;

// `a-b` leads from a to b. `a=b` is for requests and their answers, and leads both ways.
const LINKS = {
  flow1: "you-uploads uploads-thumbnailer thumbnailer-media thumbnailer-photos media=cdn",
  flow2: "you=cdn cdn=api api-photos photos-replicator replicator-catalog catalog-api",
  flow3: "api-stream stream-counter counter-views views-api",
  failure: "thumbnailer-events replicator-batches counter-batches",
};

const picture = byId("picture");
export const drawing = byId("links");
export const links = new Map(); // name → {path, start, end}, in both directions if it leads both ways

for (const [kind, names] of Object.entries(LINKS)) {
  for (const name of names.split(" ")) {
    const path = svgElement("path", { class: kind, "data-link": name });
    const [a, b] = name.split(/[-=]/);
    links.set(`${a}-${b}`, { path });
    if (name.includes("=")) links.set(`${b}-${a}`, { path });
    drawing.append(path);
  }
}
new ResizeObserver(draw).observe(picture);

/** Draw the links between the stations at the places that the style sheet gives them. */
function draw() {
  const origin = picture.getBoundingClientRect();
  // All boxes first: a box that is read after a path has changed costs a layout of its own.
  const boxes = [...picture.querySelectorAll("li")].map((li) => [li.id, li.getBoundingClientRect()]);
  const boxOf = Object.fromEntries(boxes);
  for (const [name, link] of links) {
    const [a, b] = name.split("-").map((id) => boxOf[id]);
    const [x, dx] = between(a, b, "left", "right");
    const [y, dy] = between(a, b, "top", "bottom");
    const at = (sign) => ({ x: x + sign * dx - origin.left, y: y + sign * dy - origin.top });
    Object.assign(link, { start: at(-1), end: at(1) });
    const { path, start, end } = link;
    const [right, down] = [Math.sign(dx), Math.sign(dy)];
    let line = `M${start.x} ${start.y}L${end.x} ${end.y}${head(end, right, down)}`;
    if (links.has(name.split("-").reverse().join("-"))) line += head(start, -right, -down);
    if (down && path.classList.contains("failure")) line = around(a, b, origin);
    path.setAttribute("d", line);
  }
}

/** On one axis, the middle between two boxes, or of what they share, and half of their distance. */
function between(a, b, low, high) {
  const [from, to] = [Math.max(a[low], b[low]), Math.min(a[high], b[high])];
  return [(from + to) / 2, (Math.max(0, from - to) / 2) * Math.sign(b[low] - a[low])];
}

/** On a narrow screen, a line on the left of all boxes between a and b. */
function around(a, b, { left, top }) {
  const y = (box) => box.top + box.height / 2 - top;
  const end = { x: b.left - left, y: y(b) };
  return `M${a.left - left} ${y(a)}H${end.x - 8}V${end.y}H${end.x}${head(end, 1, 0)}`;
}

/** The head of an arrow that arrives at this point in the direction (dx, dy). */
const head = ({ x, y }, dx, dy) =>
  `M${x - 6 * dx - 4 * dy} ${y - 6 * dy - 4 * dx}L${x} ${y}L${x - 6 * dx + 4 * dy} ${y - 6 * dy + 4 * dx}`;

/** Show how long the last photo took. */
export function showMeasure(name, milliseconds) {
  picture.querySelector(`[data-measure="${name}"]`).textContent = duration(milliseconds);
}

/** Highlight a station or a link for a moment. */
export function highlight(part, failed = false) {
  part.classList.add("highlighted");
  part.classList.toggle("failed", failed);
  clearTimeout(part.timer);
  part.timer = setTimeout(() => part.classList.remove("highlighted"), HIGHLIGHT_MS);
}
