"""Discarded records: AWS's JSON for on-failure destinations, and its key in a bucket.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from localcloud.event_sources.answers import Answer
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.records import Record, event

type Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]


class DestinationError(Exception):
    """The on-failure destination could not be written now."""


@dataclass(frozen=True)
class Discarded:
    """Discarded records, the reason, and the last answer."""

    mapping: EventSourceMapping
    shard_id: str
    records: Sequence[Record]
    condition: Condition
    invocations: int
    answer: Answer | None  # of the last invocation, if there was one
    at: float  # Unix time
    identifier: str  # a UUID, the same for every attempt to write this document

    def document(self) -> dict[str, Any]:
        """The metadata, which is all that a queue or a topic gets."""
        last = self.answer
        document: dict[str, Any] = {
            "requestContext": {
                "requestId": last.request_id if last else self.identifier,
                "functionArn": self.mapping.function_arn,
                "condition": self.condition,
                "approximateInvokeCount": max(self.invocations, 1),
            }
        }
        if last and self.condition != "RecordAgeExceeded":
            document["responseContext"] = {
                "statusCode": last.status,
                "executedVersion": last.executed_version,
                "functionError": last.function_error,
            }
        kinesis = self.mapping.service == "kinesis"
        return document | {
            "version": "1.0",
            "timestamp": _timestamp(self.at, "milliseconds"),
            "KinesisBatchInfo" if kinesis else "DDBStreamBatchInfo": self._batch(kinesis=kinesis),
        }

    def document_with_payload(self) -> dict[str, Any]:
        """What a bucket gets: the event that the function was, or would have been, invoked with."""
        return self.document() | {"payload": event(self.records)}

    def object_key(self) -> str:
        """aws/lambda/<mapping's UUID>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>."""
        at = datetime.fromtimestamp(self.at, UTC)
        folder = f"aws/lambda/{self.mapping.uuid}/{self.shard_id}/{at:%Y/%m/%d}"
        return f"{folder}/{at:%Y-%m-%dT%H.%M.%S}-{self.identifier}"

    def _batch(self, *, kinesis: bool) -> dict[str, Any]:
        first, last = self.records[0], self.records[-1]
        precision = "milliseconds" if kinesis else "seconds"
        return {
            "shardId": self.shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _timestamp(first.arrived, precision),
            "approximateArrivalOfLastRecord": _timestamp(last.arrived, precision),
            "batchSize": len(self.records),
            "streamArn": self.mapping.source_arn,
        }


def _timestamp(seconds: float, precision: str) -> str:
    at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision)
    return at.replace("+00:00", "Z")
