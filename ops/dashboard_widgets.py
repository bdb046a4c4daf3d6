"""The widgets of a CloudWatch dashboard, and their data."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any, Final

import msgspec

_POINTS: Final = 1440  # per line; a longer time span has longer periods, as in the console
_DEFAULT_PERIOD: Final = 300

type Points = list[tuple[datetime, float]]


class DashboardError(Exception):
    """The dashboard cannot be shown; the message says why."""


class Axis(msgspec.Struct, frozen=True):
    """One axis of a graph; `label` is the unit, because `showUnits` is off."""

    label: str = ""
    min: float | None = None
    max: float | None = None


class Series(msgspec.Struct, frozen=True):
    """One metric of a widget with one statistic; `period` is in seconds."""

    label: str
    namespace: str
    metric: str
    dimensions: dict[str, str]
    stat: str
    period: int
    region: str | None
    color: str | None = None
    right: bool = False


class Widget(msgspec.Struct, frozen=True):
    """A rectangle in the grid of 24 columns; `kind` is the view of a metric widget, or the type."""

    kind: str
    x: int
    y: int
    width: int
    height: int
    title: str = ""
    series: tuple[Series, ...] = ()
    left: Axis = Axis()
    right: Axis = Axis()


class Span(msgspec.Struct, frozen=True):
    """The time span of a picture."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


class WidgetReading(msgspec.Struct, frozen=True):
    """A widget, and the points of each of its series, oldest first."""

    widget: Widget
    points: tuple[Points, ...]


def read_widgets(body: str) -> list[Widget]:
    """Parse the body of a dashboard.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html

    Raises:
        DashboardError: a widget uses metric math, which is not supported here.
    """
    return [_widget(each) for each in json.loads(body)["widgets"]]


def _widget(given: Mapping[str, Any]) -> Widget:
    properties = given["properties"]
    place = {side: given[side] for side in ("x", "y", "width", "height")}
    if given["type"] != "metric":
        title = properties.get("markdown", properties.get("title", "")).lstrip("# ")
        return Widget(given["type"], **place, title=title)
    axes = properties.get("yAxis", {})
    return Widget(
        properties.get("view", "timeSeries"),
        **place,
        title=properties.get("title", ""),
        series=tuple(_series(properties)),
        left=msgspec.convert(axes.get("left", {}), Axis),
        right=msgspec.convert(axes.get("right", {}), Axis),
    )


def _series(properties: Mapping[str, Any]) -> Iterator[Series]:
    before: list[str] = []
    for given in properties["metrics"]:
        options = given[-1] if isinstance(given[-1], dict) else {}
        named = [each for each in given if not isinstance(each, dict)]
        if "expression" in options or not named:
            title = properties.get("title", "")
            raise DashboardError(
                f"The widget {title!r} uses metric math: only CloudWatch's console shows it."
            )
        namespace, metric, *dimensions = before = _written_out(named, before)
        yield Series(
            label=options.get("label", metric),
            namespace=namespace,
            metric=metric,
            dimensions=dict(batched(dimensions, 2, strict=True)),
            stat=options.get("stat", properties.get("stat", "Average")),
            period=options.get("period", properties.get("period", _DEFAULT_PERIOD)),
            region=options.get("region", properties.get("region")),
            color=options.get("color"),
            right=options.get("yAxis") == "right",
        )


def _written_out(named: Sequence[str], before: Sequence[str]) -> list[str]:
    """Replace `.` (the value above) and `...` (all values above that are left out)."""
    if named[0] == "...":
        rest = named[1:]
        return [*before[: len(before) - len(rest)], *rest]
    return [before[place] if each == "." else each for place, each in enumerate(named)]


def lengthened(period: int, span: Span) -> int:
    """The period, or as many whole minutes as keep a line within 1,440 points."""
    return max(period, 60 * math.ceil(span.seconds / _POINTS / 60))


def value_text(value: float, unit: str) -> str:
    """A value for a person; milliseconds are shown in ms, s, min or h."""
    if unit == "ms":
        for size, name in ((3_600_000, "h"), (60_000, "min"), (1000, "s")):
            if value >= size:
                return f"{value / size:.3g} {name}"
        return f"{value:.3g} ms" if value < 100 else f"{value:.0f} ms"
    if unit == "%":
        return f"{value:.3g} %"
    return f"{value:,.0f}" if value == round(value) or value >= 100 else f"{value:.2g}"
