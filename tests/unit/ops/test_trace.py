import json
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from ops import trace
from ops.trace import LogSource, TraceError
from shared.dynamodb import to_item
from shared.photo_ids import new_photo_id

CREATED = datetime(2026, 11, 20, 12, tzinfo=UTC)
PHOTO = new_photo_id(CREATED)
OTHER = new_photo_id(CREATED)
MINUTE = 60_000


class Cloud:
    """CloudWatch's logs and DynamoDB's tables as the command asks them; a page has one line."""

    def __init__(self, **records: dict[str, Any]) -> None:
        self.groups: dict[str, list[tuple[int, str]]] = {}
        self.records = records
        self.retention: dict[str, int] = {"retentionInDays": 7}

    def log(self, group: str, milliseconds: int, **entry: Any) -> None:
        at = int(CREATED.timestamp() * 1000) + milliseconds
        self.groups.setdefault(group, []).append((at, json.dumps(entry)))

    def get_paginator(self, name: str) -> "Cloud":
        assert name == "filter_log_events"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        term = request["filterPattern"]
        assert term[0] == term[-1] == '"', "what has hyphens must be quoted"
        assert request["startTime"] >= 0, "CloudWatch refuses a negative time"
        return [
            {"events": [{"timestamp": at, "message": text}]}
            for at, text in self.groups.get(request["logGroupName"], [])
            if request["startTime"] <= at <= request.get("endTime", at) and term[1:-1] in text
        ]

    def describe_log_groups(self, **_: str) -> dict[str, Any]:
        return {"logGroups": [self.retention]}

    def get_item(self, **request: Any) -> dict[str, Any]:
        found = self.records.get(request["TableName"])
        return {"Item": to_item(found)} if found else {}

    def stack(self) -> LogSource:
        names = ("gallery_api", "api_access", "thumbnailer")
        groups = {name: f"group-{name}" for name in names}
        return LogSource("gallery", self, self, groups, "photos", "catalog")


def the_journey() -> Cloud:
    cloud = Cloud(
        photos={
            "status": "READY",
            "version": 2,
            "created_at": "2026-11-20T12:00:00.000Z",
            "uploaded_at": "2026-11-20T12:00:02.000Z",
            "ready_at": "2026-11-20T12:00:03.000Z",
        },
        catalog={"status": "READY", "replicated_at": "2026-11-20T12:00:03.200Z"},
    )
    cloud.log("group-thumbnailer", 3100, correlation_id="one", photo_id=PHOTO, message="ready")
    cloud.log("group-thumbnailer", 3200, correlation_id="one", photo_id=OTHER, message="other")
    cloud.log(
        "group-gallery_api", 20, correlation_id="one", photo_id=PHOTO, message="request_answered"
    )
    cloud.log("group-api_access", 40, correlation_id="one", method="POST", path="/photos")
    cloud.log("group-api_access", 3100 + 2 * MINUTE, correlation_id="one", path="/an/id/used/again")
    cloud.log("group-api_access", 60, correlation_id="two", method="POST", path="/photos")
    return cloud


def test_lines_that_name_only_the_request_are_found_beside_those_of_the_photo():
    found = trace.trace(the_journey().stack(), PHOTO)
    assert [line.function for line in found.lines] == ["gallery_api", "api_access", "thumbnailer"]
    assert {line.correlation_id for line in found.lines} == {"one"}


def test_search_begins_with_the_creation_of_the_photo_not_with_the_logs():
    cloud = the_journey()
    cloud.log("group-thumbnailer", -2 * MINUTE, photo_id=PHOTO, message="before it was created")
    assert len(trace.trace(cloud.stack(), PHOTO).lines) == 3


def test_photo_id_of_the_first_minute_of_1970_is_searched_for():
    assert trace.trace(the_journey().stack(), "00000000-0000-7000-8000-000000000000").lines == []


@pytest.mark.parametrize(
    "text",
    ["", "harbour.jpg", PHOTO.upper(), f"{PHOTO}\n", '" "'],
    ids=["empty", "file name", "upper case", "line break", "quotes"],
)
def test_invalid_photo_id_is_not_searched_for(text: str):
    with pytest.raises(TraceError, match="is not a photo id"):
        trace.trace(LogSource("gallery", None, None, {}, "", ""), text)


def shown(monkeypatch: pytest.MonkeyPatch, cloud: Cloud, *arguments: str) -> int:
    monkeypatch.setattr(trace, "open_logs", lambda _: cloud.stack())
    return trace.main([PHOTO, *arguments])


def test_journey_and_the_times_of_the_record_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert shown(monkeypatch, the_journey()) == 0
    output = capsys.readouterr().out
    assert "12:00:03.100" in output
    assert "3,080" in output
    assert "#1 is request one" in output
    assert (
        "created → uploaded 2,000 ms → ready 1,000 ms → replicated 200 ms, 3,200 ms in all"
        in output
    )


def test_caption_tells_an_execution_from_a_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    cloud, execution = the_journey(), "arn:aws:states:eu-central-1:123456789012:execution:daily:one"
    cloud.log(
        "group-thumbnailer", 9000, correlation_id=execution, photo_id=PHOTO, message="repaired"
    )
    assert shown(monkeypatch, cloud) == 0
    caption = " ".join(capsys.readouterr().out.split())
    assert "#1 is request one #2 is execution arn:aws:states:" in caption


def test_lines_are_printed_as_logged_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert shown(monkeypatch, the_journey(), "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("message") for line in lines] == ["request_answered", None, "ready"]


@pytest.mark.parametrize(
    ("retention", "kept"),
    [
        ({"retentionInDays": 7}, "for 7 days"),
        ({"retentionInDays": 1}, "for 1 day"),
        ({}, "without limit"),
    ],
)
def test_photo_that_no_log_names_is_said_to_be_too_old_or_of_another_stack(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    retention: dict[str, int],
    kept: str,
):
    cloud = Cloud()
    cloud.retention = retention
    assert shown(monkeypatch, cloud, "--json") == 1
    output = capsys.readouterr()
    assert output.out == ""
    words = " ".join(output.err.split())
    assert f"created at 2026-11-20 12:00 UTC. Logs are kept {kept}. If" in words


def test_line_that_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]):
    cloud = Cloud()
    message = "[/red] [bold]no markup"
    cloud.log("group-thumbnailer", 0, photo_id=PHOTO, message=message, level="[x]")
    trace.show(trace.trace(cloud.stack(), PHOTO), Console(width=200))
    assert message in capsys.readouterr().out
