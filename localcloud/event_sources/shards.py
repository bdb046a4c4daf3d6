"""The state of one shard: its key groups, the batches of each, and the checkpoint."""

import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from localcloud.event_sources.answers import Answer
from localcloud.event_sources.failures import Condition, Discarded
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.records import Record, Shard, event_size

PAYLOAD_LIMIT = 6 * 1024 * 1024  # bytes of an event as JSON


@dataclass
class Batch:
    """Records that are sent together, and the history of their attempts."""

    records: Sequence[Record]
    retries: int = 0
    invocations: int = 0
    answer: Answer | None = None
    discarded: Condition | None = None
    document: Discarded | None = None  # made at the first attempt to write it

    def part(self, records: Sequence[Record]) -> "Batch":
        """A batch of some of these records, with the same history."""
        return Batch(records, self.retries, self.invocations, self.answer)


@dataclass
class KeyGroup:
    """The records of some keys of a shard, of which one batch at a time is processed.

    A shard has as many key groups as its mapping's ParallelizationFactor.
    """

    window_from: float  # end of the last invocation
    waiting: deque[Record] = field(default_factory=deque)
    batches: deque[Batch] = field(default_factory=deque)  # parts of one batch, in order
    busy: bool = False
    failed_tries: int = 0  # consecutive
    not_before: float = 0

    def ready_at(self, mapping: EventSourceMapping) -> float | None:
        """When the next batch is due; None if no record is waiting."""
        if self.busy or not (self.batches or self.waiting):
            return None
        if self.batches or not mapping.window_seconds or self._is_full(mapping):
            return self.not_before
        return max(self.not_before, self.window_from + mapping.window_seconds)

    def form_batch(self, mapping: EventSourceMapping) -> Batch:
        """The batch in progress, or as many waiting records as fit into one event."""
        if not self.batches:
            count = self._fitting(mapping)
            self.batches.append(Batch([self.waiting.popleft() for _ in range(count)]))
        return self.batches[0]

    def replace_first(self, parts: Sequence[Batch]) -> None:
        self.batches.popleft()
        self.batches.extendleft(reversed(parts))

    def end_backoff(self) -> None:
        """Continue without a pause."""
        self.failed_tries = 0
        self.not_before = 0

    def _is_full(self, mapping: EventSourceMapping) -> bool:
        return len(self.waiting) >= mapping.batch_size or self._fitting(mapping) < len(self.waiting)

    def _fitting(self, mapping: EventSourceMapping) -> int:
        """How many waiting records make the next batch: at least one, whatever its size."""
        count, size = 0, event_size([])
        for record in self.waiting:
            size += record.size + 1
            if count and (count == mapping.batch_size or size > PAYLOAD_LIMIT):
                break
            count += 1
        return count


@dataclass
class ShardProgress:
    """What has been read and processed of one shard."""

    shard: Shard
    after: str | None  # sequence number; everything up to it is processed
    groups: list[KeyGroup]
    ended: bool = False  # closed, and everything is processed
    listed: bool = True  # the stream still has it
    closed: bool = False  # read to its end
    reading: bool = False
    failed_tries: int = 0  # consecutive failed reads
    not_before: float = 0
    found_nothing_at: float | None = None  # when the last read began, if it found nothing
    _read_to: str | None = None
    # In shard order, whether each record that was read is processed.
    _after_checkpoint: dict[str, bool] = field(default_factory=dict)

    @property
    def read_to(self) -> str | None:
        return self._read_to or self.after

    @property
    def after_checkpoint(self) -> int:
        """How many records were read after the checkpoint."""
        return len(self._after_checkpoint)

    def read_at(self, read_ahead: int) -> float | None:
        """When to read again; None if the shard has ended or enough records wait."""
        if self.reading or self.closed or self.ended or not self.listed:
            return None
        return self.not_before if self.after_checkpoint < read_ahead else None

    def take(self, records: Sequence[Record], wanted: Sequence[bool]) -> None:
        """Put new records into their key groups; filtered ones count as processed."""
        for record, is_wanted in zip(records, wanted, strict=True):
            self._read_to = record.sequence_number
            self._after_checkpoint[record.sequence_number] = not is_wanted
            if is_wanted:
                group = zlib.crc32(record.key.encode()) % len(self.groups)
                self.groups[group].waiting.append(record)
        self._advance()

    def finish(self, records: Sequence[Record]) -> None:
        for record in records:
            self._after_checkpoint[record.sequence_number] = True
        self._advance()

    def ends_now(self) -> bool:
        """Whether all its records are processed and it is not yet marked as ended."""
        is_read = self.closed or not self.listed
        return is_read and not self.reading and not self.after_checkpoint and not self.ended

    def _advance(self) -> None:
        """Move the checkpoint to the last record before the first that is not processed."""
        while self._after_checkpoint:
            sequence_number = next(iter(self._after_checkpoint))
            if not self._after_checkpoint[sequence_number]:
                return
            del self._after_checkpoint[sequence_number]
            self.after = sequence_number
