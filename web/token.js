// Photos as tokens that move through the flow picture.
//
// A move takes longer in the picture than in reality, so the picture may be late. It never shows
// what has not happened yet.

import { byId, svgElement, wait } from "./dom.js";
import { HIGHLIGHT_MS, highlight, links, showMeasure, drawing } from "./picture.js";

const MOVE_MS = 450;

const still = matchMedia("(prefers-reduced-motion: reduce)");
const at = ({ x, y }) => `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;

async function move(shape, points, milliseconds) {
  if (!still.matches && !document.hidden) {
    const steps = points.map((point) => ({ transform: at(point) }));
    const { finished } = shape.animate(steps, { duration: milliseconds, easing: "ease-in-out" });
    await Promise.race([finished, wait(milliseconds * 2)]); // a hidden page animates nothing
  }
  shape.style.transform = at(points.at(-1));
}

/** Move a dot, which is a record, a rendition or a view, along these links. */
async function moveDot(flow, ...names) {
  for (const name of names) {
    const { path, start, end } = links.get(name);
    const shape = svgElement("circle", { r: 4.5, class: `dot flow${flow}` });
    highlight(path);
    drawing.append(shape);
    await move(shape, [start, end], MOVE_MS * 0.8);
    shape.remove();
    highlight(byId(name.split("-")[1]));
  }
}

const slots = new Set();

/** The token of one photo. Its moves are played in order. */
export class Token {
  #played = Promise.resolve();
  #shape = null;
  #behind = 0; // moves that are not played yet
  #at = null; // the station that processes it
  #failed = false;
  #slot;
  #image;

  constructor(image) {
    this.#image = image;
    this.#slot = 0;
    while (slots.has(this.#slot)) this.#slot += 1;
    slots.add(this.#slot);
  }

  /** The record exists: PENDING. */
  created() {
    highlight(byId("you"));
    moveDot(2, "you-cdn", "cdn-api", "api-photos");
  }

  /** A share of the file has been sent. */
  sent(share) {
    const { start, end } = links.get("you-uploads");
    const part = (axis) => start[axis] + (end[axis] - start[axis]) * share;
    this.#appear(start);
    this.#shape.style.transform = at(this.#besideOthers({ x: part("x"), y: part("y") }));
  }

  uploaded() {
    this.#then(() => this.#moveAlong("you-uploads", "uploads-thumbnailer"));
    this.#then(() => this.#work("thumbnailer"));
  }

  thumbnailed(milliseconds) {
    this.#then(() => {
      this.#leave("thumbnailed", milliseconds);
      moveDot(1, "thumbnailer-media");
    });
    this.#then(() => this.#moveAlong("thumbnailer-photos", "photos-replicator"));
    this.#then(() => this.#work("replicator"));
  }

  replicated(milliseconds) {
    this.#then(() => this.#leave("replicated", milliseconds));
    this.#then(() => this.#moveAlong("replicator-catalog", "catalog-api", "api-cdn", "cdn-you"));
    this.#then(() => {
      moveDot(1, "media-cdn", "cdn-you");
      highlight(byId("edge"));
    });
  }

  viewed() {
    this.#then(() => moveDot(3, "you-cdn", "cdn-api", "api-stream", "stream-counter"));
    this.#then(() => this.#work("counter"));
  }

  counted(milliseconds) {
    this.#then(() => this.#leave("counted", milliseconds));
    this.#then(() => moveDot(3, "counter-views", "views-api", "api-cdn", "cdn-you"));
    this.#then(() => this.remove());
  }

  /** The photo is unusable: thumbnailer writes that into its record. */
  failed() {
    this.#then(() => {
      this.#leave();
      this.#failed = true;
      this.#shape?.classList.add("failed");
      return this.#moveAlong("thumbnailer-photos");
    });
    this.#then(() => wait(HIGHLIGHT_MS));
    this.#then(() => this.remove());
  }

  /** Remove the token. */
  remove() {
    this.#leave();
    this.#shape?.remove();
    this.#shape = null;
    slots.delete(this.#slot);
  }

  #then(play) {
    this.#behind += 1;
    this.#played = this.#played.then(play).finally(() => (this.#behind -= 1));
  }

  #appear(point) {
    if (this.#shape) return;
    const box = { x: -12, y: -12, width: 24, height: 24, "clip-path": "url(#round)" };
    const image = { ...box, href: this.#image, preserveAspectRatio: "xMidYMid slice" };
    this.#shape = svgElement("g", { class: "token" }, svgElement("circle", { r: 13.5 }));
    if (this.#image) this.#shape.append(svgElement("image", image));
    this.#shape.style.transform = at(point);
    drawing.append(this.#shape);
  }

  async #moveAlong(...names) {
    for (const name of names) {
      const { path, start, end } = links.get(name);
      this.#appear(start);
      highlight(path, this.#failed);
      const { e: x, f: y } = new DOMMatrix(getComputedStyle(this.#shape).transform);
      const points = [{ x, y }, this.#besideOthers(start), this.#besideOthers(end)];
      await move(this.#shape, points, MOVE_MS / Math.max(1, this.#behind - 1));
      highlight(byId(name.split("-")[1]), this.#failed);
    }
  }

  #work(name) {
    this.#at = byId(name);
    this.#at.tokens = (this.#at.tokens ?? 0) + 1;
    this.#at.classList.add("working");
  }

  #leave(step, milliseconds) {
    if (step) showMeasure(step, milliseconds);
    if (!this.#at) return;
    highlight(this.#at);
    this.#at.tokens -= 1;
    this.#at.classList.toggle("working", this.#at.tokens > 0);
    this.#at = null;
  }

  /** The point, moved a little for each token, so that tokens at one place do not overlap. */
  #besideOthers({ x, y }) {
    const turn = this.#slot * 2.4;
    const away = Math.min(16, 6 * Math.sqrt(this.#slot));
    return { x: x + away * Math.cos(turn), y: y + away * Math.sin(turn) };
  }
}
