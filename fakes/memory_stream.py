"""A Kinesis stream in memory that can be split, merged, trimmed and made to fail."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.records import (
    Page,
    Record,
    Shard,
    SourceError,
    dynamodb_record,
    kinesis_record,
)

HASH_KEYS = 2**128
FIRST_SEQUENCE_NUMBER = 49590338271490256608559692538361571095921575989136588898


@dataclass
class MemoryShard:
    shard: Shard
    low: int
    high: int  # of the hash keys, exclusive
    records: list[Record] = field(default_factory=list)
    closed: bool = False


class MemoryStream:
    """A `Source`; its shards are numbered in the order of their creation."""

    def __init__(
        self, mapping: EventSourceMapping, clock: Callable[[], float], shards: int = 1
    ) -> None:
        self.mapping = mapping
        self.clock = clock
        self.all: dict[str, MemoryShard] = {}
        self.page_size: int | None = None
        self.failing: str | None = None  # the error of every read, if any
        self.read_records = 0
        self._sequence_number = FIRST_SEQUENCE_NUMBER
        self._shards_made = 0
        for place in range(shards):
            self._add((), place * HASH_KEYS // shards, (place + 1) * HASH_KEYS // shards)

    def put(self, key: str, data: bytes = b"{}", arrived: float | None = None) -> Record:
        """Add a record like PutRecord of Kinesis."""
        hash_key = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest())
        [target] = [
            each
            for each in self.all.values()
            if not each.closed and each.low <= hash_key < each.high
        ]
        record = kinesis_record(
            self.mapping,
            target.shard.shard_id,
            sequence_number=self._next_sequence_number(),
            partition_key=key,
            data=data,
            arrived=self.clock() if arrived is None else arrived,
        )
        target.records.append(record)
        return record

    def change(
        self,
        keys: Mapping[str, Any],
        new: Mapping[str, Any] | None = None,
        old: Mapping[str, Any] | None = None,
    ) -> Record:
        """Add the record of a write to a table with a stream, which has one shard."""
        [target] = self.all.values()
        number = self._next_sequence_number()
        change = {
            "ApproximateCreationDateTime": self.clock(),
            "Keys": keys,
            "SequenceNumber": number,
            "SizeBytes": 100,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        change |= ({"NewImage": new} if new else {}) | ({"OldImage": old} if old else {})
        name = "MODIFY" if new and old else "INSERT" if new else "REMOVE"
        record = dynamodb_record(
            self.mapping, {"eventID": number, "eventName": name, "dynamodb": change}
        )
        target.records.append(record)
        return record

    def split(self, shard_id: str) -> tuple[str, str]:
        parent = self.all[shard_id]
        parent.closed = True
        middle = (parent.low + parent.high) // 2
        return (
            self._add((shard_id,), parent.low, middle),
            self._add((shard_id,), middle, parent.high),
        )

    def merge(self, lower: str, upper: str) -> str:
        for shard_id in (lower, upper):
            self.all[shard_id].closed = True
        return self._add((lower, upper), self.all[lower].low, self.all[upper].high)

    def open_shards(self) -> list[str]:
        return [shard_id for shard_id, each in self.all.items() if not each.closed]

    def remove_shard(self, shard_id: str) -> None:
        """Remove a shard, as after the retention of its records."""
        del self.all[shard_id]

    def shards(self) -> Sequence[Shard]:
        self._raise_if_failing()
        return [each.shard for each in self.all.values()]

    def read(self, shard_id: str, after: str | None, limit: int) -> Page:
        self._raise_if_failing()
        if shard_id not in self.all:
            raise SourceError(f"{shard_id} does not exist")
        shard = self.all[shard_id]
        found = [each for each in shard.records if int(each.sequence_number) > int(after or 0)]
        page = found[: min(limit, self.page_size or limit)]
        more = len(page) < len(found)
        self.read_records += len(page)
        return Page(page, more=more, closed=shard.closed and not more)

    def newest(self, shard_id: str) -> str | None:
        records = self.all[shard_id].records
        return records[-1].sequence_number if records else None

    def _add(self, parents: tuple[str, ...], low: int, high: int) -> str:
        self._shards_made += 1
        shard_id = f"shardId-{self._shards_made - 1:012d}"
        self.all[shard_id] = MemoryShard(Shard(shard_id, parents), low, high)
        return shard_id

    def _next_sequence_number(self) -> str:
        self._sequence_number += 1
        return str(self._sequence_number)

    def _raise_if_failing(self) -> None:
        if self.failing:
            raise SourceError(self.failing)
