"""Redrive replays an event to one of the stack's functions only from that function's own source."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.failures import (
    Failure,
    RefusedFailureError,
    Target,
    Targets,
    failed_event,
    failed_object,
)
from tests.support.repository import ROOT

HERE = "eu-central-1:123456789012"
STREAM = f"arn:aws:kinesis:{HERE}:stream/lambda-gallery-ViewsStream"
TABLE = f"arn:aws:dynamodb:{HERE}:table/lambda-gallery-photos"
CHANGES = f"{TABLE}/stream/2026-11-20T00:00:00.000"
VIEWS_MAPPING = "0a1b2c3d-0000-4000-8000-000000000001"
CHANGES_MAPPING = "0a1b2c3d-0000-4000-8000-000000000002"


def event(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def arn(function: str, qualifier: str = "live") -> str:
    return f"arn:aws:lambda:{HERE}:function:gallery-{function}:{qualifier}".removesuffix(":")


TARGETS = Targets(
    thumbnailer=Target("thumbnailer", arn("thumbnailer", ""), "lambda-gallery-uploads"),
    view_counter=Target("view_counter", arn("view_counter", ""), STREAM, VIEWS_MAPPING),
    catalog_replicator=Target(
        "catalog_replicator", arn("catalog_replicator", ""), TABLE, CHANGES_MAPPING
    ),
)
SINCE = datetime(2026, 11, 20, tzinfo=UTC)
RECORDS = {
    "view_counter": event("kinesis_views_recorded")["Records"],
    "catalog_replicator": event("dynamodb_photo_deleted")["Records"],
}
POSITIONS = {
    "view_counter": "shardId-000000000000/49668900000000000000000000000000000000000000000000000000",
    "catalog_replicator": RECORDS["catalog_replicator"][0]["dynamodb"]["SequenceNumber"],
}

type Change = Callable[[dict[str, Any]], object]


def batch(folder: str) -> dict[str, Any]:
    """The parts of what Lambda writes; `payload` is a mapping until it is written."""
    info, source = {
        "view_counter": ("KinesisBatchInfo", STREAM),
        "catalog_replicator": ("DDBStreamBatchInfo", CHANGES),
    }[folder]
    mapping = {"view_counter": VIEWS_MAPPING, "catalog_replicator": CHANGES_MAPPING}[folder]
    return {
        "key": f"aws/lambda/{mapping}/shardId-000000000000/2026/11/20/2026-11-20T12.34.56-0a1b",
        "body": {
            "requestContext": {
                "functionArn": arn(folder),
                "condition": "RetryAttemptsExhausted",
            },
            "version": "1.0",
            info: {"streamArn": source, "shardId": "shardId-000000000000"},
            "payload": {"Records": copy.deepcopy(RECORDS[folder])},
        },
    }


def poison(folder: str) -> dict[str, Any]:
    return {
        "key": f"quarantine/{folder}/{POSITIONS[folder]}.json",
        "body": {
            "function": folder,
            "position": POSITIONS[folder],
            "reason": "JSON is malformed",
            "record": copy.deepcopy(RECORDS[folder][0]),
        },
    }


def message() -> dict[str, Any]:
    return {
        "requestContext": {"functionArn": arn("thumbnailer"), "condition": "RetriesExhausted"},
        "requestPayload": event("s3_photo_uploaded"),
        "responsePayload": {"errorMessage": "the disk is full"},
    }


def read(stored: dict[str, Any]) -> Failure:
    body = dict(stored["body"])
    if isinstance(body.get("payload"), dict):
        body["payload"] = json.dumps(body["payload"])
    return failed_object(stored["key"], SINCE, json.dumps(body).encode(), TARGETS)


def read_message(body: Any) -> Failure:
    sent = {
        "MessageId": "m-1",
        "ReceiptHandle": "r-1",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": "1795178096000"},
    }
    return failed_event(sent, TARGETS)


def rename(stored: dict[str, Any], old: str, new: str) -> None:
    stored["key"] = stored["key"].replace(old, new)


@pytest.mark.parametrize("folder", RECORDS)
def test_batch_that_lambda_wrote_is_accepted(folder: str):
    failure = read(batch(folder))
    assert (failure.kind, failure.target.folder) == ("batch", folder)
    assert failure.target.function == f"gallery-{folder}"
    assert failure.reason == "RetryAttemptsExhausted"
    assert failure.records == RECORDS[folder]


@pytest.mark.parametrize("folder", RECORDS)
def test_record_that_its_function_quarantined_is_accepted(folder: str):
    failure = read(poison(folder))
    assert (failure.kind, failure.target.folder) == ("poison", folder)
    assert failure.records == RECORDS[folder][:1]


@pytest.mark.parametrize("qualifier", ["", "live", "17"])
def test_event_of_the_thumbnailer_is_accepted(qualifier: str):
    body = message()
    body["requestContext"]["functionArn"] = arn("thumbnailer", qualifier)
    failure = read_message(body)
    assert (failure.kind, failure.target.folder) == ("event", "thumbnailer")
    assert failure.reason == "the disk is full"
    assert failure.records == event("s3_photo_uploaded")["Records"]


def test_removal_of_an_original_is_accepted():
    body = message() | {"requestPayload": event("s3_original_removed")}
    assert read_message(body).records == event("s3_original_removed")["Records"]


def test_event_that_expired_has_no_answer():
    body = message() | {"responsePayload": None}
    assert read_message(body).reason == "RetriesExhausted"


def test_record_without_a_time_is_accepted():
    """Its function has quarantined it because of that; a later release may read it."""
    stored = poison("catalog_replicator")
    del stored["body"]["record"]["dynamodb"]["ApproximateCreationDateTime"]
    assert read(stored).kind == "poison"


ELSEWHERE: dict[str, tuple[str, str]] = {
    "another function of the stack": (arn("view_counter"), arn("gallery_api")),
    "another function that reads a stream": (arn("view_counter"), arn("catalog_replicator")),
    "another alias": (arn("view_counter"), arn("view_counter", "canary")),
    "the unpublished version": (arn("view_counter"), arn("view_counter", "$LATEST")),
    "another account": (arn("view_counter"), arn("view_counter").replace("123456789012", "2" * 12)),
    "another region": (arn("view_counter"), arn("view_counter").replace("eu-central", "us-east")),
    "another service": (arn("view_counter"), arn("view_counter").replace(":lambda:", ":states:")),
    "no ARN": (arn("view_counter"), "gallery-view_counter"),
}


@pytest.mark.parametrize(("own", "other"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_batch_of_another_function_is_refused(own: str, other: str):
    stored = batch("view_counter")
    assert stored["body"]["requestContext"]["functionArn"] == own
    stored["body"]["requestContext"]["functionArn"] = other
    with pytest.raises(RefusedFailureError, match="it names the"):
        read(stored)


BATCHES: dict[str, tuple[Change, str]] = {
    "the other function's mapping": (
        lambda stored: rename(stored, VIEWS_MAPPING, CHANGES_MAPPING),
        "it names the function",
    ),
    "a mapping of another stack": (
        lambda stored: rename(stored, VIEWS_MAPPING, "0a1b2c3d-0000-4000-8000-00000000000f"),
        "no event source mapping 0a1b2c3d-0000-4000-8000-00000000000f",
    ),
    "another stream": (
        lambda stored: stored["body"]["KinesisBatchInfo"].update(streamArn=f"{STREAM}-2"),
        "it names the source arn:aws:kinesis:eu-central-1:123456789012:stream/.*-2, not",
    ),
    "records of another stream": (
        lambda stored: stored["body"]["payload"]["Records"][1].update(eventSourceARN=f"{STREAM}-2"),
        "it names the source",
    ),
    "records of a table": (
        lambda stored: stored["body"]["payload"].update(Records=RECORDS["catalog_replicator"]),
        r"Invalid enum value 'aws:dynamodb' - at `\$\.Records\[0\]\.eventSource`",
    ),
    "an event of the API": (
        lambda stored: stored["body"].update(payload=event("api_delete_photo")),
        "missing required field `Records`",
    ),
    "no records": (
        lambda stored: stored["body"]["payload"].update(Records=[]),
        "length >= 1",
    ),
    "no batch info": (
        lambda stored: stored["body"].pop("KinesisBatchInfo"),
        "neither KinesisBatchInfo nor",
    ),
    "a payload that is not JSON": (
        lambda stored: stored["body"].update(payload="{"),
        "aws/lambda/",
    ),
    "a record without data": (
        lambda stored: stored["body"]["payload"]["Records"][0]["kinesis"].pop("data"),
        r"missing required field `data` - at `\$\.Records\[0\]\.kinesis`",
    ),
}


@pytest.mark.parametrize(("change", "reason"), BATCHES.values(), ids=BATCHES)
def test_batch_from_elsewhere_is_refused_with_the_reason(change: Change, reason: str):
    stored = batch("view_counter")
    change(stored)
    with pytest.raises(RefusedFailureError, match=reason) as refused:
        read(stored)
    assert str(refused.value).startswith(stored["key"])


POISON: dict[str, tuple[Change, str]] = {
    "a prefix of no function": (
        lambda stored: rename(stored, "catalog_replicator", "gallery_api"),
        "no function of the stack has the prefix quarantine/gallery_api/",
    ),
    "the thumbnailer's name": (
        lambda stored: rename(stored, "catalog_replicator", "thumbnailer"),
        "no function of the stack has the prefix quarantine/thumbnailer/",
    ),
    "the other function's prefix": (
        lambda stored: rename(stored, "catalog_replicator", "view_counter"),
        "it names the function catalog_replicator",
    ),
    "the other function in the object": (
        lambda stored: stored["body"].update(function="view_counter"),
        "it names the function view_counter",
    ),
    "another position": (
        lambda stored: stored["body"].update(position="1"),
        "and the position 1",
    ),
    "a record of the other source": (
        lambda stored: stored["body"].update(record=RECORDS["view_counter"][0]),
        "Invalid enum value 'aws:kinesis'",
    ),
    "a record of another table": (
        lambda stored: stored["body"]["record"].update(eventSourceARN=f"{TABLE}-2/stream/1"),
        "it names the source",
    ),
    "a record without a number": (
        lambda stored: stored["body"]["record"]["dynamodb"].pop("SequenceNumber"),
        "missing required field `SequenceNumber`",
    ),
}


@pytest.mark.parametrize(("change", "reason"), POISON.values(), ids=POISON)
def test_poison_from_elsewhere_is_refused_with_the_reason(change: Change, reason: str):
    stored = poison("catalog_replicator")
    change(stored)
    with pytest.raises(RefusedFailureError, match=reason):
        read(stored)


MESSAGES: dict[str, tuple[Change, str]] = {
    "the API's function": (
        lambda body: body["requestContext"].update(functionArn=arn("gallery_api")),
        "it names the function .*gallery_api:live, not .*thumbnailer",
    ),
    "an event of the API": (
        lambda body: body.update(requestPayload=event("api_delete_photo")),
        "missing required field `Records`",
    ),
    "another bucket": (
        lambda body: body["requestPayload"]["Records"][0]["s3"]["bucket"].update(name="media"),
        "it names the bucket media, not lambda-gallery-uploads",
    ),
    "an object that is not an upload": (
        lambda body: body["requestPayload"]["Records"][0]["s3"]["object"].update(key="photos/1"),
        "it names the object photos/1, not one below uploads/",
    ),
    "an object that was restored": (
        lambda body: body["requestPayload"]["Records"][0].update(eventName="ObjectRestore:Post"),
        "eventName",
    ),
    "records of a stream": (
        lambda body: body["requestPayload"].update(Records=RECORDS["view_counter"]),
        "eventSource",
    ),
}


@pytest.mark.parametrize(("change", "reason"), MESSAGES.values(), ids=MESSAGES)
def test_event_from_elsewhere_is_refused_with_the_reason(change: Change, reason: str):
    body = message()
    change(body)
    with pytest.raises(RefusedFailureError, match=f"message m-1: .*{reason}"):
        read_message(body)


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", '{"requestContext": 1}', "[" * 5000])
def test_document_that_lambda_does_not_write_is_refused(body: str):
    with pytest.raises(RefusedFailureError, match="message m-1: "):
        read_message(body)
    for key in (batch("view_counter")["key"], poison("view_counter")["key"], "quarantine/"):
        with pytest.raises(RefusedFailureError, match=key):
            failed_object(key, SINCE, body.encode(), TARGETS)
