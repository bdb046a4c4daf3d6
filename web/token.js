// Photos as tokens that move through the flow picture; loaded with the first upload.
//
// A move takes longer in the picture than in reality, so the picture may be late. It never shows
// what has not happened yet.

import { svgElement, wait } from "./dom.js";
import { AFTERGLOW, glow, links, showMeasure, stage, station } from "./picture.js";

const HOP = 450;

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

/** Animate a record, a rendition or a view along these links, one by one. */
async function spark(lane, ...names) {
  for (const name of names) {
    const { path, start, end } = links.get(name);
    const shape = svgElement("circle", { r: 4.5, class: `spark lane${lane}` });
    glow(path);
    stage.append(shape);
    await move(shape, [start, end], HOP * 0.8);
    shape.remove();
    glow(station(name.split("-")[1]));
  }
}

const seats = new Set();

/** The token of one photo. Its moves are played in order. */
export class Token {
  #played = Promise.resolve();
  #shape = null;
  #behind = 0; // acts to play
  #at = null; // the station that works on it
  #seat;
  #image;

  constructor(image) {
    this.#image = image;
    this.#seat = 0;
    while (seats.has(this.#seat)) this.#seat += 1;
    seats.add(this.#seat);
  }

  /** The record exists: PENDING. */
  created() {
    glow(station("you"));
    spark(2, "you-api", "api-photos");
  }

  /** A share of the file has been sent. */
  sent(share) {
    const { start, end } = links.get("you-uploads");
    const part = (axis) => start[axis] + (end[axis] - start[axis]) * share;
    this.#appear(start);
    this.#shape.style.transform = at(this.#seated({ x: part("x"), y: part("y") }));
  }

  uploaded() {
    this.#then(() => this.#hop("you-uploads", "uploads-thumbnailer"));
    this.#then(() => this.#work("thumbnailer"));
  }

  thumbnailed(milliseconds) {
    this.#then(() => {
      this.#leave("thumbnailed", milliseconds);
      spark(1, "thumbnailer-media", "media-edge");
    });
    this.#then(() => this.#hop("thumbnailer-photos", "photos-replicator"));
    this.#then(() => this.#work("replicator"));
  }

  replicated(milliseconds) {
    this.#then(() => this.#leave("replicated", milliseconds));
    this.#then(() => this.#hop("replicator-catalog", "catalog-edge"));
  }

  viewed() {
    this.#then(() => spark(3, "you-api", "api-stream", "stream-counter"));
    this.#then(() => this.#work("counter"));
  }

  counted(milliseconds) {
    this.#then(() => this.#leave("counted", milliseconds));
    this.#then(() => spark(3, "counter-views", "views-edge"));
    this.#then(() => this.gone());
  }

  /** The photo is unusable: the token stops where it is. */
  failed() {
    this.#then(() => {
      this.#leave();
      this.#shape?.classList.add("failed");
      return wait(AFTERGLOW);
    });
    this.#then(() => this.gone());
  }

  /** Remove the token. */
  gone() {
    this.#leave();
    this.#shape?.remove();
    this.#shape = null;
    seats.delete(this.#seat);
  }

  #then(act) {
    this.#behind += 1;
    this.#played = this.#played.then(act).finally(() => (this.#behind -= 1));
  }

  #appear(point) {
    if (this.#shape) return;
    const box = { x: -12, y: -12, width: 24, height: 24, "clip-path": "url(#round)" };
    const image = { ...box, href: this.#image, preserveAspectRatio: "xMidYMid slice" };
    this.#shape = svgElement("g", { class: "token" }, svgElement("circle", { r: 13.5 }));
    if (this.#image) this.#shape.append(svgElement("image", image));
    this.#shape.style.transform = at(point);
    stage.append(this.#shape);
  }

  async #hop(...names) {
    for (const name of names) {
      const { path, start, end } = links.get(name);
      this.#appear(start);
      glow(path);
      const { e: x, f: y } = new DOMMatrix(getComputedStyle(this.#shape).transform);
      const points = [{ x, y }, this.#seated(start), this.#seated(end)];
      await move(this.#shape, points, HOP / Math.max(1, this.#behind - 1));
      glow(station(name.split("-")[1]));
    }
  }

  #work(name) {
    this.#at = station(name);
    this.#at.tokens = (this.#at.tokens ?? 0) + 1;
    this.#at.classList.add("working");
  }

  #leave(stageName, milliseconds) {
    if (stageName) showMeasure(stageName, milliseconds);
    if (!this.#at) return;
    glow(this.#at);
    this.#at.tokens -= 1;
    this.#at.classList.toggle("working", this.#at.tokens > 0);
    this.#at = null;
  }

  /** Tokens that share a place stand a little apart. */
  #seated({ x, y }) {
    const turn = this.#seat * 2.4;
    const away = Math.min(16, 6 * Math.sqrt(this.#seat));
    return { x: x + away * Math.cos(turn), y: y + away * Math.sin(turn) };
  }
}
