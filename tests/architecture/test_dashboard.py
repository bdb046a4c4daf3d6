"""The dashboard is valid, and the metrics that it shows exist."""

import itertools
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from ops.dashboard_widgets import Series, Widget, read_widgets
from tests.architecture.test_alarms import emitted
from tests.support.repository import ROOT, load_template
from tools.translate import translate

FREE_METRICS = 50  # of a dashboard in the free tier: https://aws.amazon.com/cloudwatch/pricing/
AWS_METRICS = tomllib.loads((ROOT / "tests" / "data" / "aws_metrics.toml").read_text())
# It runs while a release is made, and CodeDeploy shows what it said.
UNSEEN = {"ReleaseCheckFunction"}
PSEUDO = {"AWS::Region", "AWS::StackName"}

type Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def resources() -> Resources:
    return dict(translate(load_template(), {})["Resources"])


@pytest.fixture(scope="module")
def substitution(resources: Resources) -> list[Any]:
    """The body, and by name what it is given besides resources."""
    return list(resources["GalleryDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])


@pytest.fixture(scope="module")
def widgets(substitution: list[Any]) -> list[Widget]:
    return read_widgets(substitution[0])


def all_series(widgets: list[Widget]) -> list[Series]:
    return [series for widget in widgets for series in widget.series]


def test_the_body_is_json_of_the_shape_that_cloudwatch_takes(substitution: list[Any]):
    body = json.loads(substitution[0])
    assert set(body) == {"start", "periodOverride", "widgets"}
    for widget in body["widgets"]:
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        assert widget["type"] in {"metric", "text"}
        if widget["type"] == "metric":
            properties = widget["properties"]
            assert {"title", "region", "metrics", "period"} <= set(properties), properties
            assert properties["period"] % 60 == 0, properties["title"]
            assert len(properties["title"]) <= 40, f"{properties['title']} is cut off"


def test_widgets_are_within_the_grid_and_do_not_overlap(widgets: list[Widget]):
    taken: dict[tuple[int, int], str] = {}
    for widget in widgets:
        assert widget.width >= 1
        assert widget.height >= 1
        assert 0 <= widget.x <= widget.x + widget.width <= 24, widget.title
        columns = range(widget.x, widget.x + widget.width)
        for cell in itertools.product(columns, range(widget.y, widget.y + widget.height)):
            assert cell not in taken, f"{widget.title!r} lies on {taken[cell]!r}"
            taken[cell] = widget.title
    rows = {y for _, y in taken}
    assert len(taken) == 24 * (max(rows) + 1), "the grid has empty cells"


def test_every_metric_is_emitted_with_these_dimensions(widgets: list[Widget]):
    for series in all_series(widgets):
        if series.namespace == "${AWS::StackName}":
            own = emitted(ROOT / "functions" / series.dimensions["service"])
            assert set(series.dimensions) == own[series.metric], series.metric
        else:
            known = AWS_METRICS[series.namespace][series.metric]
            assert sorted(series.dimensions) in [sorted(each) for each in known], series.metric


def test_statistics_fit_their_metrics(widgets: list[Widget]):
    """A count is added up, a time never is."""
    times = {"Latency", "Duration", "AsyncEventAge", "IteratorAge", "ThumbnailAge", "ReplicaLag"}
    for widget in widgets:
        for series in widget.series:
            is_time = series.metric in times
            assert is_time == (widget.left.label == "ms"), widget.title
            assert not is_time or series.stat in {"p50", "p90", "p99", "Maximum"}, widget.title


def test_everything_referred_to_is_in_the_template(substitution: list[Any], resources: Resources):
    body, given = substitution
    named = set(re.findall(r"\$\{([^}]+)\}", body))
    assert {each.partition(".")[0] for each in named} <= set(resources) | PSEUDO | set(given)
    assert set(given) <= named, "a variable of Fn::Sub is not used"
    assert set(references(given)) <= set(resources)
    for name in named & set(resources):
        assert "Condition" not in resources[name], f"{name} may be absent"


def references(node: Any) -> Iterator[str]:
    match node:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{(\w+)\}", text)
        case dict():
            for each in node.values():
                yield from references(each)
        case list():
            for each in node:
                yield from references(each)


@pytest.mark.parametrize("absent", ["Distribution", "EdgeHeadersFunction"])
def test_metrics_of_the_edge_are_shown_only_with_a_distribution(
    substitution: list[Any], absent: str
):
    users = [value for value in substitution[1].values() if absent in set(references(value))]
    assert users
    for value in users:
        condition, _, otherwise = value["Fn::If"]
        assert condition == "HasWebPage"
        assert otherwise == "none"


def test_the_dashboard_shows_every_function(substitution: list[Any], resources: Resources):
    functions = {
        name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Function"
    }
    body, given = substitution
    seen = set(re.findall(r"\$\{(\w+)\}", body)) | set(references(given))
    missing = functions - seen - UNSEEN
    assert not missing, (
        f"dashboard.yaml shows nothing of {sorted(missing)}. Add its errors, duration and"
        f" throttles, or add it to UNSEEN with the reason."
    )


def test_its_metrics_stay_within_the_free_tier(widgets: list[Widget]):
    distinct = {
        (each.namespace, each.metric, *each.dimensions.values()) for each in all_series(widgets)
    }
    assert len(distinct) <= FREE_METRICS
