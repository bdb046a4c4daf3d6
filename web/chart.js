// Views per minute as bars and as a table.

import { count, element, svgElement } from "./dom.js";

const HEIGHT = 60; // of the bars, in pixels: the labels are below them
const LEAST = 10; // minutes

const clock = (minute) =>
  new Date(minute).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

/** The minutes since the first view, at least ten, so that the bars of few views are wide. */
function shownOf(minutes) {
  const first = minutes.findIndex(({ views }) => views);
  return minutes.slice(first < 0 ? -LEAST : Math.min(first, minutes.length - LEAST));
}

/** A chart in `figure` with its table in `body`; `draw` gets the minutes from the API. */
export function createChart(figure, body) {
  // Without a viewBox: the bars fill any width, and the labels keep their size.
  const chart = svgElement("svg", { role: "img", "aria-label": "No views are known yet." });
  const bars = svgElement("g");
  const [start, middle, end] = [
    ["0", "start"],
    ["50%", "middle"],
    ["100%", "end"],
  ].map(([x, anchor]) => svgElement("text", { x, y: HEIGHT + 16, "text-anchor": anchor }));
  chart.append(svgElement("line", { y1: HEIGHT, x2: "100%", y2: HEIGHT, class: "axis" }), bars);
  chart.append(start, middle, end);
  end.textContent = "now";
  const peakLine = element("span", { id: "peak" });
  figure.firstElementChild.append(peakLine);
  figure.append(chart);

  function createBars(number) {
    const step = 100 / number; // percent of the width
    const bar = (_, index) =>
      svgElement(
        "rect",
        { x: `${(index + 0.15) * step}%`, width: `${step * 0.7}%`, height: HEIGHT, rx: 2 },
        svgElement("title"),
      );
    bars.replaceChildren(...Array.from({ length: number }, bar));
    start.textContent = number === 60 ? "an hour ago" : `${number} minutes ago`;
    middle.textContent = number === 60 ? "half an hour ago" : "";
  }

  function draw(minutes) {
    const shown = shownOf(minutes);
    const most = Math.max(...shown.map(({ views }) => views));
    const total = shown.reduce((sum, { views }) => sum + views, 0);
    if (bars.children.length !== shown.length) createBars(shown.length);
    for (const [index, { minute, views }] of shown.entries()) {
      const bar = bars.children[index];
      bar.style.transform = `translateY(${HEIGHT}px) scaleY(${most ? -views / most : 0})`;
      bar.firstChild.textContent = `${clock(minute)}: ${count(views, "view")}`;
    }
    const peak = shown.find(({ views }) => views === most);
    const peakText = most ? `most ${most} at ${clock(peak.minute)}` : "";
    peakLine.textContent = peakText;
    const lastHour = `${count(total, "view")} in the last hour`;
    chart.setAttribute("aria-label", peakText ? `${lastHour}, ${peakText}.` : `${lastHour}.`);
    const seen = shown.filter(({ views }) => views).toReversed();
    const cell = (textContent) => element("td", { textContent });
    body.replaceChildren(
      ...seen.map(({ minute, views }) => element("tr", {}, cell(clock(minute)), cell(views))),
    );
  }

  return { draw };
}
