// Elements, words for figures, and announcements. No HTML is ever made from a string.

/** What can happen to anybody, in words for them; other errors are faults of this page's code. */
export class Trouble extends Error {}

/** What to say of an error; a fault of our own goes to the console too. */
export function wordsFor(error) {
  if (!(error instanceof Trouble)) reportError(error);
  return error.message;
}

/** An element with properties (or attributes, where no property has the name) and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** As `element`, for SVG, whose names are all attributes. */
export function svgElement(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g; // embeddings, overrides and isolates

/** A text of a person for a sentence of ours: it never reorders what stands around it. */
export const isolated = (text) => `\u2068${withoutDirections(text)}\u2069`;

/** A text of a person without the characters that change the direction of the text after it. */
export const withoutDirections = (text) => text.replace(DIRECTIONS, "");

export const byId = (id) => document.getElementById(id);

export const photoAddress = (photo) => `/photo.html?id=${encodeURIComponent(photo.photo_id)}`;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (number, noun) => `${whole.format(number)} ${noun}${number === 1 ? "" : "s"}`;

export const megabytes = (bytes) =>
  bytes < 100_000 ? `${tenth.format(bytes / 1000)} kB` : `${tenth.format(bytes / 1e6)} MB`;

/** Milliseconds up to ten seconds, and what a person would say beyond. */
export function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${whole.format(milliseconds)} ms`;
  if (seconds < 120) return `${tenth.format(seconds)} s`;
  return seconds < 7200 ? `${whole.format(seconds / 60)} min` : `${whole.format(seconds / 3600)} h`;
}

/** From one of the API's times to another; null while either is unknown. Clocks may disagree. */
export const between = (start, end) =>
  start && end ? Math.max(0, Date.parse(end) - Date.parse(start)) : null;

export const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Say it to screen readers, after what they are saying. */
export function announce(text) {
  const line = element("p", { textContent: text });
  byId("announcer").append(line);
  setTimeout(() => line.remove(), 10_000);
}
