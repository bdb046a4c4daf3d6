"""The function as Lambda calls it: event, answer, metrics, time."""

import json
import time
from datetime import timedelta
from types import ModuleType

import pytest

from shared.photos import Status
from shared.settings import SettingsError
from tests.integration.functions.daily_report.gallery import Gallery, LambdaContext
from tests.support.moto_stack import MotoStack
from tests.support.uploads import Written, load_event


def test_event_file_is_a_step(gallery: Gallery):
    event = load_event("scheduler_daily")
    long_before = {"created_at": "2026-11-12T12:00:00.000Z", "ready_at": "2026-11-12T12:00:01.000Z"}
    assert event["run"]["started_at"] > long_before["ready_at"]
    photo = gallery.put_photo(Status.READY, **long_before)
    answer = gallery.step(event)
    assert answer["date"] == "2026-11-21"
    assert answer["phase"] == "photos"
    assert answer["counts"]["photos.READY"] == 1
    assert answer["todo"] == [("drift.missing", photo.photo_id)]
    assert not answer["done"]
    last = gallery.run(json.loads(json.dumps(answer)))
    assert last["report"] == "reports/2026-11-21.json"
    assert last["phase"] == "report"
    assert gallery.keys("ReportsBucket") == ["reports/2026-11-21.json"]


def test_headlines_are_metrics_of_the_last_step(gallery: Gallery, output: Written):
    gallery.put_photo(Status.READY)
    gallery.put_photo(Status.PENDING, days_old=2)
    headlines = gallery.report()["headlines"]
    written = output()
    [metrics] = written.metrics
    assert headlines["Drift"] == headlines["UploadsAbandoned"] == 1
    assert {name: metrics[name] for name in headlines} == {
        name: [number] for name, number in headlines.items()
    }
    [directive] = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "gallery"
    assert directive["Dimensions"] == [["service"]]
    assert metrics["service"] == "daily_report"


def test_each_finding_that_is_acted_on_is_logged_with_its_photo_and_the_execution(
    gallery: Gallery, output: Written
):
    missing = gallery.put_photo(Status.READY)
    abandoned = gallery.put_photo(Status.PENDING, days_old=2, correlation_id="of its creation")
    orphan = gallery.put_rendition("nobody")
    begins_in = timedelta(days=1, hours=1)
    gallery.run(gallery.event(begins_in=begins_in))
    lines = output().log
    assert {line["correlation_id"] for line in lines} == {"one"}
    acted = [line for line in lines if line["message"] == "finding_repaired"]
    assert {(line["finding"], line["photo_id"], line.get("key")) for line in acted} == {
        ("drift.missing", missing.photo_id, None),
        ("abandoned.failed", abandoned.photo_id, None),
        ("orphans.renditions", "nobody", orphan.key),
    }
    assert len(acted) == 3
    assert gallery.photo(abandoned.photo_id).correlation_id == "of its creation"


def test_skipped_report_says_so_and_has_no_metrics(gallery: Gallery, output: Written):
    event = gallery.event()
    gallery.run(event)
    again = gallery.run(event | {"run": {**event["run"], "execution": "two"}})
    assert again["report"] is None
    assert "exists already" in again["skipped"]
    written = output()
    assert len(written.metrics) == 1
    assert written.log[-1]["skipped"] == again["skipped"]


def test_report_is_the_same_text_for_the_same_gallery(gallery: Gallery):
    for status in Status:
        gallery.put_row(gallery.put_photo(Status.READY))
        gallery.put_photo(status)
    first = gallery.report()
    gallery.stack.s3.delete_object(
        Bucket=gallery.stack.names["ReportsBucket"], Key=f"reports/{first['date']}.json"
    )
    gallery.clear_claim()
    second = gallery.report()
    third = gallery.report(gallery.event(scheduled_at="2030-01-01T00:00:00Z"))
    for report in (second, third):
        assert report.pop("made_at")
    assert {**third, "date": second["date"]} == second
    assert list(second) == sorted(second)


def test_claim_is_in_the_item_that_the_table_expires(gallery: Gallery, stack: MotoStack):
    table = stack.template["Resources"]["IdempotencyTable"]["Properties"]
    event = gallery.event(scheduled_at="2026-11-21T03:00:00Z")
    gallery.run(event)
    [item] = stack.dynamodb.scan(TableName=stack.names["IdempotencyTable"])["Items"]
    [key] = [key["AttributeName"] for key in table["KeySchema"]]
    assert item[key] == {"S": "daily_report#2026-11-21"}
    expiration = item[table["TimeToLiveSpecification"]["AttributeName"]]
    assert 0 < int(expiration["N"]) - time.time() <= 15 * 60


def test_step_ends_before_its_time_is_up(gallery: Gallery, module: ModuleType):
    end = int(module.RESERVE_SECONDS * 1000)
    for left, phase in ((end, "begin"), (end + 1, "report")):
        gallery.clear_claim()
        context = LambdaContext(milliseconds=lambda left=left: left)
        assert module.handler(gallery.event(), context)["phase"] == phase


def test_no_call_can_exceed_the_time_of_a_step(stack: MotoStack, module: ModuleType):
    for client in (module.dynamodb, module.s3, module.sqs):
        config = client.meta.config
        tries = config.retries["total_max_attempts"]
        waits = sum(2**retry for retry in range(tries - 1))  # botocore's longest, in seconds
        longest = tries * (config.connect_timeout + config.read_timeout) + waits
        assert 2 * longest < module.RESERVE_SECONDS, "the one under way, and one to end with"
    timeout = stack.template["Resources"]["DailyReportFunction"]["Properties"]["Timeout"]
    assert timeout > 2 * module.RESERVE_SECONDS, "most of the time is for work"


@pytest.mark.parametrize("name", ["PHOTOS_TABLE", "REPORTS_BUCKET", "FAILED_EVENTS_QUEUE"])
def test_missing_variable_is_named_at_import(
    stack: MotoStack, monkeypatch: pytest.MonkeyPatch, name: str
):
    function = stack.template["Resources"]["DailyReportFunction"]["Properties"]
    monkeypatch.setitem(function["Environment"]["Variables"], name, "")
    with pytest.raises(SettingsError, match=name):
        stack.handler("daily_report")
