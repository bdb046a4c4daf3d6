"""An event source mapping at work, with the failure semantics of AWS Lambda: the pure core.

It starts no thread, and reads no clock, network or randomness. `ready` returns the units of work
that can start. The caller does each unit in three steps: `begin` marks it as started, `perform` is
the only step that calls the stream, the function and the destination, and `finish` applies the
result. Between begin and finish of one unit, others may begin and finish in any order.
`docs/conformance.md` has the rules, where AWS documents them, and the test of each.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.event_sources import filters, tasks
from localcloud.event_sources.answers import Answer, NotInvokedError, processed
from localcloud.event_sources.due_units import DueUnits
from localcloud.event_sources.failures import DestinationError, Discarded
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.records import Page, Record, Shard, Source, event
from localcloud.event_sources.shards import Batch, KeyGroup, ShardProgress
from localcloud.event_sources.tasks import (
    BatchInvocation,
    Deliver,
    Destination,
    Discarding,
    Invoke,
    List,
    Listing,
    Raised,
    Read,
    Reading,
    Result,
    Shards,
    Task,
    Unit,
)


@dataclass
class Counters:
    """Numbers since the start; `processed`, `filtered` and `discarded` count records."""

    invocations: int = 0
    processed: int = 0
    filtered: int = 0
    discarded: int = 0
    retries: int = 0
    splits: int = 0
    not_invoked: int = 0


def exponential_backoff(failed_tries: int) -> float:
    """Seconds to wait after so many consecutive failures: 0.1 s, doubled up to 5 s."""
    return float(min(0.1 * 2 ** min(failed_tries - 1, 10), 5))


class Engine(DueUnits):
    """One event source mapping.

    `checkpoints` is what `Engine.checkpoints` has returned, as plain JSON. An engine may stop at
    any point: a new one that is made from its checkpoints loses no record.

    `clock` times the engine's waits, and must not jump. `wall_clock`, in Unix seconds, tells the
    age of records; without it, `clock` does both.
    """

    def __init__(
        self,
        mapping: EventSourceMapping,
        source: Source,
        invoke: Invoke,
        destination: Destination | None,
        clock: Callable[[], float],
        *,
        wall_clock: Callable[[], float] | None = None,
        checkpoints: Mapping[str, Any] | None = None,
        backoff: Callable[[int], float] = exponential_backoff,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.mapping = mapping
        self.counters = Counters()
        self._source = source
        self._invoke = invoke
        self._destination = destination
        self._clock = clock
        self._wall_clock = wall_clock or clock
        self._backoff = backoff
        self._new_id = new_id
        self._report = report
        self._matches = filters.matcher(mapping)
        self._read_ahead = 2 * mapping.batch_size * mapping.parallelization_factor
        self._started = bool(checkpoints)  # StartingPosition is applied once
        self._listing = False
        self._listed_at: float | None = None
        self._shards: dict[str, ShardProgress] = {}
        for shard_id, saved in (checkpoints or {}).get("shards", {}).items():
            shard = Shard(shard_id, tuple(saved["parents"]))
            self._add(shard, saved["after"]).ended = saved["ended"]

    def checkpoints(self) -> dict[str, Any]:
        """The checkpoints of all shards, as plain JSON; empty before the first listing."""
        if not self._started:
            return {}
        return {
            "shards": {
                shard_id: {
                    "after": progress.after,
                    "ended": progress.ended,
                    "parents": list(progress.shard.parents),
                }
                for shard_id, progress in self._shards.items()
            }
        }

    def drained_since(self) -> float | None:
        """Every record that was written before this time is processed; None if records are left.

        The time is the earliest of these: when the last listing of the shards began, and, for each
        shard that has not ended, when its last read began.
        """
        reads = [self._listed_at]
        for progress in self._shards.values():
            if progress.after_checkpoint:
                return None
            if not progress.ended:
                reads.append(progress.found_nothing_at)
        times = [at for at in reads if at is not None]
        return min(times) if len(times) == len(reads) else None

    def begin(self, unit: Unit) -> Task:
        """Begin a unit that is ready.

        Raises:
            ValueError: the unit is not ready.
        """
        now = self._clock()
        if not self._is_due(unit, now):
            raise ValueError(f"{unit} is not ready.")
        match unit:
            case List():
                self._listing = True
                wants_newest = not self._started and self.mapping.starting_position == "LATEST"
                return Listing(now, wants_newest)
            case Read(shard_id):
                progress = self._shards[shard_id]
                progress.reading = True
                limit = self._read_ahead - progress.after_checkpoint
                return Reading(shard_id, now, progress.read_to, limit)
            case Deliver(shard_id, group_number):
                return self._begin_delivery(shard_id, group_number, self._wall_clock())

    def perform(self, task: Task) -> Result:
        """Perform a task without changing the engine, so that tasks may run in parallel."""
        return tasks.perform(task, self._source, self._invoke, self._destination)

    def finish(self, task: Task, result: Result) -> bool:
        """Apply a result to the engine; True if it changed anything."""
        match task:
            case Listing():
                self._listing = False
                moved = self._finish_listing(task, result)
            case Reading():
                moved = self._finish_reading(task, self._shards[task.shard_id], result)
            case BatchInvocation() | Discarding():
                progress = self._shards[task.shard_id]
                group = progress.groups[task.group]
                group.busy = False
                group.window_from = self._clock()
                if isinstance(task, BatchInvocation):
                    moved = self._finish_invocation(progress, group, result)
                else:
                    moved = self._finish_discarding(progress, group, result)
        return self._end_shards() or moved

    def _units(self) -> Iterator[Unit]:
        yield List()
        for shard_id, progress in self._shards.items():
            yield Read(shard_id)
            for group_number in range(len(progress.groups)):
                yield Deliver(shard_id, group_number)

    def _due_at(self, unit: Unit) -> float | None:
        match unit:
            case List():
                return None if self._listing else 0
            case Read(shard_id):
                progress = self._shards[shard_id]
                parents = progress.shard.parents
                is_open = self._listed_at is not None and all(map(self._has_ended, parents))
                return progress.read_at(self._read_ahead) if is_open else None
            case Deliver(shard_id, group_number):
                return self._shards[shard_id].groups[group_number].ready_at(self.mapping)

    def _has_ended(self, shard_id: str) -> bool:
        return shard_id not in self._shards or self._shards[shard_id].ended

    def _add(self, shard: Shard, after: str | None) -> ShardProgress:
        groups = [KeyGroup(self._clock()) for _ in range(self.mapping.parallelization_factor)]
        progress = ShardProgress(shard, after, groups)
        self._shards[shard.shard_id] = progress
        return progress

    def _finish_listing(self, task: Listing, result: Result) -> bool:
        if not isinstance(result, Shards):
            self._report(f"The shards of {self.mapping.source_arn} cannot be listed: {result}")
            return False
        listed = {shard.shard_id: shard for shard in result.shards}
        new = [shard for shard in result.shards if shard.shard_id not in self._shards]
        for shard in new:
            self._add(shard, result.newest.get(shard.shard_id))
        for shard_id, progress in self._shards.items():
            progress.listed = shard_id in listed
        self._started = True
        is_first = self._listed_at is None
        self._listed_at = task.begun
        return is_first or bool(new)

    def _finish_reading(self, task: Reading, progress: ShardProgress, result: Result) -> bool:
        progress.reading = False
        if not isinstance(result, Page):
            progress.found_nothing_at = None
            progress.failed_tries += 1
            progress.not_before = self._clock() + self._backoff(progress.failed_tries)
            self._report(f"{task.shard_id} cannot be read: {result}")
            return False
        progress.failed_tries = 0
        since = self.mapping.starting_timestamp or 0
        wanted = [each.arrived >= since and self._matches(each) for each in result.records]
        self.counters.filtered += wanted.count(False)
        progress.take(result.records, wanted)
        progress.closed = result.closed
        is_empty = not result.records and not result.more
        progress.found_nothing_at = task.begun if is_empty else None
        return bool(result.records) or result.more or result.closed

    def _begin_delivery(self, shard_id: str, group_number: int, now: float) -> Task:
        group = self._shards[shard_id].groups[group_number]
        group.busy = True
        batch = group.form_batch(self.mapping)
        if not batch.discarded:
            batch = self._set_old_records_apart(group, batch, now)
        if not batch.discarded:
            return BatchInvocation(shard_id, group_number, event(batch.records))
        if not batch.document:
            batch.document = Discarded(
                self.mapping,
                shard_id,
                batch.records,
                batch.discarded,
                batch.invocations,
                batch.answer,
                now,
                self._new_id(),
            )
        return Discarding(shard_id, group_number, batch.document)

    def _set_old_records_apart(self, group: KeyGroup, batch: Batch, now: float) -> Batch:
        """The batch to continue with: the records that are now too old, if there are any."""
        maximum = self.mapping.maximum_age_seconds
        old = [each for each in batch.records if maximum >= 0 and now - each.arrived > maximum]
        if not old:
            return batch
        young = [each for each in batch.records if now - each.arrived <= maximum]
        parts = [batch.part(old), *([batch.part(young)] if young else [])]
        parts[0].discarded = "RecordAgeExceeded"
        group.replace_first(parts)
        return parts[0]

    def _finish_invocation(self, progress: ShardProgress, group: KeyGroup, result: Result) -> bool:
        if isinstance(result, NotInvokedError):
            self.counters.not_invoked += 1
            self._put_off(group, f"{progress.shard.shard_id}: {result}")
            return False
        why = result.error if isinstance(result, Raised) else result
        unhandled = Answer(function_error="Unhandled", request_id=self._new_id())
        answer = result if isinstance(result, Answer) else unhandled
        batch = group.batches[0]
        batch.invocations += 1
        batch.answer = answer
        self.counters.invocations += 1
        count = self._processed(answer, batch.records)
        if count:
            self.counters.processed += count
            progress.finish(batch.records[:count])
            group.end_backoff()
        if count == len(batch.records):
            group.batches.popleft()
            return True
        if count:
            parts = [self._rest_after_checkpoint(batch, count)]
        else:
            parts = self._retried(batch, halve=count is None)
        group.replace_first(parts)
        self._put_off(group, f"{progress.shard.shard_id}: a batch failed: {why}")
        if parts[0].discarded:
            group.end_backoff()
        return True

    def _processed(self, answer: Answer, records: Sequence[Record]) -> int | None:
        """How many records from the front are processed; None if the batch failed as a whole."""
        if answer.function_error:
            return None
        if not self.mapping.reports_item_failures:
            return len(records)
        return processed(answer.payload, [record.sequence_number for record in records])

    def _rest_after_checkpoint(self, batch: Batch, count: int) -> Batch:
        """The records after the new checkpoint: a new batch, whose retries are counted from 0."""
        if self.mapping.bisects:
            self.counters.splits += 1
        return Batch(batch.records[count:])

    def _retried(self, batch: Batch, *, halve: bool) -> list[Batch]:
        """The next attempt: two halves, the batch again, or none."""
        if halve and self.mapping.bisects and len(batch.records) > 1:
            self.counters.splits += 1
            middle = len(batch.records) // 2
            return [batch.part(batch.records[:middle]), batch.part(batch.records[middle:])]
        if 0 <= self.mapping.maximum_retries <= batch.retries:
            batch.discarded = "RetryAttemptsExhausted"
        else:
            batch.retries += 1
            self.counters.retries += 1
        return [batch]

    def _finish_discarding(self, progress: ShardProgress, group: KeyGroup, result: Result) -> bool:
        batch = group.batches[0]
        shard_id, count = progress.shard.shard_id, len(batch.records)
        if isinstance(result, DestinationError):
            self._put_off(group, f"{shard_id}: {count} discarded records cannot be kept: {result}")
            return False
        self.counters.discarded += count
        progress.finish(batch.records)
        group.batches.popleft()
        group.end_backoff()
        self._report(f"{shard_id}: {count} records are discarded: {batch.discarded}")
        return True

    def _put_off(self, group: KeyGroup, why: str) -> None:
        group.failed_tries += 1
        group.not_before = self._clock() + self._backoff(group.failed_tries)
        self._report(why)

    def _end_shards(self) -> bool:
        """Start children whose parents are processed; forget shards that no longer exist."""
        ended = [each for each in self._shards.values() if each.ends_now()]
        for progress in ended:
            progress.ended = True
        for progress in [each for each in self._shards.values() if each.ended and not each.listed]:
            del self._shards[progress.shard.shard_id]
        return bool(ended)
