"""The daily report on the deployed stack: its schedule, its state machine, its permissions."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.application import STACK
from demo.client import Gallery
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from ops import report
from shared.dynamodb import to_item
from shared.photos import rendition_key, upload_key
from tests.e2e.test_streams import put, views
from tests.support.gallery_photos import jpeg
from tests.support.waiting import awaited


@pytest.fixture
def no_report_yet(cloud: Cloud, stack: dict[str, str]) -> str:
    """Remove today's report, which another test may have made; returns its key.

    A test that would still run at midnight UTC begins after it: reports are of a UTC day.
    """
    soon = datetime.now(UTC) + timedelta(minutes=2)
    awaited(lambda: datetime.now(UTC).date() == soon.date(), 130)
    today = soon.date().isoformat()
    key = f"reports/{today}.json"
    cloud.client("s3").delete_object(Bucket=stack["ReportsBucketName"], Key=key)
    cloud.client("dynamodb").delete_item(
        TableName=stack["IdempotencyTableName"], Key=to_item({"id": f"daily_report#{today}"})
    )
    return key


@contextlib.contextmanager
def unheard(cloud: Cloud, stack: dict[str, str]) -> Iterator[None]:
    """Run the block while S3 sends no notifications about uploads."""
    s3, bucket = cloud.client("s3"), stack["UploadsBucketName"]
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    del told["ResponseMetadata"]
    assert told
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)


def make_report(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    status = report.main(["--stack", STACK, *arguments])
    return status, capsys.readouterr().out


def schedule(cloud: Cloud, stack: dict[str, str]) -> dict[str, Any]:
    """The schedule that starts the report's state machine, as `update_schedule` takes it."""
    scheduler, machine = cloud.client("scheduler"), stack["DailyReportStateMachineArn"]
    [name] = [
        found["Name"]
        for page in scheduler.get_paginator("list_schedules").paginate()
        for found in page["Schedules"]
        if found["Target"]["Arn"] == machine
    ]
    answer = scheduler.get_schedule(Name=name)
    taken = scheduler.meta.service_model.operation_model("UpdateSchedule").input_shape.members
    return {key: answer[key] for key in taken if key in answer}


def executions(cloud: Cloud, stack: dict[str, str]) -> dict[str, str]:
    """The status of every execution, by its ARN."""
    pages = (
        cloud.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=stack["DailyReportStateMachineArn"])
    )
    return {each["executionArn"]: each["status"] for page in pages for each in page["executions"]}


def is_there(cloud: Cloud, bucket: str, key: str) -> bool:
    page = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)
    return any(found["Key"] == key for found in page.get("Contents", []))


def report_in_two_days(cloud: Cloud, stack: dict[str, str]) -> dict[str, Any]:
    """Run the deployed function, which uses the given start as the present time."""
    started_at = datetime.now(UTC) + timedelta(days=2)
    event: dict[str, Any] = {"run": {"execution": "later", "started_at": started_at.isoformat()}}
    for _ in range(20):
        answer = cloud.client("lambda").invoke(
            FunctionName=stack["DailyReportFunctionName"],
            Qualifier="live",
            Payload=json.dumps(event),
        )
        event = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, event
        if event["done"]:
            break
    assert event["report"], event
    answer = cloud.client("s3").get_object(Bucket=stack["ReportsBucketName"], Key=event["report"])
    return dict(json.loads(answer["Body"].read()))


def test_schedule_starts_the_report_by_itself(
    cloud: Cloud, stack: dict[str, str], no_report_yet: str
):
    scheduler, declared = cloud.client("scheduler"), schedule(cloud, stack)
    before = executions(cloud, stack)
    scheduler.update_schedule(**declared | {"ScheduleExpression": "cron(* * * * ? *)"})
    try:
        [started] = awaited(lambda: executions(cloud, stack).keys() - before.keys())
        awaited(lambda: executions(cloud, stack)[started] != "RUNNING")
    finally:
        scheduler.update_schedule(**declared)
    execution = cloud.client("stepfunctions").describe_execution(executionArn=started)
    assert execution["status"] == "SUCCEEDED", execution
    [(name, scheduled_at)] = json.loads(execution["input"]).items()
    assert name == "scheduled_at"
    assert datetime.fromisoformat(scheduled_at) <= execution["startDate"]
    assert json.loads(execution["output"])["report"] == no_report_yet
    assert is_there(cloud, stack["ReportsBucketName"], no_report_yet)


@pytest.mark.usefixtures("no_report_yet")
def test_second_report_of_a_day_is_the_first(
    cloud: Cloud, stack: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    s3, today = cloud.client("s3"), datetime.now(UTC).date().isoformat()
    first = make_report(capsys)
    stored = s3.get_object(Bucket=stack["ReportsBucketName"], Key=f"reports/{today}.json")
    second = make_report(capsys, "--days", "3", "--plot", str(tmp_path / "days.png"))
    again = s3.get_object(Bucket=stack["ReportsBucketName"], Key=f"reports/{today}.json")
    assert first[0] == second[0] == 0, (first, second)
    assert f"The daily report of {today}" in first[1]
    assert "New report, made at" in first[1]
    assert "Existing report of today, made at" in second[1]
    assert again["LastModified"] == stored["LastModified"]
    assert again["Body"].read() == stored["Body"].read()
    assert (tmp_path / "days.png").read_bytes().startswith(b"\x89PNG")


def ended(client: Any, execution: str) -> str | None:
    """The status of an execution that has ended."""
    status = str(client.describe_execution(executionArn=execution)["status"])
    return None if status == "RUNNING" else status


def test_report_in_shares_is_the_one_without(
    cloud: Cloud, stack: dict[str, str], gallery: Gallery, event_sources: EventSources
):
    """For two days on which nothing else makes a report."""
    for title in ("One", "Two", "Three"):
        data = jpeg(300, 200)
        created = gallery.create_photo(title, "image/jpeg", len(data))
        gallery.upload(created["upload"], data)
        viewed = gallery.settled(created["photo"]["photo_id"])["photo_id"]
    put(cloud, stack, viewed, *views(viewed, 40))
    event_sources.await_drained(120)
    client, s3 = cloud.client("stepfunctions"), cloud.client("s3")
    reports = []
    for day, more in (("01", {}), ("02", {"photos_per_share": 1})):
        arn = client.start_execution(
            stateMachineArn=stack["DailyReportStateMachineArn"],
            input=json.dumps({"scheduled_at": f"2026-01-{day}T03:00:00Z", **more}),
        )["executionArn"]
        assert awaited(lambda arn=arn: ended(client, arn)) == "SUCCEEDED"
        key = f"reports/2026-01-{day}.json"
        answer = s3.get_object(Bucket=stack["ReportsBucketName"], Key=key)
        reports.append(json.loads(answer["Body"].read()))
        s3.delete_object(Bucket=stack["ReportsBucketName"], Key=key)
    for report_of_day in reports:
        del report_of_day["date"], report_of_day["made_at"]
    assert reports[0] == reports[1]
    top = {each["photo_id"]: each["views"] for each in reports[0]["top_photos"]}
    assert top.get(viewed) == 40 or min(top.values()) >= 40, "unless other tests made ten with more"
    parts = s3.list_objects_v2(Bucket=stack["ReportsBucketName"], Prefix="parts/2026-01-02/")
    assert parts["KeyCount"] >= 3


def test_failed_execution_is_reported_without_a_traceback(
    cloud: Cloud, stack: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    """As after a failed deployment: the state machine names a function that does not exist."""
    client, machine = cloud.client("stepfunctions"), stack["DailyReportStateMachineArn"]
    definition = client.describe_state_machine(stateMachineArn=machine)["definition"]
    broken = json.loads(definition)
    function = broken["States"]["Step"]["Resource"].removesuffix(":live")
    broken["States"]["Step"]["Resource"] = f"{function}-gone"
    del broken["States"]["Step"]["Retry"]
    client.update_state_machine(stateMachineArn=machine, definition=json.dumps(broken))
    try:
        status, output = make_report(capsys)
    finally:
        client.update_state_machine(stateMachineArn=machine, definition=definition)
    assert status == 1
    assert "ended FAILED" in output
    assert "-gone" in output
    assert "Traceback" not in output


def test_role_lets_the_report_settle_and_remove_what_it_finds(
    cloud: Cloud,
    stack: dict[str, str],
    gallery: Gallery,
    event_sources: EventSources,
):
    """A lost event, a photo never uploaded, orphans, and drift, as they look two days later."""
    s3, dynamodb = cloud.client("s3"), cloud.client("dynamodb")
    uploads, media = stack["UploadsBucketName"], stack["MediaBucketName"]
    data = jpeg(320, 240)
    ready = gallery.create_photo("Loses its row", "image/jpeg", len(data))
    gallery.upload(ready["upload"], data)
    listed = gallery.settled(ready["photo"]["photo_id"])["photo_id"]
    event_sources.await_drained(120)
    row = {"TableName": stack["CatalogTableName"], "Key": to_item({"photo_id": listed})}
    extra = "019a9fb2-0c7b-7c3e-9a52-000000000002"
    item = dynamodb.get_item(**row)["Item"] | to_item({"photo_id": extra})
    dynamodb.put_item(TableName=stack["CatalogTableName"], Item=item)
    dynamodb.delete_item(**row)
    lost = gallery.create_photo("Its event was lost", "image/jpeg", len(data))
    never = gallery.create_photo("Never uploaded", "image/jpeg", len(data))["photo"]["photo_id"]
    nobody = "019a9fb2-0c7b-7c3e-9a52-000000000001"
    orphans = [(uploads, upload_key(nobody)), (media, rendition_key(nobody, "etag", "thumb"))]
    with unheard(cloud, stack):
        gallery.upload(lost["upload"], data)
        for bucket, key in orphans:
            s3.put_object(Bucket=bucket, Key=key, Body=data)
    made = report_in_two_days(cloud, stack)
    for name, subject in (
        ("abandoned.resent", lost["photo"]["photo_id"]),
        ("abandoned.failed", never),
        ("orphans.uploads", orphans[0][1]),
        ("orphans.renditions", orphans[1][1]),
        ("drift.missing", listed),
        ("drift.extra", extra),
    ):
        assert subject in made["examples"].get(name, []), (name, made)
    assert gallery.settled(lost["photo"]["photo_id"])["status"] == "READY"
    failed = gallery.photo(never)
    assert (failed["status"], failed["error"]) == ("FAILED", "never uploaded")
    assert not any(is_there(cloud, bucket, key) for bucket, key in orphans)
    event_sources.await_drained(120)
    wanted = {listed, lost["photo"]["photo_id"]}
    among = wanted | {extra}
    awaited(lambda: {each["photo_id"] for each in gallery.photos()} & among == wanted)
