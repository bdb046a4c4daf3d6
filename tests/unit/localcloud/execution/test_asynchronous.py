"""Asynchronous invocations: attempts, age, throttles, records and dead letters."""

import json
import re
from typing import Any

import pytest

from localcloud.execution.asynchronous import Attempt, InvokeConfig, QueuedEvent
from tests.support.repository import ROOT

ARN = "arn:aws:lambda:us-east-1:000000000000:function:book"
START = 1_800_000_000.0  # 2027-01-15T08:00:00Z
FAILED = Attempt({"errorMessage": "no disk"}, "Unhandled")
RECORDED = json.loads((ROOT / "tests/data/recordings/asynchronous.json").read_text())["cases"]


def queued(speed: float = 1, arn: str = ARN, **settings: Any) -> QueuedEvent:
    config = {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}}
    return QueuedEvent(
        request_id="the request ID",
        payload={"number": 1},
        function_arn=arn,
        settings=InvokeConfig.from_api(settings, config),
        queued_at=START,
        speed=speed,
    )


@pytest.mark.parametrize("speed", [1, 60])
@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["name"])
def test_event_is_attempted_and_recorded_as_on_aws(case: dict[str, Any], speed: float):
    event = queued(speed, **case["settings"])
    now, following = START, None
    for attempt in case["attempts"]:
        assert following is None or isinstance(following, float)
        now += following or 0
        now += 0.5  # the function runs
        following = event.after(Attempt(**attempt), now)
    assert isinstance(following, str)
    if "record" in case:
        record = event.record(following, now)
        assert record.pop("timestamp").endswith("Z")
        assert record == {
            "version": "1.0",
            "requestContext": {
                "requestId": "the request ID",
                "functionArn": f"{ARN}:$LATEST",
                "condition": case["record"]["condition"],
                "approximateInvokeCount": case["record"]["approximateInvokeCount"],
            },
            "requestPayload": {"number": 1},
            "responseContext": case["record"]["responseContext"],
            "responsePayload": case["attempts"][-1]["payload"],
        }
    if "dead_letter" in case:
        assert event.dead_letter_attributes() == {
            name: {"DataType": kind, "StringValue": value}
            for name, (kind, value) in case["dead_letter"].items()
        }


def test_retries_come_after_one_and_two_minutes():
    event = queued()
    assert [event.after(FAILED, START) for _ in range(3)] == [60, 120, "RetriesExhausted"]


def test_retries_on_the_laptop_come_after_one_and_two_seconds():
    event = queued(speed=60)
    assert [event.after(FAILED, START) for _ in range(3)] == [1, 2, "RetriesExhausted"]


def test_throttled_event_waits_longer_each_time_and_uses_up_no_retry():
    event = queued(MaximumRetryAttempts=0)
    waits = [event.after_system_error(START) for _ in range(11)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert event.after(FAILED, START) == "RetriesExhausted"
    assert event.invocations == 1


def test_throttled_event_is_given_up_when_it_would_become_too_old():
    event = queued(MaximumEventAgeInSeconds=60)
    assert event.after_system_error(START + 59) == 1
    assert event.after_system_error(START + 59) == "EventAgeExceeded"


def test_record_of_an_event_that_never_reached_the_function_has_no_response():
    event = queued()
    record = event.record("EventAgeExceeded", START)
    assert record.keys() == {"version", "timestamp", "requestContext", "requestPayload"}
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert event.dead_letter_attributes().keys() == {"RequestID"}


def test_record_names_the_alias_that_was_invoked():
    event = queued(arn=f"{ARN}:live")
    event.after(Attempt(None, executed_version="7"), START)
    record = event.record("Success", START)
    assert record["requestContext"]["functionArn"] == f"{ARN}:live"
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "7"}


def test_success_and_failure_have_destinations_of_their_own():
    destinations = {"OnSuccess": {"Destination": "good"}, "OnFailure": {"Destination": "bad"}}
    event = queued(DestinationConfig=destinations)
    assert event.destination("Success") == "good"
    assert event.destination("RetriesExhausted") == event.destination("EventAgeExceeded") == "bad"
    assert queued().destination("Success") is None


def test_error_message_of_a_dead_letter_has_at_most_1_kb():
    event = queued()
    event.after(Attempt({"errorMessage": "x" * 5000}, "Unhandled"), START)
    assert len(event.dead_letter_attributes()["ErrorMessage"]["StringValue"]) == 1024


def test_key_of_a_record_in_a_bucket_is_named_as_by_lambda():
    key = queued(arn=f"{ARN}:live").object_key(START)
    assert re.fullmatch(
        r"aws/lambda/async/book/2027/01/15/2027-01-15T08\.00\.00-[-0-9a-f]{36}", key
    )
