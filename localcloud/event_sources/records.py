"""Stream records in the form that Lambda sends them, and their shards."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from localcloud.event_sources.mappings import EventSourceMapping


@dataclass(frozen=True)
class Record:
    """A record of a stream, ready to be sent."""

    sequence_number: str
    key: str  # records of one key are delivered in order
    arrived: float  # Unix time, seconds
    body: str  # its JSON in the event
    size: int = field(init=False, repr=False, compare=False)  # bytes of that JSON

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(self.body.encode()))


@dataclass(frozen=True)
class Shard:
    """A shard, and the shards from which it was split or merged."""

    shard_id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """The result of one read."""

    records: Sequence[Record]
    more: bool  # more records can be read now
    closed: bool = False  # the shard has no records after these


class SourceError(Exception):
    """A call about a stream or a queue failed: throttled, not allowed, or unreachable."""


class Source(Protocol):
    """One stream. Every method may raise SourceError."""

    def shards(self) -> Sequence[Shard]:
        """All shards that still have records, including closed ones."""

    def read(self, shard_id: str, after: str | None, limit: int) -> Page:
        """At most `limit` records after that sequence number; None starts at the oldest record."""

    def newest(self, shard_id: str) -> str | None:
        """The sequence number of the newest record, if there is one."""


class InEvent(Protocol):
    """A record of a stream or a message of a queue, as part of an event."""

    @property
    def body(self) -> str: ...

    @property
    def size(self) -> int: ...


def event(records: Sequence[InEvent]) -> str:
    """The event, as JSON, that a function is invoked with."""
    return '{"Records":[' + ",".join(record.body for record in records) + "]}"


def event_size(records: Sequence[InEvent]) -> int:
    """Bytes of that event."""
    return len('{"Records":[]}') + sum(record.size for record in records) + len(records) - 1


def kinesis_record(
    mapping: EventSourceMapping,
    shard_id: str,
    *,
    sequence_number: str,
    partition_key: str,
    data: bytes,
    arrived: float,
) -> Record:
    """As in https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""
    body = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence_number,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": round(arrived, 3),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": mapping.role_arn,
        "awsRegion": mapping.region,
        "eventSourceARN": mapping.source_arn,
    }
    return Record(sequence_number, partition_key, arrived, _json(body))


def dynamodb_record(mapping: EventSourceMapping, answer: Mapping[str, Any]) -> Record:
    """As in https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html.

    `answer` is a record of DynamoDB's GetRecords, as boto3 returns it.
    """
    change = answer["dynamodb"]
    arrived = change["ApproximateCreationDateTime"]
    if isinstance(arrived, datetime):
        arrived = arrived.timestamp()
    body = {
        "eventID": answer["eventID"],
        "eventName": answer["eventName"],
        "eventVersion": answer.get("eventVersion", "1.1"),
        "eventSource": "aws:dynamodb",
        "awsRegion": mapping.region,
        "dynamodb": {**change, "ApproximateCreationDateTime": float(arrived)},
        "eventSourceARN": mapping.source_arn,
    }
    if identity := answer.get("userIdentity"):  # boto3 knows the API's names, an event has others
        body["userIdentity"] = {
            "type": identity.get("Type") or identity.get("type"),
            "principalId": identity.get("PrincipalId") or identity.get("principalId"),
        }
    key = json.dumps(change["Keys"], sort_keys=True, default=_base64)
    return Record(change["SequenceNumber"], key, float(arrived), _json(body))


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_base64)


def _base64(value: Any) -> Any:
    """Binary attributes are base64, also in sets, which boto3 returns as lists."""
    return base64.b64encode(bytes(value)).decode()
