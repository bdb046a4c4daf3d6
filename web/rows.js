// The list of journeys: one row per photo, from its first byte to its first counted view.

import { between, byId, duration, element, isolated, photoAddress } from "./dom.js";

const list = byId("journeys");
/** Each step, and the times between which it is measured. */
export const STEPS = [
  ["thumbnailed", "uploaded_at", "ready_at"],
  ["replicated", "ready_at", "replicated_at"],
  ["counted", "viewed_at", "counted_at"],
];
const WORDS = {
  signed_out: "Waiting for you to sign in",
  queued: "Waiting for other uploads",
  pending: "Waiting for its upload or for thumbnailer",
  sending: "Preparing the upload",
  uploaded: "Uploaded; thumbnailer processes it",
  thumbnailed: "Thumbnails made; catalog_replicator copies the record",
  replicated: "In the gallery; view_counter counts one view",
  listed: "In the gallery",
  complete: "Complete",
};
const rows = new Map(); // journey → row

/** The milliseconds of a step, as far as they are known. */
export const measure = (journey, step) => {
  const [, start, end] = STEPS.find(([name]) => name === step);
  return between(journey.times[start], journey.times[end]);
};

/** Show these journeys, the first at the top. The focus of a removed row moves to the next one. */
export function showRows(journeys) {
  const active = document.activeElement;
  let focused = -1;
  for (const [journey, row] of rows) {
    if (journeys.includes(journey)) continue;
    if (row.contains(active)) focused = [...list.children].indexOf(row);
    row.remove();
    rows.delete(journey);
  }
  for (const [index, journey] of journeys.entries()) {
    if (!rows.has(journey)) rows.set(journey, element("li", { className: "journey" }));
    const row = rows.get(journey);
    row.style.setProperty("--index", index);
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    drawRow(journey);
  }
  if (focused >= 0) focusIn(list.children[Math.min(focused, journeys.length - 1)]);
  else if (list.contains(active)) active.focus({ preventScroll: true }); // its row may have moved
  list.style.setProperty("--rows", journeys.length);
  byId("no-journeys").hidden = journeys.length > 0;
  drawBars();
}

/** Scroll the list to its first row. */
export const showTop = () => list.parentElement.scrollTo({ top: 0 });

/** Show what has changed in one journey. */
export function drawRow(journey) {
  const row = rows.get(journey);
  if (!row) return;
  row.dataset.state = journey.state;
  if (journey.photo) row.dataset.photoId = journey.photo.photo_id;
  if (row.drawn === journey.state && journey.state === "sending") return drawProgress(journey, row);
  const focused = row.contains(document.activeElement);
  const actions = journey.actions ?? (journey.trouble ? [] : null); // its text needs the width
  row.drawn = journey.state;
  row.style.setProperty("--color", journey.photo?.color ?? "var(--line)");
  row.replaceChildren(
    element("span", { className: "swatch" }, ...(journey.image ? [picture(journey.image)] : [])),
    element(
      "span",
      { className: "what" },
      title(journey),
      " ",
      element("span", { className: "state", textContent: stateText(journey) }),
    ),
    ...(journey.state === "sending" || !actions ? [bar(journey)] : []),
    ...(actions
      ? [element("span", { className: "actions" }, ...actions.map(button))]
      : STEPS.flatMap(([name], index) => figure(journey, name, index + 1))),
  );
  if (focused) focusIn(row);
  drawBars();
}

/** Focus the first button or link of a row, or the list if it has none. */
function focusIn(row) {
  (row?.querySelector("button, a") ?? list.parentElement).focus();
}

function stateText(journey) {
  const said = journey.error ?? journey.trouble ?? journey.slow;
  if (said) return said;
  if (journey.state === "sending" && journey.share !== null) {
    return `Uploading: ${Math.round(journey.share * 100)} %`;
  }
  const total = journey.state === "complete" && sum(journey);
  return total ? `Complete: ${duration(total)} in all` : WORDS[journey.state];
}

function drawProgress(journey, row) {
  row.querySelector(".state").textContent = stateText(journey);
  row.querySelector("progress").value = journey.share ?? 0;
}

const picture = (address) =>
  element("img", { src: address, alt: "", width: 40, height: 40, decoding: "async" });

function title(journey) {
  const words = { className: "title", textContent: journey.title, dir: "auto" };
  return journey.times.replicated_at
    ? element("a", { ...words, href: photoAddress(journey.photo) })
    : element("span", words);
}

function bar(journey) {
  if (journey.state === "sending") {
    const label = `Upload of ${isolated(journey.title)}`;
    const progress = element("progress", { max: 1, value: 0, "aria-label": label });
    return element("span", { className: "bar" }, progress);
  }
  const parts = STEPS.map((_, index) => element("i", { className: `flow${index + 1}` }));
  return element("span", { className: "bar", "aria-hidden": "true" }, ...parts);
}

function figure(journey, name, number) {
  const milliseconds = measure(journey, name);
  if (milliseconds === null && journey.state === "listed") return []; // no page here measured it
  return element(
    "span",
    { className: `figure flow${number}`, "data-measure": name },
    element("span", { className: "label", textContent: `${name} ` }),
    element("b", { textContent: milliseconds === null ? "–" : duration(milliseconds) }),
  );
}

const button = ([label, act]) =>
  element("button", { type: "button", textContent: label, onclick: act });

const sum = (journey) =>
  STEPS.reduce((total, [name]) => total + (measure(journey, name) ?? 0), 0);

let barsAreOld = false;

/** Draw the bars once after all changes of rows that are under way. */
function drawBars() {
  if (!barsAreOld) queueMicrotask(drawBarsNow);
  barsAreOld = true;
}

/** All bars on one scale, at most ten seconds, so that an outlier does not hide the others. */
function drawBarsNow() {
  barsAreOld = false;
  const scale = Math.min(10_000, Math.max(1_000, ...[...rows.keys()].map(sum)));
  for (const [journey, row] of rows) {
    let start = 0;
    for (const [index, part] of [...row.querySelectorAll(".bar i")].entries()) {
      const share = (measure(journey, STEPS[index][0]) ?? 0) / scale;
      part.style.transform = `translateX(${start * 100}%) scaleX(${share})`;
      start += share;
    }
  }
}
