"""The order of a photo's records, and whether the engine keeps it."""

import json
from collections.abc import Iterable
from typing import Any

from localcloud.event_sources.records import Record


class Order:
    """Checks that records of a key are delivered in order and in one batch at a time.

    A record may be delivered when all earlier records of its key are settled.
    """

    def __init__(self) -> None:
        self._predecessors: dict[str, str | None] = {}  # of the same key
        self._newest: dict[str, str] = {}
        self._settled: set[str] = set()  # processed or discarded, by this or an earlier engine

    def note(self, record: Record) -> None:
        """A record is in the stream."""
        self._predecessors[record.sequence_number] = self._newest.get(record.key)
        self._newest[record.key] = record.sequence_number

    def check(self, event: str, running: Iterable[str]) -> None:
        """Check an event that is delivered while the events of `running` are processed."""
        busy = {key for other in running for _, key in identities(other)}
        settled_before = set(self._settled)
        for number, key in identities(event):
            assert key not in busy, "two batches of a key at the same time"
            predecessor = self._predecessors[number]
            assert predecessor is None or predecessor in settled_before, (
                "a record was delivered before an earlier one of its key was settled"
            )
            settled_before.add(number)

    def settle(self, event: str, answer: dict[str, Any]) -> None:
        """Records that are not reported are settled."""
        numbers = [number for number, _ in identities(event)]
        if failures := answer["batchItemFailures"]:
            numbers = numbers[: numbers.index(failures[0]["itemIdentifier"])]
        self._settled.update(numbers)

    def discard(self, records: Iterable[Record]) -> None:
        self._settled.update(record.sequence_number for record in records)


def identities(event: str) -> list[tuple[str, str]]:
    return [identity(record) for record in json.loads(event)["Records"]]


def identity(record: dict[str, Any]) -> tuple[str, str]:
    """Its sequence number and its key."""
    if "kinesis" in record:
        return record["kinesis"]["sequenceNumber"], record["kinesis"]["partitionKey"]
    change = record["dynamodb"]
    return change["SequenceNumber"], json.dumps(change["Keys"], sort_keys=True)
