"""The laptop's CloudWatch has AWS's metrics, and the dashboard is drawn from them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.application import STACK
from demo.client import Gallery
from demo.samples import samples
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from ops import dashboard
from ops.dashboard_widgets import Series, Span, read_widgets

type Total = Callable[..., float]


@pytest.fixture
def total(cloud: Cloud) -> Total:
    """A metric's sum of the last hour, by GetMetricData."""
    cloudwatch = cloud.client("cloudwatch")

    def ask(namespace: str, metric: str, **dimensions: str) -> float:
        now = datetime.now(UTC)
        series = Series("", namespace, metric, dimensions, "Sum", 60, None)
        span = Span(now - timedelta(hours=1), now + timedelta(minutes=1))
        [points] = dashboard.fetch({None: cloudwatch}, [series], span)
        return sum(value for _, value in points)

    return ask


def test_every_service_counts_the_photos_that_pass_through_it(
    gallery: Gallery, stack: dict[str, str], event_sources: EventSources, total: Total
):
    thumbnailer = {"FunctionName": stack["ThumbnailerFunctionName"]}
    replicator = {"FunctionName": stack["CatalogReplicatorFunctionName"]}
    counted = [
        (STACK, "PhotosCreated", {"service": "gallery_api"}),
        (STACK, "PhotosReady", {"service": "thumbnailer"}),
        ("AWS/Lambda", "Invocations", thumbnailer),
    ]
    timed = [
        (STACK, "ReplicaLag", {"service": "catalog_replicator"}),
        ("AWS/ApiGateway", "Latency", {"ApiName": STACK}),
        ("AWS/Lambda", "Duration", thumbnailer),
        ("AWS/Lambda", "IteratorAge", replicator),
    ]
    before = {metric: total(space, metric, **of) for space, metric, of in counted + timed}
    sample = samples()[0]
    created = gallery.create_photo(sample.title, sample.content_type, len(sample.data))
    gallery.upload(created["upload"], sample.data)
    assert gallery.settled(created["photo"]["photo_id"])["status"] == "READY"
    event_sources.await_drained(120)
    for space, metric, of in counted:
        assert total(space, metric, **of) - before[metric] == 1, metric
    for space, metric, of in timed:
        assert total(space, metric, **of) > before[metric], metric


def test_invocation_is_counted_once_even_if_it_fails(
    cloud: Cloud, stack: dict[str, str], total: Total
):
    name = stack["ViewCounterFunctionName"]
    before = [total("AWS/Lambda", each, FunctionName=name) for each in ("Invocations", "Errors")]
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert "FunctionError" in answer
    after = [total("AWS/Lambda", each, FunctionName=name) for each in ("Invocations", "Errors")]
    assert after == [number + 1 for number in before]


def test_request_for_a_missing_file_is_a_client_error(gallery: Gallery, total: Total):
    names = ("Count", "4XXError", "5XXError")
    before = [total("AWS/ApiGateway", each, ApiName=STACK) for each in names]
    assert gallery.request("GET", "/photos/nothing").status_code == 404
    after = [total("AWS/ApiGateway", each, ApiName=STACK) for each in names]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 0]


def test_the_deployed_dashboard_is_drawn(
    stack: dict[str, str],  # noqa: ARG001 - what is deployed
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    picture = tmp_path / "dashboard.svg"
    arguments = ["--stack", STACK, "--hours", "0.5", "--plot", str(picture)]
    assert dashboard.main(arguments) == 0
    drawn = picture.read_text()
    widgets = read_widgets(dashboard.find_body(STACK))
    assert len(widgets) > 20
    for widget in widgets:
        assert f">{widget.title}<" in drawn
    assert "thumbnailer: duration" in capsys.readouterr().out


def test_stack_without_a_dashboard_is_reported_without_a_traceback(
    stack: dict[str, str],  # noqa: ARG001 - there is another one
    capsys: pytest.CaptureFixture[str],
):
    assert dashboard.main(["--stack", "lambda-gallery-nobody"]) == 1
    assert "lambda-gallery-nobody" in capsys.readouterr().out
