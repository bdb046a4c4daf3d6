"""Draws a dashboard as one picture: its widgets in their grid, with titles, axes and values."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, MultipleLocator

from ops.dashboard_widgets import Axis, Points, Span, WidgetReading, lengthened, value_text

_COLUMNS: Final = 24
_WIDTH: Final = 1000.0  # pixels, as docs/operate.md shows the picture
_UNIT: Final = 25.0  # pixels per unit of the grid's height
_HEADER: Final = 40.0
_DPI: Final = 100
_GAP: Final = 3.0  # around each widget
# Between a widget's edge and its graph, in pixels: left, right, top, bottom.
_MARGINS: Final = (46.0, 12.0, 26.0, 36.0)
_COLORS: Final = ("#2f6fb0", "#e08a1e", "#2e8540", "#8a6fae")
_INK: Final = "#1b2733"
_PALE: Final = "#6b7785"
_PAPER: Final = "#eef1f4"
_EMPTY: Final = "#b3bcc5"  # for a series without data, in a legend
_STEPS: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)  # seconds
_TICKS: Final = 4
_FREE: Final = 0.04  # share of the time axis, at its start, that has no tick
_FEW: Final = 3  # so few points hardly make a line, and get larger markers
_UNDATED: Final = {".svg": {"Date": None}}  # the same data gives the same file


class _Box(NamedTuple):
    """A rectangle in pixels, measured from the picture's upper left corner."""

    x: float
    y: float
    width: float
    height: float


class _Canvas:
    """A figure in which everything is placed in pixels from the upper left corner."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(_WIDTH / _DPI, height / _DPI), facecolor=_PAPER)

    def axes(self, box: _Box) -> Axes:
        return self.figure.add_axes(self._share(box))

    def text(self, x: float, y: float, words: str, size: float, **style: Any) -> None:
        """`y` is the text's baseline, `size` its height, both in pixels."""
        style = {"color": _INK, **style}
        points = size * 72 / _DPI
        self.figure.text(x / _WIDTH, 1 - y / self.height, words, fontsize=points, **style)

    def card(self, box: _Box) -> None:
        left, bottom, width, height = self._share(box)
        self.figure.add_artist(
            FancyBboxPatch(
                (left, bottom),
                width,
                height,
                boxstyle=f"round,pad=0,rounding_size={4 / _WIDTH}",
                mutation_aspect=_WIDTH / self.height,
                facecolor="white",
                edgecolor="#d5dbe1",
                linewidth=0.7,
                transform=self.figure.transFigure,
                zorder=-1,
            )
        )

    def _share(self, box: _Box) -> tuple[float, float, float, float]:
        bottom = self.height - box.y - box.height
        return (
            box.x / _WIDTH,
            bottom / self.height,
            box.width / _WIDTH,
            box.height / self.height,
        )


def plot(readings: Sequence[WidgetReading], span: Span, stack: str, file: Path) -> None:
    """Draw every widget at its place in the grid."""
    rows = max((each.widget.y + each.widget.height for each in readings), default=0)
    canvas = _Canvas(_HEADER + rows * _UNIT + _GAP)
    canvas.text(2 * _GAP, 26, stack, 17, weight="bold")
    canvas.text(_WIDTH - 2 * _GAP, 26, _times(readings, span), 12, color=_PALE, ha="right")
    for reading in readings:
        widget = reading.widget
        box = _Box(
            widget.x * _WIDTH / _COLUMNS + _GAP,
            _HEADER + widget.y * _UNIT + _GAP,
            widget.width * _WIDTH / _COLUMNS - 2 * _GAP,
            widget.height * _UNIT - 2 * _GAP,
        )
        if widget.kind == "text":
            canvas.text(box.x + _GAP, box.y + box.height - 4, widget.title, 13, weight="bold")
            continue
        canvas.card(box)
        canvas.text(box.x + 10, box.y + 17, widget.title, 11.5, weight="bold")
        match widget.kind:
            case "timeSeries":
                _graph(canvas, reading, span, box)
            case "singleValue":
                _numbers(canvas, reading, box)
            case other:
                _centered(canvas, f"{other}: only the console shows it", box)
    with mpl.rc_context({"svg.hashsalt": "dashboard", "svg.fonttype": "none"}):
        canvas.figure.savefig(file, dpi=2 * _DPI, metadata=_UNDATED.get(file.suffix))


def _times(readings: Sequence[WidgetReading], span: Span) -> str:
    start, end = span.start.astimezone(UTC), span.end.astimezone(UTC)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%-d %B %Y, %H:%M}"
    times = f"{start:%-d %B %Y, %H:%M} to {until} UTC"
    graphs = [each.widget for each in readings if each.widget.kind == "timeSeries"]
    steps = {lengthened(series.period, span) for widget in graphs for series in widget.series}
    minutes = [f"{step // 60} minutes" if step > 60 else "minute" for step in sorted(steps)]
    points = f", one point per {' or '.join(minutes)}" if minutes else ""
    is_empty = [not found for each in readings if any(each.points) for found in each.points]
    return f"{times}{points}{'; grey: no data' if any(is_empty) else ''}"


def _graph(canvas: _Canvas, reading: WidgetReading, span: Span, box: _Box) -> None:
    widget, (x, y, width, height) = reading.widget, box
    if not any(reading.points):
        _centered(canvas, "no data", box)
        return
    left, right, top, bottom = _MARGINS
    right += 24 if any(each.right for each in widget.series) else 0
    axes = canvas.axes(_Box(x + left, y + top, width - left - right, height - top - bottom))
    other: Any = axes.twinx() if any(each.right for each in widget.series) else axes
    lines: list[Any] = []
    for number, (series, points) in enumerate(zip(widget.series, reading.points, strict=True)):
        color = (series.color or _COLORS[number % len(_COLORS)]) if points else _EMPTY
        target = other if series.right else axes
        shown = [(at, value) for at, value in points if at >= span.start]
        times, values = _with_gaps(shown, lengthened(series.period, span))
        lines += target.plot(
            times,
            values,
            color=color,
            label=series.label,
            linewidth=1.2 if number else 1.8,  # visible below a line with the same values
            marker="o",
            markersize=4.5 if 0 < len(points) <= _FEW else 2.4,
            markeredgewidth=0,
            clip_on=False,
        )
    _style_axes(axes, widget.left, span)
    if other is not axes:
        _style_axes(other, widget.right, span)
    legend = axes.legend(
        lines,
        [str(line.get_label()) for line in lines],
        loc="upper left",
        bbox_to_anchor=(-(left - 10) / (width - left - right), -0.2),
        ncols=len(lines),
        frameon=False,
        fontsize=10 * 72 / _DPI,
        handlelength=1,
        handletextpad=0.4,
        columnspacing=1.2,
        borderpad=0,
        borderaxespad=0,
    )
    for words, points in zip(legend.get_texts(), reading.points, strict=True):
        words.set_color(_INK if points else _EMPTY)


def _with_gaps(points: Points, period: int) -> tuple[list[float], list[float]]:
    """Points as numbers, with NaN for each period without a point, so that the line breaks."""
    times: list[float] = []
    values: list[float] = []
    if points:
        times, values = [points[0][0].timestamp()], [points[0][1]]
    for (before, _), (at, value) in pairwise(points):
        if at - before > timedelta(seconds=period):
            times.append(before.timestamp())
            values.append(float("nan"))
        times.append(at.timestamp())
        values.append(value)
    return times, values


def _style_axes(axes: Axes, axis: Axis, span: Span) -> None:
    """Set scale, ticks and grid."""
    axes.set_xlim(span.start.timestamp(), span.end.timestamp())
    low, high = axes.get_ylim()
    bottom = axis.min if axis.min is not None else low
    axes.set_ylim(bottom, axis.max if axis.max is not None else max(high, bottom + 1))
    whole = MaxNLocator(3, integer=axis.max is None)
    axes.yaxis.set_major_locator(_times_locator(high) if axis.label == "ms" else whole)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: value_text(value, axis.label)))
    step = next((each for each in _STEPS if span.seconds / each <= _TICKS), 2 * _STEPS[-1])
    clock = "%H:%M" if step < _STEPS[-1] else "%d %b"
    first = math.ceil((span.start.timestamp() + _FREE * span.seconds) / step) * step
    axes.xaxis.set_major_locator(FixedLocator(range(first, int(span.end.timestamp()) + 1, step)))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda seconds, _: datetime.fromtimestamp(seconds, UTC).strftime(clock))
    )
    axes.tick_params(labelsize=9.5 * 72 / _DPI, labelcolor=_PALE, length=0, pad=3)
    axes.grid(axis="y", color="#e3e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.patch.set_alpha(0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#c3cad1")


def _times_locator(highest: float) -> MultipleLocator:
    """Up to three ticks for milliseconds, at values that are round in ms, s, min or h."""
    powers = [digit * 10.0**power for power in range(-1, 4) for digit in (1, 2, 5)]
    longer = [15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3, 7200e3, 21600e3, 86400e3]
    steps = [*(each for each in powers if each < 15e3), *longer]
    return MultipleLocator(next((each for each in steps if highest / each <= 3), highest / 3))


def _numbers(canvas: _Canvas, reading: WidgetReading, box: _Box) -> None:
    x, y, width, height = box
    share = width / max(len(reading.widget.series), 1)
    for number, (series, points) in enumerate(
        zip(reading.widget.series, reading.points, strict=True)
    ):
        center = x + (number + 0.5) * share
        value = value_text(points[-1][1], reading.widget.left.label) if points else "no data"
        size, color = (20, _INK) if points else (11, _PALE)
        canvas.text(center, y + height - 24, value, size, color=color, ha="center")
        canvas.text(center, y + height - 8, series.label, 10, color=_PALE, ha="center")


def _centered(canvas: _Canvas, words: str, box: _Box) -> None:
    x, y = box.x + box.width / 2, box.y + box.height / 2 + 8
    canvas.text(x, y, words, 11, color=_PALE, ha="center")
