// Elements, formatted numbers, and announcements. No HTML is made from a string.

/** Errors with a message for the user; all other errors are faults of this page's code. */
export class UserError extends Error {
  /** Whether the same action may succeed later. */
  isTransient = false;
}

/** An error that may be over once the connection works again. */
export class ConnectionError extends UserError {
  isTransient = true;
}

/** The message for an error; faults of this page's code are also logged to the console. */
export function messageFor(error) {
  if (!(error instanceof UserError)) reportError(error);
  return error.message;
}

/** An element with properties (or attributes, if no property has the name) and children. */
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

/** A user's text for use in a sentence: its direction does not affect the text around it. */
export const isolated = (text) => `\u2068${withoutDirections(text)}\u2069`;

/** A user's text without the characters that change the direction of the text after it. */
export const withoutDirections = (text) => text.replace(DIRECTIONS, "");

export const byId = (id) => document.getElementById(id);

export const photoAddress = (photo) => `/photo.html?id=${encodeURIComponent(photo.photo_id)}`;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (number, noun) => `${whole.format(number)} ${noun}${number === 1 ? "" : "s"}`;

/** A duration: in milliseconds up to ten seconds, then in seconds, minutes or hours. */
export function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${whole.format(milliseconds)} ms`;
  if (seconds < 120) return `${tenth.format(seconds)} s`;
  return seconds < 7200 ? `${whole.format(seconds / 60)} min` : `${whole.format(seconds / 3600)} h`;
}

/** Milliseconds between two times of the API; null while one is unknown. Clocks may differ. */
export const between = (start, end) =>
  start && end ? Math.max(0, Date.parse(end) - Date.parse(start)) : null;

export const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Wait, but not longer than until the browser is online again. */
const waitOrOnline = (milliseconds) => {
  const online = new Promise((done) =>
    addEventListener("online", done, { once: true, signal: AbortSignal.timeout(milliseconds) }),
  );
  return Promise.race([wait(milliseconds), online]);
};

/** Wait while this page is in a tab that nobody sees. */
export async function untilVisible() {
  if (!document.hidden) return;
  await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}

const MAX_BETWEEN_ERRORS = 10_000;
const MAX_BETWEEN_ANSWERS = 60_000;

/** What to show while the request that has failed is repeated. */
export const retryText = (error) => `${messageFor(error)} Trying again…`;

/**
 * Repeat a request, at growing intervals, until `enough` accepts the answer; retry transient errors,
 * and tell `onError` of each, and `onAnswer` of each answer. The first request is sent after
 * `delay`. A hidden page asks nothing, unless `evenHidden`.
 */
export async function until(
  ask,
  enough = () => true,
  { delay = 0, evenHidden = false, onError = (error) => notify(retryText(error)), onAnswer } = {},
) {
  if (delay) await wait(delay);
  for (let pause = 1_000; ; pause *= 1.5) {
    if (!evenHidden) await untilVisible();
    let most = MAX_BETWEEN_ANSWERS;
    try {
      const answer = await ask();
      onAnswer?.();
      if (enough(answer)) return answer;
    } catch (error) {
      if (!error.isTransient) throw error;
      onError(error);
      most = MAX_BETWEEN_ERRORS;
    }
    await waitOrOnline(Math.min(pause, most));
  }
}

let noticeTimer;

/** Show a text for some seconds, also to screen readers. */
export function notify(text, milliseconds = 8_000) {
  const notice = byId("notice");
  if (notice.textContent !== text) notice.textContent = text; // or it is announced again
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (notice.textContent = ""), milliseconds);
}

/** Announce a text to screen readers, after the current announcement. */
export function announce(text) {
  const line = element("p", { textContent: text });
  byId("announcer").append(line);
  setTimeout(() => line.remove(), 10_000);
}
