"""`python -m ops.dashboard`: what a stack's dashboard shows, as a table and as a picture.

It reads the deployed dashboard and, by GetMetricData, what CloudWatch has for each of its metrics.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any, Final

import boto3
import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.plot_file import plot_file

DASHBOARD: Final = "GalleryDashboard"
_QUERIES: Final = 500  # the most that GetMetricData takes at once
_POINTS: Final = 1440  # of a line; a longer time has longer periods, as in the console
_LONGEST_HOURS: Final = 14 * 24  # CloudWatch keeps minutes for 15 days
_DEFAULT_PERIOD: Final = 300

type Points = list[tuple[datetime, float]]


class DashboardError(Exception):
    """Why there is nothing to show, and the way out."""


class Axis(msgspec.Struct, frozen=True):
    """One side of a graph; `label` is the unit here, for `showUnits` is off."""

    label: str = ""
    min: float | None = None
    max: float | None = None


class Series(msgspec.Struct, frozen=True):
    """One metric of a widget by one statistic; `period` in seconds."""

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
    """A rectangle of the grid, which is 24 wide; `kind` is the metric's view, or the type."""

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
    """The time that is shown."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


class Reading(msgspec.Struct, frozen=True):
    """A widget, and what CloudWatch has for each of its series, oldest first."""

    widget: Widget
    points: tuple[Points, ...]


def read_widgets(body: str) -> list[Widget]:
    """The widgets of a dashboard's body.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html

    Raises:
        DashboardError: a metric is written in a way that is not understood here.
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
            raise DashboardError(f"The widget {title!r} computes its metrics, which only AWS does.")
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
    """Without `.`, which is what stood there above, and `...`, which is all that is left out."""
    if named[0] == "...":
        rest = named[1:]
        return [*before[: len(before) - len(rest)], *rest]
    return [before[place] if each == "." else each for place, each in enumerate(named)]


def lengthened(period: int, span: Span) -> int:
    """The period, or so many whole minutes that a line has no more than 1,440 points."""
    return max(period, 60 * math.ceil(span.seconds / _POINTS / 60))


def query(series: Series, identity: str, span: Span) -> dict[str, Any]:
    """What GetMetricData is asked for one series."""
    return {
        "Id": identity,
        "MetricStat": {
            "Metric": {
                "Namespace": series.namespace,
                "MetricName": series.metric,
                "Dimensions": [
                    {"Name": name, "Value": value} for name, value in series.dimensions.items()
                ],
            },
            "Period": lengthened(series.period, span),
            "Stat": series.stat,
        },
    }


def fetch(clients: Mapping[str | None, Any], series: Sequence[Series], span: Span) -> list[Points]:
    """What CloudWatch has, oldest first, for each; `clients` by region, None for their own."""
    found: list[Points] = [[] for _ in series]
    for region, client in clients.items():
        numbers = [number for number, each in enumerate(series) if each.region == region]
        for some in batched(numbers, _QUERIES, strict=False):
            pages = client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[query(series[number], f"m{number}", span) for number in some],
                StartTime=span.start,
                EndTime=span.end,
                ScanBy="TimestampAscending",
            )
            for result in (each for page in pages for each in page["MetricDataResults"]):
                points = zip(result["Timestamps"], result["Values"], strict=True)
                found[int(result["Id"][1:])] += points
    return [sorted(points) for points in found]


def read(body: str, span: Span) -> list[Reading]:
    """All widgets with what is to be seen in them, with the environment's credentials."""
    widgets = read_widgets(body)
    regions = {series.region for widget in widgets for series in widget.series}
    session = boto3.Session()  # not the process's, which remembers older credentials
    clients = {region: session.client("cloudwatch", region_name=region) for region in regions}
    readings = []
    for whole_days in (False, True):  # a single value is its last, however short the time shown
        shown = [each for each in widgets if (each.kind == "singleValue") is whole_days]
        series = [each for widget in shown for each in widget.series]
        begin = span.end - 2 * timedelta(seconds=max((each.period for each in series), default=0))
        asked = Span(min(span.start, begin), span.end) if whole_days else span
        points = iter(fetch(clients, series, asked))
        readings += [Reading(each, tuple(next(points) for _ in each.series)) for each in shown]
    return sorted(readings, key=lambda each: (each.widget.y, each.widget.x))


def find_body(stack: str) -> str:
    """The body of the stack's dashboard.

    Raises:
        DashboardError: there is no such stack, or it was deployed from a template without one.
    """
    session = boto3.Session()  # as in read()
    try:
        found = session.client("cloudformation").describe_stack_resource(
            StackName=stack, LogicalResourceId=DASHBOARD
        )["StackResourceDetail"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise DashboardError(
            f"{error.response['Error']['Message']}. Is {stack} the stack, and deployed from the"
            " template as it is now?"
        ) from None
    name = found["PhysicalResourceId"]
    return str(session.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])


def value_text(value: float, unit: str) -> str:
    """A value for a person; what is in `ms` as ms, s, min or h, whatever is short."""
    if unit == "ms":
        for size, name in ((3_600_000, "h"), (60_000, "min"), (1000, "s")):
            if value >= size:
                return f"{value / size:.3g} {name}"
        return f"{value:.3g} ms" if value < 100 else f"{value:.0f} ms"
    if unit == "%":
        return f"{value:.3g} %"
    return f"{value:,.0f}" if value == round(value) or value >= 100 else f"{value:.2g}"


def show(readings: Sequence[Reading], console: Console) -> None:
    """Print each metric's last value, and its highest."""
    table = Table(title_justify="left", show_edge=False, pad_edge=False)
    for column in ("", "metric", "last", "highest"):
        table.add_column(column, justify="right" if column in {"last", "highest"} else "left")
    for reading in readings:
        if not reading.widget.series:
            table.add_section()
            table.add_row(f"[bold]{escape(reading.widget.title)}[/]")
        title = reading.widget.title
        for series, points in zip(reading.widget.series, reading.points, strict=True):
            unit = (reading.widget.right if series.right else reading.widget.left).label
            values = [value for _, value in points]
            numbers = (
                [value_text(each, unit) for each in (values[-1], max(values))] if values else []
            )
            table.add_row(
                escape(title), escape(series.label), *(numbers or ["[dim]no data[/]", ""])
            )
            title = ""
    console.print(table)


def _hours(text: str) -> timedelta:
    try:
        hours = float(text)
    except ValueError:
        hours = 0
    if not 0 < hours <= _LONGEST_HOURS:
        limits = f"above 0, up to {_LONGEST_HOURS}"
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours: {limits}")
    return timedelta(hours=hours)


def main(arguments: list[str] | None = None) -> int:
    """The exit status is 0 only if there is a dashboard."""
    parser = argparse.ArgumentParser(prog="make dashboard", description=__doc__)
    parser.add_argument("--stack", default="lambda-gallery-dev", help="name of the stack")
    parser.add_argument("--hours", type=_hours, default="3", help="up to now (default 3)")
    parser.add_argument("--plot", type=plot_file, metavar="FILE", help="a picture, .svg or .png")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    now = datetime.now(UTC)
    span = Span((now - options.hours).replace(second=0, microsecond=0), now)
    try:
        readings = read(find_body(options.stack), span)
        show(readings, console)
        if options.plot:
            from ops.dashboard_plot import plot  # noqa: PLC0415 - matplotlib is slow to import

            plot(readings, span, options.stack, options.plot)
            console.print(f"[green]✓[/] {escape(str(options.plot))} shows it.")
    except (DashboardError, BotoCoreError, ClientError, OSError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
