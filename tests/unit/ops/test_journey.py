import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from ops.journey import (
    LogLine,
    created_at,
    journey,
    milestones,
    own_fields,
    read_line,
    requests,
    without_reads,
    without_repeated_exceptions,
)
from shared.photo_ids import new_photo_id

PHOTO = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
OTHER = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f61"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:daily:one"


def line(milliseconds: int, function: str = "gallery_api", **entry: Any) -> LogLine:
    return LogLine(NOON + timedelta(milliseconds=milliseconds), function, entry)


def test_moment_of_creation_is_in_the_id():
    moment = datetime(2026, 11, 20, 12, 34, 56, 789_000, tzinfo=UTC)
    assert created_at(new_photo_id(moment)) == moment


@pytest.mark.parametrize(
    ("text", "at", "entry"),
    [
        (
            '{"message": "replicated", "timestamp": "2026-11-20 12:00:00,123+0000"}\n',
            NOON + timedelta(milliseconds=123),
            {"message": "replicated", "timestamp": "2026-11-20 12:00:00,123+0000"},
        ),
        ('{"message": "a", "timestamp": "noon"}', NOON, {"message": "a", "timestamp": "noon"}),
        ('{"timestamp": "2026-11-20 12:00:01"}', NOON, {"timestamp": "2026-11-20 12:00:01"}),
        ('{"timestamp": "2026-11-20T11:59:59Z"}', NOON, {"timestamp": "2026-11-20T11:59:59Z"}),
        ("Task timed out\n", NOON, {"message": "Task timed out"}),
        ("[1, 2]", NOON, {"message": "[1, 2]"}),
    ],
)
def test_line_has_its_own_time_if_it_contains_one(text: str, at: datetime, entry: dict[str, Any]):
    milliseconds = int(NOON.timestamp() * 1000)
    assert read_line("thumbnailer", milliseconds, text) == LogLine(at, "thumbnailer", entry)


def test_lines_are_in_the_order_of_time_and_each_is_there_once():
    lines = [
        line(0, message="request_answered", photo_id=PHOTO),
        line(5, "thumbnailer", message="image/jpeg", photo_id=PHOTO),
        line(5, "catalog_replicator", message="image/jpeg", photo_id=PHOTO),
        line(9, "catalog_replicator", message="replicated", photo_id=PHOTO),
    ]
    for order in permutations([*lines, lines[1]]):
        told = journey(PHOTO, order)
        assert len(told) == 4
        assert (told[0], told[3]) == (lines[0], lines[3])


def test_lines_of_other_photos_are_left_out_and_lines_without_a_photo_are_kept():
    lines = [line(0, photo_id=OTHER), line(1, correlation_id="one"), line(2, photo_id=PHOTO)]
    assert journey(PHOTO, lines) == lines[1:]


def test_requests_that_changed_the_photo_have_their_first_and_last_line():
    lines = [
        line(0, correlation_id="created", method="POST", path="/photos"),
        line(5, "thumbnailer", correlation_id="created"),
        line(6, correlation_id="seen", method="GET", path=f"/photos/{PHOTO}"),
        line(7, correlation_id="viewed", method="POST", path=f"/photos/{PHOTO}/views"),
        line(8, "daily_report", correlation_id=EXECUTION, finding="drift.missing"),
        line(9, "thumbnailer"),
        line(10, correlation_id="deleted", method="DELETE", path=f"/photos/{PHOTO}"),
    ]
    assert requests(lines) == {
        "created": (lines[0].at, lines[1].at),
        "deleted": (lines[-1].at, lines[-1].at),
    }


def test_line_of_the_runtime_has_the_error_and_no_api_request():
    raised = line(0, level="ERROR", errorMessage="1 of 1 objects failed", requestId="invocation")
    assert raised.message == "1 of 1 objects failed"
    assert requests([raised]) == {}
    assert requests([line(0, correlation_id="one")]) == {"one": (NOON, NOON)}


def test_reads_are_left_out_with_all_their_lines_unless_they_failed():
    seen = [
        line(0, correlation_id="missed", message="There is no such photo.", level="INFO"),
        line(1, correlation_id="missed", method="GET", path=f"/photos/{PHOTO}", level="INFO"),
        line(2, "access", correlation_id="seen", method="GET"),
    ]
    failed = [
        line(3, correlation_id="failed", message="request_failed", level="ERROR"),
        line(4, correlation_id="failed", method="GET", path=f"/photos/{PHOTO}", level="INFO"),
    ]
    failed += [
        line(5, "access", correlation_id="late", method="GET", status="504"),
        line(5, "access", correlation_id="late", message="nothing else is known of it"),
    ]
    nobodys = [line(5), line(6, method="GET")]
    assert without_reads([*seen, *failed, *nobodys]) == [*failed, *nobodys]


def test_own_fields_are_those_without_a_column():
    event = line(0, level="INFO", message="m", photo_id=PHOTO, key=f"uploads/{PHOTO}", lag_ms=7)
    assert own_fields(event, PHOTO) == "key=uploads/… lag_ms=7"
    trace = "Traceback:\n  File x\nbotocore.SlowDown: reduce your rate\n"
    failed = line(0, level="ERROR", position="49", exception=trace, exception_name="SlowDown")
    assert own_fields(failed, PHOTO) == "position=49 exception=botocore.SlowDown: reduce your rate"


def test_fields_without_a_value_are_left_out():
    seen = line(0, viewer_address="", error="-", reason=None, views=0, spread=False)
    assert own_fields(seen, PHOTO) == "views=0 spread=false"


@pytest.mark.parametrize(
    ("more", "row", "steps"),
    [
        ({"status": "PENDING"}, None, []),
        ({"status": "FAILED", "uploaded_at": "2026-11-20T12:00:02.5Z"}, None, [("uploaded", 2500)]),
        (
            {
                "status": "READY",
                "uploaded_at": "2026-11-20T12:00:02Z",
                "ready_at": "2026-11-20T12:00:03Z",
            },
            {"status": "READY", "replicated_at": "2026-11-20T12:00:03.201Z"},
            [("uploaded", 2000), ("ready", 1000), ("replicated", 201)],
        ),
        (
            {"status": "DELETED", "uploaded_at": "2026-11-20T12:00:02Z"},
            {"status": "DELETED", "replicated_at": "2026-11-20T13:00:00Z"},
            [("uploaded", 2000)],
        ),
        (
            {
                "status": "READY",
                "uploaded_at": "2026-11-12T12:00:00Z",  # of a sample event
                "ready_at": "2026-11-20T12:00:03Z",
            },
            None,
            [("ready", 3000)],
        ),
    ],
)
def test_milestones_have_the_milliseconds_between_them(
    more: dict[str, str], row: dict[str, str] | None, steps: list[tuple[str, int]]
):
    assert milestones({"created_at": "2026-11-20T12:00:00.000Z", **more}, row) == steps


def test_lambdas_report_of_an_error_that_the_function_has_logged_is_left_out():
    def line(**entry: Any) -> LogLine:
        return read_line("thumbnailer", 0, json.dumps(entry))

    own = line(level="ERROR", message="upload_failed", function_request_id="one")
    report = line(level="ERROR", errorMessage="failed", errorType="Failed", requestId="one")
    other = line(level="ERROR", errorMessage="failed", errorType="Failed", requestId="two")
    started = line(level="INFO", message="started", function_request_id="two")
    assert without_repeated_exceptions([own, report, own, report]) == [own, own]
    assert without_repeated_exceptions([own, other, started, other]) == [own, other, started, other]
    assert without_repeated_exceptions([]) == []


def test_line_of_any_json_can_be_printed():
    for value in (None, 1, "two", [3], {"four": 5}):
        names = ("message", "level", "correlation_id", "method", "path", "note")
        entry = dict.fromkeys(names, value)
        told = read_line("gallery_api", 0, json.dumps(entry))
        assert without_reads(journey(PHOTO, [told])) == [told]
        assert own_fields(told, PHOTO).startswith("" if value is None else "method=")
