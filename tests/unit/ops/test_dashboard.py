"""A dashboard's body as widgets, the queries to CloudWatch, and the picture."""

import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops.dashboard import fetch, main, query, show
from ops.dashboard_widgets import (
    Axis,
    DashboardError,
    Points,
    Series,
    Span,
    Widget,
    WidgetReading,
    lengthened,
    read_widgets,
    value_text,
)

END = datetime(2026, 11, 21, 8, tzinfo=UTC)
SPAN = Span(END - timedelta(hours=3), END)
MINUTES = [END - timedelta(minutes=number) for number in (3, 2, 1)]


def series(**changes: Any) -> Series:
    given = {"label": "all", "namespace": "AWS/Lambda", "metric": "Invocations", "stat": "Sum"}
    of = {"FunctionName": "counter"}
    return Series(**given | {"dimensions": of, "period": 60, "region": "us-east-1"} | changes)


def widget(metrics: list[list[Any]], **properties: Any) -> dict[str, Any]:
    place = {"x": 0, "y": 0, "width": 6, "height": 6}
    return {"type": "metric", **place, "properties": {"metrics": metrics, **properties}}


def read_series(metrics: list[list[Any]], **properties: Any) -> tuple[Series, ...]:
    [found] = read_widgets(json.dumps({"widgets": [widget(metrics, **properties)]}))
    return found.series


def named(found: Series) -> tuple[str, str, dict[str, str]]:
    return found.namespace, found.metric, found.dimensions


def test_dots_stand_for_the_values_above():
    first, second, third = read_series(
        [
            ["AWS/Lambda", "Invocations", "FunctionName", "counter"],
            [".", "Errors", ".", "."],
            [".", "Throttles", ".", "other"],
        ]
    )
    assert named(first) == ("AWS/Lambda", "Invocations", {"FunctionName": "counter"})
    assert named(second) == ("AWS/Lambda", "Errors", {"FunctionName": "counter"})
    assert named(third) == ("AWS/Lambda", "Throttles", {"FunctionName": "other"})


def test_three_dots_stand_for_all_omitted_values():
    _, second, third = read_series(
        [["AWS/SQS", "Sent", "QueueName", "a"], ["...", {"stat": "p99"}], ["...", "b"]]
    )
    assert (named(second), second.stat) == (("AWS/SQS", "Sent", {"QueueName": "a"}), "p99")
    assert named(third) == ("AWS/SQS", "Sent", {"QueueName": "b"})


def test_settings_of_a_metric_take_precedence_over_those_of_its_widget_and_of_cloudwatch():
    plain, own = read_series(
        [["A", "B"], ["A", "C", {"stat": "p50", "period": 300, "label": "c", "yAxis": "right"}]],
        stat="Sum",
        period=60,
        region="us-east-1",
    )
    assert (plain.stat, plain.period, plain.region, plain.label) == ("Sum", 60, "us-east-1", "B")
    assert (own.stat, own.period, own.region, own.label) == ("p50", 300, "us-east-1", "c")
    assert (plain.right, own.right) == (False, True)
    [bare] = read_series([["A", "B"]])
    assert (bare.stat, bare.period, bare.region) == ("Average", 300, None)


def test_a_computed_metric_is_refused_by_the_title_of_its_widget():
    with pytest.raises(DashboardError, match="'Rates' uses metric math"):
        read_series([[{"expression": "m1 / m2"}]], title="Rates")


def test_other_widgets_keep_their_place():
    place = {"x": 2, "y": 3, "width": 4, "height": 5}
    body = {
        "widgets": [
            {"type": "text", **place, "properties": {"markdown": "### Flows"}},
            {"type": "alarm", **place, "properties": {"title": "Alarms", "alarms": []}},
        ]
    }
    text, alarm = read_widgets(json.dumps(body))
    assert text == Widget("text", 2, 3, 4, 5, title="Flows")
    assert alarm == Widget("alarm", 2, 3, 4, 5, title="Alarms")


def test_query_has_the_metric_the_period_and_the_statistic():
    assert query(series(), "m0", SPAN) == {
        "Id": "m0",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": "Invocations",
                "Dimensions": [{"Name": "FunctionName", "Value": "counter"}],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }


@pytest.mark.parametrize(("hours", "period"), [(0.25, 60), (24, 60), (25, 120), (336, 840)])
def test_a_longer_time_has_longer_periods(hours: float, period: int):
    span = Span(END - timedelta(hours=hours), END)
    assert lengthened(60, span) == period
    assert span.seconds / period <= 1440


class CloudWatch:
    """Answers each query with its own number as the only value, and the first on two pages."""

    def __init__(self, region: str) -> None:
        self.region = region

    def get_paginator(self, name: str) -> "CloudWatch":
        assert name == "get_metric_data"
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        queries = asked["MetricDataQueries"]
        assert 0 < len(queries) <= 500
        for each in queries:
            [of] = each["MetricStat"]["Metric"]["Dimensions"]
            assert of["Value"].startswith(self.region)
        later = {"Id": queries[0]["Id"], "Timestamps": [MINUTES[2]], "Values": [-1]}
        results = [
            {"Id": each["Id"], "Timestamps": [MINUTES[1]], "Values": [float(each["Id"][1:])]}
            for each in queries
        ]
        yield {"MetricDataResults": [later]}
        yield {"MetricDataResults": results}


def test_each_series_gets_its_own_points_whatever_the_region_and_the_page():
    asked = [
        series(region=region, dimensions={"FunctionName": f"{region}-{number}"})
        for number, region in enumerate(["east", "west"] * 600)
    ]
    clients: Mapping[str | None, Any] = {name: CloudWatch(name) for name in ("east", "west")}
    found = fetch(clients, asked, SPAN)
    assert [dict(points)[MINUTES[1]] for points in found] == list(range(1200))
    assert found[0] == [(MINUTES[1], 0), (MINUTES[2], -1)], "oldest first"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "ms", "0 ms"),
        (12.345, "ms", "12.3 ms"),
        (999, "ms", "999 ms"),
        (1500, "ms", "1.5 s"),
        (90_000, "ms", "1.5 min"),
        (7_200_000, "ms", "2 h"),
        (12345, "", "12,345"),
        (0.25, "", "0.25"),
        (1.5, "%", "1.5 %"),
    ],
)
def test_values_are_written_for_a_person(value: float, unit: str, text: str):
    assert value_text(value, unit) == text


def reading(*points: Points, **changes: Any) -> WidgetReading:
    given = {"kind": "timeSeries", "x": 0, "y": 1, "width": 12, "height": 6, "title": "Calls"}
    several = tuple(series(label=f"line {number}") for number in range(len(points)))
    return WidgetReading(Widget(**given | {"series": several} | changes), points)


HEADING = WidgetReading(Widget("text", 0, 0, 24, 1, title="Flows"), ())


def test_the_table_has_the_last_and_the_highest_value_or_no_data():
    console = Console(file=io.StringIO(), width=120, record=True)
    show([HEADING, reading(list(zip(MINUTES, (1, 7, 3), strict=True)), [])], console)
    lines = [line.split("│") for line in console.export_text().splitlines()]
    cells = [[cell.strip() for cell in line] for line in lines]
    assert ["Calls", "line 0", "3", "7"] in cells
    assert ["", "line 1", "no data", ""] in cells


def test_the_picture_names_each_widget_and_says_where_there_is_no_data(tmp_path: Path):
    from ops.dashboard_plot import plot  # matplotlib is slow to import

    values = list(zip(MINUTES, (1.0, 7.0, 3.0), strict=True))
    right = tuple(series(label=name, right=name == "spilled") for name in ("used", "spilled"))
    readings = [
        HEADING,
        reading(values, [], left=Axis("ms", 0)),
        reading([], x=12, title="Nothing yet"),
        reading(values, values, y=7, title="Two scales", series=right, left=Axis(min=0, max=1)),
        reading(values, y=7, x=12, title="Found", kind="singleValue"),
        WidgetReading(Widget("alarm", 0, 13, 24, 3, title="Alarms"), ()),
    ]
    plot(readings, SPAN, "gallery", tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    for words in (
        "gallery",
        "21 November 2026, 05:00 to 08:00 UTC, one point per minute; grey: no data",
        "Flows",
        "Calls",
        "line 1",
        "5 ms",
        "Nothing yet",
        "spilled",
        "06:00",
        "alarm: only the console shows it",
    ):
        assert f">{words}<" in drawn, words
    assert drawn.count(">no data<") == 1


def test_the_same_picture_is_the_same_file(tmp_path: Path):
    from ops.dashboard_plot import plot  # matplotlib is slow to import

    for name in ("a.svg", "b.svg"):
        plot([reading([(MINUTES[0], 1.0)])], SPAN, "gallery", tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--hours", "0"], "invalid number of hours '0'"),
        (["--hours", "nan"], "invalid number of hours 'nan'"),
        (["--hours", "337"], "invalid number of hours '337'"),
        (["--plot", "picture.pdf"], "expected .svg or .png"),
        (["--plot", "/nowhere/a.svg"], "does not exist"),
    ],
)
def test_an_invalid_option_is_named_with_its_value(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        main(given)
    assert message in capsys.readouterr().err
