"""`python -m ops.dashboard`: prints a stack's dashboard as a table, and draws it as a picture.

It reads the deployed dashboard, and the data of its metrics from CloudWatch by GetMetricData.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.arguments import stack_parser
from ops.console import command_console
from ops.dashboard_widgets import (
    DashboardError,
    Points,
    Series,
    Span,
    WidgetReading,
    lengthened,
    read_widgets,
    value_text,
)
from ops.deployed_stack import DeployedStack, StackError
from ops.plot_file import plot_file

DASHBOARD: Final = "GalleryDashboard"
_QUERIES: Final = 500  # maximum of GetMetricData per call
_LONGEST_HOURS: Final = 14 * 24  # CloudWatch keeps minutes for 15 days


def query(series: Series, identity: str, span: Span) -> dict[str, Any]:
    """The query for GetMetricData for one series."""
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
    """The points of each series, oldest first; `clients` by region, None for the stack's region."""
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


def read(body: str, span: Span) -> list[WidgetReading]:
    """All widgets with their data, read with the environment's credentials."""
    widgets = read_widgets(body)
    regions = {series.region for widget in widgets for series in widget.series}
    session = boto3.Session()  # not the default session, which remembers older credentials
    clients = {region: session.client("cloudwatch", region_name=region) for region in regions}
    readings = []
    for is_single_value in (False, True):
        shown = [each for each in widgets if (each.kind == "singleValue") is is_single_value]
        series = [each for widget in shown for each in widget.series]
        queried = span
        if is_single_value:  # it shows its last point, which may be older than the span
            longest = max((each.period for each in series), default=0)
            start = min(span.start, span.end - 2 * timedelta(seconds=longest))
            queried = Span(start, span.end)
        points = iter(fetch(clients, series, queried))
        readings += [
            WidgetReading(each, tuple(next(points) for _ in each.series)) for each in shown
        ]
    return sorted(readings, key=lambda each: (each.widget.y, each.widget.x))


def find_body(name: str) -> str:
    """The body of the stack's dashboard.

    Raises:
        StackError: the stack does not exist, or was deployed from a template without one.
    """
    stack = DeployedStack(name)
    cloudwatch = stack.session.client("cloudwatch")
    dashboard = stack.physical_id(DASHBOARD)
    return str(cloudwatch.get_dashboard(DashboardName=dashboard)["DashboardBody"])


def show(readings: Sequence[WidgetReading], console: Console) -> None:
    """Print each metric's last and highest value."""
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
            last, highest = "[dim]no data[/]", ""
            if values:
                last, highest = value_text(values[-1], unit), value_text(max(values), unit)
            table.add_row(escape(title), escape(series.label), last, highest)
            title = ""
    console.print(table)


def _hours(text: str) -> timedelta:
    try:
        hours = float(text)
    except ValueError:
        hours = 0
    if not 0 < hours <= _LONGEST_HOURS:
        limits = f"expected more than 0, at most {_LONGEST_HOURS}"
        raise argparse.ArgumentTypeError(f"invalid number of hours {text!r}: {limits}")
    return timedelta(hours=hours)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 only if there is a dashboard."""
    parser = stack_parser("make dashboard", __doc__)
    parser.add_argument("--hours", type=_hours, default="3", help="last hours to show (default 3)")
    parser.add_argument(
        "--plot", type=plot_file, metavar="FILE", help="draw a picture as .svg or .png"
    )
    options = parser.parse_args(arguments)
    console = command_console()
    now = datetime.now(UTC)
    span = Span((now - options.hours).replace(second=0, microsecond=0), now)
    try:
        readings = read(find_body(options.stack), span)
        show(readings, console)
        if options.plot:
            from ops.dashboard_plot import plot  # noqa: PLC0415 - matplotlib is slow to import

            plot(readings, span, options.stack, options.plot)
            console.print(f"[green]✓[/] {escape(str(options.plot))} is written.")
    except (DashboardError, StackError, BotoCoreError, ClientError, OSError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
