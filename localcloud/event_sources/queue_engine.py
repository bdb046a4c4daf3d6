"""The event source mapping of a queue, with the failure semantics of AWS Lambda: the pure core.

The poller uses it like `Engine`: `ready`, then `begin`, `perform` and `finish` for each unit. In a
`Deliver` unit, `group` is the number of a batch. There are no checkpoints: after the visibility
timeout, the queue itself delivers again what has not been deleted.
`docs/conformance-queues.md` has the rules, where AWS documents them, and the test of each.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from localcloud.event_sources import filters
from localcloud.event_sources.answers import Answer, NotInvokedError, failed_messages
from localcloud.event_sources.due_units import DueUnits
from localcloud.event_sources.engine import Counters, exponential_backoff
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.queues import Message, Queue, Received
from localcloud.event_sources.records import SourceError, event, event_size
from localcloud.event_sources.shards import PAYLOAD_LIMIT
from localcloud.event_sources.tasks import (
    BatchInvocation,
    Deliver,
    Invoke,
    Raised,
    Read,
    Unit,
    invoked,
)

_BATCHES_BY_DEFAULT: Final = 5  # AWS begins with five, and adds more; this engine does not
_MAX_BATCHES: Final = 20  # of one mapping, as all mappings share the poller's threads

type QueueTask = Receiving | BatchInvocation | Deletion
type QueueResult = Received | Answer | Raised | Deleted | NotInvokedError | SourceError


@dataclass(frozen=True)
class Receiving:
    """A request for at most `limit` messages, which began at the time `begun`."""

    begun: float
    limit: int


@dataclass(frozen=True)
class Deletion:
    """A request to delete messages of a batch."""

    batch_number: int
    messages: Sequence[Message]


class Deleted:
    """The answer to a deletion."""


@dataclass
class _Batch:
    """Messages for one invocation, or messages that a filter excludes and that are only deleted."""

    messages: Sequence[Message]
    visible_at: float  # when the queue may deliver the first of them again
    to_delete: Sequence[Message] | None = None  # once it is known
    busy: bool = False
    failed_tries: int = 0  # consecutive
    not_before: float = 0


class QueueEngine(DueUnits):
    """The event source mapping of one queue."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        queue: Queue,
        invoke: Invoke,
        clock: Callable[[], float],
        *,
        backoff: Callable[[int], float] = exponential_backoff,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.mapping = mapping
        self.counters = Counters()
        self._queue = queue
        self._invoke = invoke
        self._clock = clock
        self._backoff = backoff
        self._report = report
        self._name = mapping.source_arn.rsplit(":", 1)[1]
        self._matches = filters.matcher(mapping)
        self._most = min(mapping.maximum_concurrency or _BATCHES_BY_DEFAULT, _MAX_BATCHES)
        self._gathered: deque[tuple[Message, float]] = deque()  # with its `visible_at`
        self._window_from = 0.0  # when the batch window of the gathered messages began
        self._batches: dict[int, _Batch] = {}
        self._next_batch_number = 0
        self._receiving = False
        self._failed_reads = 0
        self._read_not_before = 0.0
        self._found_nothing_at: float | None = None

    def checkpoints(self) -> dict[str, Any]:
        """No checkpoints: the queue keeps what is not processed."""
        return {}

    def drained_since(self) -> float | None:
        """When the read began that found the queue empty; None while messages are processed."""
        return None if self._gathered or self._batches else self._found_nothing_at

    def begin(self, unit: Unit) -> QueueTask:
        """Begin a unit that is ready.

        Raises:
            ValueError: the unit is not ready.
        """
        now = self._clock()
        if not self._is_due(unit, now):
            raise ValueError(f"{unit} is not ready.")
        if not isinstance(unit, Deliver):
            self._receiving = True
            return Receiving(now, self.mapping.batch_size - len(self._gathered))
        batch_number = unit.group
        if batch_number == self._next_batch_number:  # a batch that is still to be formed
            self._form_batch()
        batch = self._batches[batch_number]
        batch.busy = True
        if batch.to_delete is not None:
            return Deletion(batch_number, batch.to_delete)
        return BatchInvocation(self._name, batch_number, event(batch.messages))

    def perform(self, task: QueueTask) -> QueueResult:
        """Perform a task without changing the engine, so that tasks may run in parallel."""
        try:
            match task:
                case Receiving():
                    return self._queue.receive(task.limit)
                case BatchInvocation():
                    return invoked(self._invoke, task.event)
                case Deletion():
                    self._queue.delete(task.messages)
                    return Deleted()
        except (SourceError, NotInvokedError) as error:
            return error

    def finish(self, task: QueueTask, result: QueueResult) -> bool:
        """Apply a result to the engine; True if it changed anything."""
        match task:
            case Receiving():
                self._receiving = False
                return self._finish_receiving(task, result)
            case BatchInvocation():
                return self._finish_invocation(task.group, result)
            case Deletion():
                return self._finish_deletion(task.batch_number, result)

    def _units(self) -> Iterator[Unit]:
        for batch_number in self._batches:
            yield Deliver(self._name, batch_number)
        yield Deliver(self._name, self._next_batch_number)
        yield Read(self._name)

    def _due_at(self, unit: Unit) -> float | None:
        if not isinstance(unit, Deliver):
            return self._receive_at()
        if unit.group == self._next_batch_number:
            return self._next_batch_at()
        batch = self._batches[unit.group]
        return None if batch.busy else batch.not_before

    def _receive_at(self) -> float | None:
        """When to receive again; None if no more messages can be processed now, or a batch is due.

        No read is ready while a new batch is. Forming that batch may take the last free place, and
        the read would not be ready any more.
        """
        if self._receiving or len(self._batches) >= self._most:
            return None
        next_batch_at = self._next_batch_at()
        if next_batch_at is not None and next_batch_at <= self._clock():
            return None
        return self._read_not_before

    def _next_batch_at(self) -> float | None:
        if not self._gathered or len(self._batches) >= self._most:
            return None
        if not self.mapping.window_seconds or self._is_full():
            return 0
        return self._window_from + self.mapping.window_seconds

    def _is_full(self) -> bool:
        gathered = len(self._gathered)
        return gathered >= self.mapping.batch_size or self._next_batch_size() < gathered

    def _next_batch_size(self) -> int:
        """How many gathered messages make the next batch: at least one, whatever its size."""
        count, size = 0, event_size([])
        for message, _ in self._gathered:
            size += message.size + 1
            if count and (count == self.mapping.batch_size or size > PAYLOAD_LIMIT):
                break
            count += 1
        return count

    def _form_batch(self) -> None:
        taken = [self._gathered.popleft() for _ in range(self._next_batch_size())]
        self._window_from = self._clock()  # what did not fit waits for a new window
        messages = [message for message, _ in taken]
        self._add_batch(_Batch(messages, min(at for _, at in taken)))

    def _add_batch(self, batch: _Batch) -> None:
        self._batches[self._next_batch_number] = batch
        self._next_batch_number += 1

    def _finish_receiving(self, task: Receiving, result: QueueResult) -> bool:
        if not isinstance(result, Received):
            self._found_nothing_at = None
            self._failed_reads += 1
            self._read_not_before = self._clock() + self._backoff(self._failed_reads)
            self._report(f"{self._name} cannot be read: {result}")
            return False
        self._failed_reads = 0
        self._found_nothing_at = task.begun if result.is_empty else None
        visible_at = task.begun + result.visibility_timeout
        wanted = [each for each in result.messages if self._matches(each)]
        unwanted = [each for each in result.messages if each not in wanted]
        if wanted and not self._gathered:
            self._window_from = self._clock()
        self._gathered += [(each, visible_at) for each in wanted]
        if unwanted:
            self.counters.filtered += len(unwanted)
            self._add_batch(_Batch(unwanted, visible_at, to_delete=unwanted))
        return bool(result.messages)

    def _finish_invocation(self, batch_number: int, result: QueueResult) -> bool:
        batch = self._batches[batch_number]
        batch.busy = False
        if isinstance(result, NotInvokedError):
            self.counters.not_invoked += 1
            self._put_off(batch_number, batch, f"{self._name}: {result}")
            return False
        self.counters.invocations += 1
        failed = self._failed(result, batch)
        processed = [each for each in batch.messages if each.message_id not in failed]
        self.counters.processed += len(processed)
        if len(processed) < len(batch.messages):
            self.counters.retries += 1
            why = result.error if isinstance(result, Raised) else result
            self._report(
                f"{self._name}: {len(failed)} messages failed, and are delivered again after the"
                f" visibility timeout: {why}"
            )
        batch.to_delete = processed
        batch.failed_tries = 0
        batch.not_before = 0
        if not processed:
            del self._batches[batch_number]
        return True

    def _failed(self, result: QueueResult, batch: _Batch) -> set[str]:
        """The IDs of the messages that are not processed."""
        everything = {each.message_id for each in batch.messages}
        if not isinstance(result, Answer) or result.function_error:
            return everything
        if not self.mapping.reports_item_failures:
            return set()
        failed = failed_messages(result.payload, everything)
        return everything if failed is None else failed

    def _finish_deletion(self, batch_number: int, result: QueueResult) -> bool:
        batch = self._batches[batch_number]
        batch.busy = False
        if isinstance(result, SourceError):
            self._put_off(
                batch_number, batch, f"{self._name}: messages cannot be deleted: {result}"
            )
            return False
        del self._batches[batch_number]
        return True

    def _put_off(self, batch_number: int, batch: _Batch, why: str) -> None:
        """Try again later; forget the batch if the queue delivers its messages again by then."""
        batch.failed_tries += 1
        batch.not_before = self._clock() + self._backoff(batch.failed_tries)
        if batch.not_before >= batch.visible_at:
            del self._batches[batch_number]
        self._report(why)
