// Views per minute as bars and as a table.

import { count, element, svgElement } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 120;

const clock = (minute) =>
  new Date(minute).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

/** A chart in `figure` with its table in `body`; `draw` gets the minutes from the API. */
export function createChart(figure, body) {
  const chart = svgElement("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 28}`, role: "img" });
  const bars = [];
  const labels = [
    ["an hour ago", 0, "start"],
    ["half an hour ago", WIDTH / 2, "middle"],
    ["now", WIDTH, "end"],
  ];
  chart.append(
    svgElement("path", { d: `M0 ${HEIGHT}H${WIDTH}`, class: "axis" }),
    ...labels.map(([text, x, anchor]) =>
      svgElement("text", { x, y: HEIGHT + 23, "text-anchor": anchor }, text),
    ),
  );
  const peakLine = element("span", { id: "peak" });
  figure.firstElementChild.append(peakLine);
  figure.append(chart);

  function draw(minutes) {
    const most = Math.max(...minutes.map(({ views }) => views));
    const total = minutes.reduce((sum, { views }) => sum + views, 0);
    const step = WIDTH / minutes.length;
    for (const [index, { minute, views }] of minutes.entries()) {
      if (!bars[index]) {
        const box = { x: index * step + 1, width: step - 2, height: HEIGHT, rx: 2 };
        bars[index] = svgElement("rect", box);
        bars[index].append(svgElement("title"));
        chart.append(bars[index]);
      }
      const share = most ? views / most : 0;
      bars[index].style.transform = `translateY(${HEIGHT}px) scaleY(${-share})`;
      bars[index].firstChild.textContent = `${clock(minute)}: ${count(views, "view")}`;
    }
    const peak = minutes.find(({ views }) => views === most);
    const peakText = most ? `most ${most} at ${clock(peak.minute)}` : "";
    peakLine.textContent = peakText;
    const lastHour = `${count(total, "view")} in the last hour`;
    chart.setAttribute("aria-label", peakText ? `${lastHour}, ${peakText}.` : `${lastHour}.`);
    const seen = minutes.filter(({ views }) => views).toReversed();
    const cell = (textContent) => element("td", { textContent });
    body.replaceChildren(
      ...seen.map(({ minute, views }) => element("tr", {}, cell(clock(minute)), cell(views))),
    );
  }

  return { draw };
}
