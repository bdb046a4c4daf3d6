"""One history: a stream, the engine, a function, and the faults between them."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterator, Sequence, Set
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fakes.memory_stream import MemoryStream
from localcloud.event_sources.answers import Answer, NotInvokedError
from localcloud.event_sources.destinations import destination
from localcloud.event_sources.engine import Engine
from localcloud.event_sources.failures import DestinationError
from localcloud.event_sources.records import Record
from localcloud.event_sources.tasks import BatchInvocation, Deliver, Discarding, Kept, Unit
from shared.quarantine import BrokenReleaseError
from tests.simulation import tally
from tests.simulation.call_faults import NO_FAULT, HistoryContext, Run, faults_from, invocation
from tests.simulation.clients import Bucket
from tests.simulation.functions import Context, Function, plain
from tests.simulation.moves import Move, RunningTask, Setup
from tests.simulation.order import Order, identity
from tests.simulation.redriving import redrive
from tests.support.faults import CrashError

START = 1_795_178_096.0  # 2026-11-20T12:34:56Z
WAITS = (1, 2, 6, 6, 61, 61, 301, 3601, 43_300)  # the last is more than a record's greatest age
RELEASES = ("good", "faulty", "good", "faulty", "broken")
MAX_UNEXPECTED = 2  # instead of 10, as batches are smaller too


class World:
    """Subclasses define the records that are sent, and the expected result."""

    photos: Sequence[str]

    def __init__(self, function: Function, setup: Setup, stream: type[MemoryStream]) -> None:
        self.function = function
        self.setup = setup
        self.now = START
        self.history_context = HistoryContext()
        self.bucket = Bucket(self.history_context, self.clock)
        self.mapping = dataclasses.replace(
            function.mapping, batch_size=setup.batch_size, maximum_retries=setup.retries
        )
        self.stream = stream(self.mapping, self.clock, setup.shards)
        self.sent: dict[str, Any] = {}  # records as events have them, by sequence number
        self.failing_records: set[str] = set()  # the records on which a faulty release raises
        self.raised_on: set[str] = set()  # the records on which a release has raised
        self.release = "good"
        self.function_is_throttled = False
        self.throttled: set[str] = set()
        self.violations: list[str] = []
        self.patches = pytest.MonkeyPatch()
        self.patches.setattr("shared.quarantine.MAX_UNEXPECTED", MAX_UNEXPECTED)
        self._order = Order()
        self._identifiers = itertools.count()
        self._running_tasks: list[RunningTask] = []
        self._others: list[Run] = []  # redrives, and invocations that the engine does not wait for
        self._events: list[str] = []
        self._saved: list[dict[str, Any]] = [{}]
        self._engine = self._new_engine({})

    def clock(self) -> float:
        return self.now

    def run(self, moves: Sequence[Move]) -> None:
        """Random failures, then delivery of the rest, then a redrive of the failures."""
        try:
            for move in moves:
                self.history_context.log.append(repr(move))
                getattr(self, move.verb)(move.which, move.fault)
            self.history_context.log.append("failures end")
            self._end_failures()
            self._drain()
            self._check(self.check_drained)
            self.history_context.log.append("the stream is drained; redrive")
            self._redrive_twice_at_once()
            self._redrive()
            self._check(self.check_redriven)
        except BaseException as error:
            error.add_note("\n".join(self.history_context.log))
            raise
        finally:
            self._close()

    def check_drained(self) -> None:
        raise NotImplementedError

    def check_redriven(self) -> None:
        raise NotImplementedError

    def reshard(self, which: int, fault: str) -> None:
        raise NotImplementedError

    def check_quarantine(self, poisonous: Set[str]) -> None:
        """Check that each record in quarantine is poison, or that a release has raised on it."""
        quarantined = {number for _, number in self.in_bucket("quarantine/")}
        assert quarantined <= poisonous | self.raised_on, "good records are in quarantine"

    def check_redriven_bucket(self, poisonous: Set[str]) -> None:
        """Check that all poison is in quarantine, and that nothing else is in the bucket."""
        quarantined = {number for _, number in self.in_bucket("quarantine/")}
        assert quarantined >= poisonous, "poison was lost in the redrive"
        assert quarantined <= poisonous, "good records are still in quarantine"
        batches = list(self.in_bucket("aws/"))
        with_poison = {key for key, number in batches if number in poisonous}
        assert {key for key, _ in batches} <= with_poison, (
            "batches are still in the bucket after their replay"
        )

    def in_bucket(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Key and sequence number of each record there; check that it is exactly as it was sent."""
        for key, (body, _) in self.bucket.objects.items():
            if not key.startswith(prefix):
                continue
            stored = json.loads(body)
            is_single = "record" in stored
            payload = (
                {"Records": [stored["record"]]} if is_single else json.loads(stored["payload"])
            )
            for record in payload["Records"]:
                number, _ = identity(record)
                assert record == self.sent[number], "a stored record is not as it was sent"
                if is_single:
                    assert key.startswith(f"quarantine/{self.function.folder}/")
                    assert key.endswith(f"/{number}.json")
                yield key, number

    # ── Moves ───────────────────────────────────────────────────────────────────────────────────

    def run_engine_once(self, which: int, fault: str) -> None:
        """The engine does each unit that is ready; one of the calls has that fault."""
        self.now += 1.1
        with faults_from(_nth(which % 5, fault).__next__):
            for unit in self._engine.ready():
                if running := self._begin(unit):
                    self._finish(running)

    def begin(self, which: int, _: str) -> None:
        """Start one unit and run it up to its first call."""
        units = self._engine.ready()
        deliveries = [unit for unit in units if isinstance(unit, Deliver)]
        if units := deliveries if deliveries and which % 3 else units:
            running = self._begin(units[which % len(units)], stepwise=True)
            if running and not running.run and which % 2:
                self._finish(running)

    def advance(self, which: int, fault: str) -> None:
        """A running task makes some calls, and the next one has that fault."""
        if runs := self._unfinished_runs():
            run = runs[which % len(runs)]
            for step in itertools.chain([NO_FAULT] * (which // 7 % 4), [fault]):
                if run.alive:
                    run.advance(step)

    def finish(self, which: int, _: str) -> None:
        """The engine gets the result of a task."""
        done = [each for each in self._running_tasks if not (each.run and each.run.alive)]
        if done:
            self._finish(done[which % len(done)])

    def save_checkpoints(self, *_: object) -> None:
        self._saved.append(plain(self._engine.checkpoints()))

    def restart(self, which: int, _: str) -> None:
        """Replace the engine by one with old checkpoints; running invocations may continue."""
        tally.events["restarts from old checkpoints"] += 1
        for running in self._running_tasks:
            if running.run and running.run.alive:
                if which % 2:
                    running.run.advance("crash before a call")
                else:
                    self._others.append(running.run)
        self._running_tasks.clear()
        self._engine = self._new_engine(self._saved[-1 - which // 2 % len(self._saved)])

    def wait(self, which: int, _: str) -> None:
        self.now += WAITS[which % len(WAITS)]

    def throttle(self, which: int, _: str) -> None:
        """Start or stop the throttling of a photo's rows."""
        self.throttled ^= {self.photos[which % len(self.photos)]}

    def outage(self, which: int, _: str) -> None:
        """S3, the stream or Lambda fails or recovers."""
        match which % 4:
            case 0 | 1:
                self.bucket.unavailable = not self.bucket.unavailable
            case 2:
                self.stream.failing = None if self.stream.failing else "throttled"
            case 3:
                self.function_is_throttled = not self.function_is_throttled

    def deploy(self, which: int, _: str) -> None:
        self.release = RELEASES[which % len(RELEASES)]
        tally.events["deployments"] += 1

    def deliver_again(self, which: int, fault: str) -> None:
        """Deliver an earlier event once more; the answer is ignored."""
        if self._events:
            event = self._events[which % len(self._events)]
            tally.events["repeated deliveries"] += 1
            self._start(
                Run("repeated delivery", lambda: self._invoke_and_ignore(event)), which, fault
            )

    def redrive(self, which: int, fault: str) -> None:
        tally.events["redrives during failures"] += 1
        self._start(Run("redrive", self._redrive), which, fault)

    def late_call(self, which: int, _: str) -> None:
        """A call whose caller has ended takes effect late, or never."""
        if self.history_context.late:
            effect = self.history_context.late.pop(which % len(self.history_context.late))
            if which % 3:
                with contextlib.suppress(ClientError):
                    effect()

    # ── Parts of moves ────────────────────────────────────────────────────────────────────────────

    def note(self, record: Record) -> None:
        """A record is in the stream."""
        self.sent[record.sequence_number] = json.loads(record.body)
        self._order.note(record)
        self.history_context.write_log(f"sent {record.sequence_number[-3:]} of {record.key[-14:]}")
        tally.events["records"] += 1

    def invoke(self, event: str) -> Answer:
        """The function, as the engine and redrive call it."""
        if self.function_is_throttled:
            tally.faults["function throttled"] += 1
            raise NotInvokedError("throttled")
        tally.events["invocations"] += 1
        decoded = json.loads(event)
        self.history_context.write_log(f"the {self.release} release gets {_short(decoded)}")
        context = Context(self.function.timeout, self.longest_call)
        try:
            with invocation(context):
                payload = self.function.handler(decoded, context)
            self.history_context.write_log(f"and answers {payload}")
            return Answer(plain(payload))
        except CrashError:
            return Answer(function_error="Unhandled")
        except Exception as error:
            if not isinstance(error, BrokenReleaseError) or self.release == "good":
                self.violations.append(f"the function raised {error!r}")
            tally.faults["broken release"] += 1
            raise
        finally:
            if context.left < 0:
                self.violations.append("the function used more than its timeout")

    @property
    def longest_call(self) -> float:
        """The seconds after which the client ends a call."""
        raise NotImplementedError

    def raises_on(self, sequence_number: str) -> bool:
        """Whether the deployed release has a bug that raises on this record."""
        faulty = self.release == "faulty" and sequence_number in self.failing_records
        if not faulty and self.release != "broken":
            return False
        tally.faults["raised on a good record"] += 1
        self.raised_on.add(sequence_number)
        return True

    def _new_engine(self, checkpoints: dict[str, Any]) -> Engine:
        clients: Any = self.bucket
        cloud: Any = None
        return Engine(
            self.mapping,
            self.stream,
            self.invoke,
            destination(self.mapping, clients, cloud),
            self.clock,
            checkpoints=checkpoints,
            new_id=lambda: f"{next(self._identifiers):08}",
        )

    def _begin(self, unit: Unit, *, stepwise: bool = False) -> RunningTask | None:
        engine = self._engine
        try:
            task = engine.begin(unit)
        except ValueError:  # it is not ready any more
            return None
        running = RunningTask(engine, task)
        if isinstance(task, BatchInvocation):
            others = (running.task for running in self._running_tasks)
            under_way = [each.event for each in others if isinstance(each, BatchInvocation)]
            self._order.check(task.event, under_way)
            self._events.append(task.event)
        if stepwise and isinstance(task, BatchInvocation | Discarding):
            running.run = Run(f"{task.shard_id[-2:]}/{task.group}", lambda: engine.perform(task))
        else:
            running.done = engine.perform(task)
        self._running_tasks.append(running)
        return running

    def _finish(self, running: RunningTask) -> bool:
        self._running_tasks.remove(running)
        task, result = running.task, running.result
        if isinstance(task, BatchInvocation) and isinstance(result, Answer):
            if not result.function_error:
                self._order.settle(task.event, result.payload)
        elif isinstance(task, Discarding) and isinstance(result, Kept):
            tally.events[f"batches discarded: {task.discarded.condition}"] += 1
            self._order.discard(task.discarded.records)
        elif isinstance(result, DestinationError):
            tally.faults["failure destination unavailable"] += 1
        return running.engine.finish(task, result)

    def _start(self, run: Run, which: int, fault: str) -> None:
        """Leave the task running, or run it to its end now."""
        if which % 3:
            self._others.append(run)
            return
        for step in _nth(which // 3 % 8, fault):
            if not run.alive:
                break
            run.advance(step)
        self._end(run)

    def _invoke_and_ignore(self, event: str) -> None:
        with contextlib.suppress(Exception):  # `invoke` has checked it
            self.invoke(event)

    def _redrive(self) -> None:
        redrive(self.bucket, self.invoke, self.violations.append)

    def _redrive_twice_at_once(self) -> None:
        """Run both redrives at the same time, call by call in turns."""
        runs = [Run("one", self._redrive), Run("other", self._redrive)]
        self._others += runs
        while any(run.alive for run in runs):
            for run, calls in zip(runs, self.setup.paces, strict=True):
                for _ in range(calls):
                    if run.alive:
                        run.advance()
        for run in runs:
            self._end(run)

    def _unfinished_runs(self) -> list[Run]:
        engine_runs = [running.run for running in self._running_tasks if running.run]
        return [run for run in (*engine_runs, *self._others) if run.alive]

    def _end(self, run: Run, fault: str = NO_FAULT) -> None:
        while run.alive:
            run.advance(fault)
        if run.error and not isinstance(run.error, CrashError):
            raise run.error

    def _end_failures(self) -> None:
        self.release = "good"
        self.bucket.unavailable = self.function_is_throttled = False
        self.stream.failing = None
        self.throttled.clear()
        for run in (*self._unfinished_runs(), *self._others):
            self._end(run)
        for running in list(self._running_tasks):
            self._finish(running)
        while self.history_context.late:
            self.late_call(1, NO_FAULT)

    def _drain(self) -> None:
        for _ in range(1000):
            moved = True
            while moved:
                moved = False
                for unit in self._engine.ready():
                    if running := self._begin(unit):
                        moved |= self._finish(running)
            wait = self._engine.wait()
            if wait is None and self._engine.drained_since() is not None:
                return
            self.now += max(wait or 0, 0.01)
        raise AssertionError("the stream was not drained after 1,000 rounds")

    def _check(self, invariants: Any) -> None:
        assert not self.violations, self.violations[0]
        invariants()

    def _close(self) -> None:
        self.patches.undo()
        for run in self._unfinished_runs():
            with contextlib.suppress(BaseException):
                self._end(run, "crash before a call")


def _nth(place: int, fault: str) -> Iterator[str]:
    """One call of many has a fault."""
    return itertools.chain([NO_FAULT] * place, [fault], itertools.repeat(NO_FAULT))


def _short(event: dict[str, Any]) -> str:
    """The ends of its records' sequence numbers."""
    records = event.get("redrive", {}).get("records") or event["Records"]
    return " ".join(identity(record)[0][-3:] for record in records)
