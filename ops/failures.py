"""Failures that wait for a redrive: whole batches, quarantined records, and failed events.

The functions' roles can write failures, and a redrive has the permissions of an operator. Each
failure is therefore checked before it is replayed: its records must come from the one source that
its function has.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote_plus

import msgspec

from shared.photos import UPLOAD_PREFIX
from shared.quarantine import QUARANTINE_PREFIX, quarantine_key

BATCHES_PREFIX: Final = "aws/lambda/"
ALIAS: Final = "live"


class RefusedFailureError(Exception):
    """The stack's failure paths do not write such a failure, so it must not be replayed."""


class Target(msgspec.Struct, frozen=True):
    """A function of the stack, and the only source whose events may be replayed to it.

    `arn` is the function's, without a qualifier. `source` is the ARN of the stream or table, or the
    name of the uploads bucket. `mapping` is the UUID of the event source mapping; S3 has none.
    """

    folder: str
    arn: str
    source: str
    mapping: str | None = None

    @property
    def function(self) -> str:
        """The deployed name."""
        return self.arn.split(":")[6]


class Targets(msgspec.Struct, frozen=True):
    """The functions of the stack that have a failure path."""

    thumbnailer: Target
    view_counter: Target
    catalog_replicator: Target

    @property
    def of_streams(self) -> tuple[Target, Target]:
        return self.view_counter, self.catalog_replicator


class Failure(msgspec.Struct, frozen=True):
    """One failed batch, quarantined record or failed event, and its place.

    `place` is the object's key or the message's receipt handle; `records` are as in the event that
    the function got.
    """

    kind: str
    target: Target
    since: datetime
    reason: str
    place: str
    records: Sequence[Mapping[str, Any]]


class _RequestContext(msgspec.Struct, rename="camel"):
    function_arn: str
    condition: str


class _BatchInfo(msgspec.Struct, rename="camel"):
    stream_arn: str


class _FailedBatch(msgspec.Struct, rename="camel"):
    request_context: _RequestContext
    payload: str
    kinesis: _BatchInfo | None = msgspec.field(name="KinesisBatchInfo", default=None)
    dynamodb: _BatchInfo | None = msgspec.field(name="DDBStreamBatchInfo", default=None)


class _Quarantined(msgspec.Struct):
    function: str
    position: str
    reason: str
    record: dict[str, Any]


class _FailedEvent(msgspec.Struct, rename="camel"):
    request_context: _RequestContext
    request_payload: dict[str, Any]
    response_payload: Any = None


class _Kinesis(msgspec.Struct, rename="camel"):
    sequence_number: Annotated[str, msgspec.Meta(pattern=r"^\d{1,128}$")]
    partition_key: str
    data: str
    approximate_arrival_timestamp: float


class _KinesisRecord(msgspec.Struct, rename="camel"):
    event_source: Literal["aws:kinesis"]
    event_id: str = msgspec.field(name="eventID")
    event_source_arn: str = msgspec.field(name="eventSourceARN")
    kinesis: _Kinesis


class _Change(msgspec.Struct, rename="pascal"):
    sequence_number: Annotated[str, msgspec.Meta(pattern=r"^\d{1,128}$")]


class _DynamoDBRecord(msgspec.Struct, rename="camel"):
    event_source: Literal["aws:dynamodb"]
    event_name: Literal["INSERT", "MODIFY", "REMOVE"]
    event_source_arn: str = msgspec.field(name="eventSourceARN")
    dynamodb: _Change


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct):
    key: str


class _S3(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _S3Record(msgspec.Struct, rename="camel"):
    event_source: Literal["aws:s3"]
    event_name: Annotated[str, msgspec.Meta(pattern="^Object(Created|Removed):")]
    s3: _S3


class _Event[Record](msgspec.Struct, rename="pascal"):
    records: Annotated[list[Record], msgspec.Meta(min_length=1)]


def failed_object(key: str, since: datetime, body: bytes, targets: Targets) -> Failure:
    """The failure in an object of the failed-batches bucket.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html

    Raises:
        RefusedFailureError: it is not what Lambda or a function of the stack writes under that key.
    """
    with _refusals_naming(key):
        if key.startswith(QUARANTINE_PREFIX):
            return _quarantined(key, since, body, targets)
        return _failed_batch(key, since, body, targets)


def failed_event(message: Mapping[str, Any], targets: Targets) -> Failure:
    """The failure in a message of the failed-events queue.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html

    Raises:
        RefusedFailureError: it is not what Lambda writes about a failed event of the thumbnailer.
    """
    with _refusals_naming(f"message {message['MessageId']}"):
        kept = msgspec.json.decode(message["Body"], type=_FailedEvent)
        target = targets.thumbnailer
        _check_function(kept.request_context.function_arn, target)
        for record in msgspec.convert(kept.request_payload, _Event[_S3Record]).records:
            _check_object(record.s3, target)
        return Failure(
            kind="event",
            target=target,
            since=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
            reason=_reason(kept),
            place=message["ReceiptHandle"],
            records=kept.request_payload["Records"],
        )


def _quarantined(key: str, since: datetime, body: bytes, targets: Targets) -> Failure:
    kept = msgspec.json.decode(body, type=_Quarantined)
    folder = key.removeprefix(QUARANTINE_PREFIX).partition("/")[0]
    by_folder = {target.folder: target for target in targets.of_streams}
    if folder not in by_folder:
        raise ValueError(f"no function of the stack has the prefix {QUARANTINE_PREFIX}{folder}/")
    if key != quarantine_key(kept.function, kept.position):
        raise ValueError(f"it names the function {kept.function} and the position {kept.position}")
    target = by_folder[folder]
    _check_records({"Records": [kept.record]}, targets, target)
    return Failure("poison", target, since, kept.reason, key, [kept.record])


def _failed_batch(key: str, since: datetime, body: bytes, targets: Targets) -> Failure:
    kept = msgspec.json.decode(body, type=_FailedBatch)
    mapping = key.removeprefix(BATCHES_PREFIX).partition("/")[0]
    by_mapping = {target.mapping: target for target in targets.of_streams}
    if mapping not in by_mapping:
        raise ValueError(f"the stack has no event source mapping {mapping}")
    target = by_mapping[mapping]
    _check_function(kept.request_context.function_arn, target)
    info = kept.kinesis or kept.dynamodb
    if info is None:
        raise ValueError("it has neither KinesisBatchInfo nor DDBStreamBatchInfo")
    _check_source(info.stream_arn, target)
    event = json.loads(kept.payload)
    _check_records(event, targets, target)
    reason = kept.request_context.condition
    return Failure("batch", target, since, reason, key, event["Records"])


def _check_records(event: Mapping[str, Any], targets: Targets, target: Target) -> None:
    records: Sequence[_KinesisRecord | _DynamoDBRecord]
    if target is targets.view_counter:
        records = msgspec.convert(event, _Event[_KinesisRecord]).records
    else:
        records = msgspec.convert(event, _Event[_DynamoDBRecord]).records
    for record in records:
        _check_source(record.event_source_arn, target)


def _check_object(s3: _S3, target: Target) -> None:
    if s3.bucket.name != target.source:
        raise ValueError(f"it names the bucket {s3.bucket.name}, not {target.source}")
    if not unquote_plus(s3.object.key).startswith(UPLOAD_PREFIX):
        raise ValueError(f"it names the object {s3.object.key}, not one below {UPLOAD_PREFIX}")


def _check_function(arn: str, target: Target) -> None:
    """Check the ARN. Its qualifier is the alias, a version that the alias named, or missing."""
    unqualified, _, qualifier = arn.rpartition(":") if arn.count(":") == 7 else (arn, "", "")
    if unqualified != target.arn:
        raise ValueError(f"it names the function {arn}, not {target.arn}")
    if qualifier not in {"", ALIAS} and not qualifier.isdecimal():
        raise ValueError(f"it names the alias or version {qualifier}, not {ALIAS}")


def _check_source(arn: str, target: Target) -> None:
    """Check the ARN. That of a table's stream ends with a label, which changes."""
    if arn != target.source and not arn.startswith(f"{target.source}/stream/"):
        raise ValueError(f"it names the source {arn}, not {target.source}")


def _reason(kept: _FailedEvent) -> str:
    """Why it failed. An event that expired before an invocation has no answer of the function."""
    answer = kept.response_payload
    message = answer.get("errorMessage") if isinstance(answer, dict) else None
    return str(message or kept.request_context.condition)


@contextlib.contextmanager
def _refusals_naming(place: str) -> Iterator[None]:
    try:
        yield
    # RecursionError: JSON that is nested too deeply.
    except (ValueError, KeyError, RecursionError) as error:
        raise RefusedFailureError(f"{place}: {error}") from error
