"""Runs the event source mappings of a laptop cloud.

ministack, the emulator of AWS, stores the mappings. Its own pollers are off.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

import filelock
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.clients import root_client
from localcloud.cloud import Cloud, CloudError
from localcloud.event_sources.answers import Answer, NotInvokedError
from localcloud.event_sources.destinations import destination
from localcloud.event_sources.engine import Counters, Engine
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.queue_engine import QueueEngine
from localcloud.event_sources.queues import SqsQueue
from localcloud.event_sources.role_clients import UNAVAILABLE, RoleClients
from localcloud.event_sources.sources import source
from localcloud.event_sources.state_files import Log, StateFile
from localcloud.event_sources.tasks import Deliver, List, Read, Unit

_POLL_SECONDS: Final = 0.2
_LIST_SECONDS: Final = 1.0
_REFRESH_SECONDS: Final = 2.0
_END_SECONDS: Final = 5.0
_LONGEST_INVOCATION_SECONDS: Final = 900
_THREADS: Final = 32
_SOURCES: Final = (":kinesis:", ":dynamodb:", ":sqs:")
_ENABLED: Final = ("Creating", "Enabling", "Enabled", "Updating")
_NOT_SAVED: Final = (
    "Free some space. Until then deliveries go on, but checkpoints are not saved: if the event"
    " sources are started again, they deliver the records after the last saved checkpoint again."
)


class _Engine(Protocol):
    """What the poller needs of `Engine` and `QueueEngine`; their docstrings say what it means."""

    mapping: EventSourceMapping
    counters: Counters

    def checkpoints(self) -> dict[str, Any]: ...

    def ready(self) -> list[Unit]: ...

    def wait(self) -> float | None: ...

    def drained_since(self) -> float | None: ...

    def begin(self, unit: Unit) -> Any: ...

    def perform(self, task: Any) -> Any: ...

    def finish(self, task: Any, result: Any) -> bool: ...


@dataclass
class _Worker:
    """The engine of one mapping, and its tasks in progress."""

    engine: _Engine
    under_way: int = 0
    not_before: dict[Unit, float] = field(default_factory=dict)
    outdated: bool = False  # begins no new task, and goes when its tasks have ended
    failed: bool = False  # the engine raised: a new worker goes on from its checkpoints


class EventSources:
    """Runs the event source mappings of a cloud. Use `running` to create it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lambda = root_client(cloud, "lambda", read_timeout=_LONGEST_INVOCATION_SECONDS + 10)
        self._workers: dict[str, _Worker] = {}
        self._changed = threading.Condition()
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="event-sources")
        self._refreshing = threading.Lock()
        self._stopped = False
        self._bug: Exception | None = None
        self._last_delivery = 0.0
        self._log = Log(cloud.folder / "event_sources.log")
        self._file = StateFile(cloud.folder / "checkpoints.json", _NOT_SAVED)
        self._saved: dict[str, Any] = _loaded(self._file.path)
        self._written = dict(self._saved)
        self._thread = threading.Thread(target=self._run, name="event-sources", daemon=True)

    @property
    def problems(self) -> list[str]:
        """The latest lines of the log, oldest first."""
        return list(self._log.latest)

    def counters(self) -> dict[tuple[str, str], Counters]:
        """The counters of each mapping, by the ARNs of its source and its function."""
        with self._changed:
            engines = [each.engine for each in self._workers.values()]
        return {
            (each.mapping.source_arn, each.mapping.function_arn): each.counters for each in engines
        }

    def await_drained(self, timeout: float) -> None:
        """Wait until all records now in streams and queues, and what they cause, are processed.

        Raises:
            TimeoutError: some records are not processed after `timeout` seconds.
            Exception: an engine has failed by a bug that no earlier call has raised.
        """
        deadline = time.monotonic() + timeout
        self._refresh()
        began = time.monotonic()
        with self._changed:
            while late := self._undrained_mappings(began):
                if bug := self._bug:
                    self._bug = None  # the engine has started again: the next call waits for it
                    raise bug
                if time.monotonic() > deadline:
                    raise TimeoutError(self._lateness(late, timeout))
                for worker in self._workers.values():
                    worker.not_before.clear()  # list and read again at once
                self._changed.notify_all()
                self._changed.wait(0.05)

    def start(self) -> Self:
        try:
            self._refresh()
        except ValueError as error:
            raise CloudError(str(error)) from error
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop; tasks in progress get some seconds to finish."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()
        deadline = time.monotonic() + _END_SECONDS
        with self._changed:
            while any(each.under_way for each in self._workers.values()):
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            self._save()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        next_refresh = time.monotonic() + _REFRESH_SECONDS
        while not self._stopped:
            try:
                if time.monotonic() >= next_refresh:
                    next_refresh = time.monotonic() + _REFRESH_SECONDS
                    self._refresh()
                with self._changed:
                    for worker in self._workers.values():
                        self._begin_what_is_due(worker)
                    self._save()
                    self._changed.wait(min(self._pause(), max(next_refresh - time.monotonic(), 0)))
            except ValueError as error:
                self._log.write(f"The new settings of a mapping cannot be used: {error}")
            except Exception as error:  # noqa: BLE001 - the event sources must not end silently
                self._bug = error
                self._log.write(f"The event sources failed, and go on: {error!r}")
                with self._changed:
                    self._changed.wait(_POLL_SECONDS)

    def _begin_what_is_due(self, worker: _Worker) -> None:
        if worker.outdated:
            return
        now = time.monotonic()
        for unit in worker.engine.ready():
            if worker.not_before.get(unit, 0) <= now:
                task = worker.engine.begin(unit)
                worker.under_way += 1
                self._executor.submit(self._do, worker, unit, task)

    def _pause(self) -> float:
        """Seconds until something is due; a task that ends wakes the loop earlier."""
        now = time.monotonic()
        known = [
            max(at - now, 0.001)
            for each in self._workers.values()
            for at in each.not_before.values()
            if at > now
        ]
        waits = [wait for each in self._workers.values() if (wait := each.engine.wait())]
        return min([*known, *waits, _POLL_SECONDS])

    def _do(self, worker: _Worker, unit: Unit, task: Any) -> None:
        try:
            result = worker.engine.perform(task)
            with self._changed:
                changed = worker.engine.finish(task, result)
                self._conclude(worker, unit, changed=changed)
        except Exception as error:  # noqa: BLE001 - await_drained raises it
            self._bug = error
            name = worker.engine.mapping.function_name
            self._log.write(
                f"{name}: the engine itself failed, at {unit}: {error!r}."
                " It starts again from its checkpoints."
            )
            with self._changed:
                worker.under_way -= 1
                worker.failed = worker.outdated = True
                self._changed.notify_all()

    def _conclude(self, worker: _Worker, unit: Unit, *, changed: bool) -> None:
        worker.under_way -= 1
        match unit:
            case List():
                worker.not_before[unit] = time.monotonic() + _LIST_SECONDS
            case Read():
                worker.not_before[unit] = time.monotonic() + (0 if changed else _POLL_SECONDS)
            case Deliver():
                self._last_delivery = time.monotonic()
        self._changed.notify_all()

    def _undrained_mappings(self, began: float) -> list[EventSourceMapping]:
        """The mappings whose source may have unprocessed records that were written before `began`.

        A delivery may write records to another source, so the last read of every source must have
        begun after the last delivery ended.
        """
        began = max(began, self._last_delivery)
        return [
            each.engine.mapping
            for each in self._workers.values()
            if (since := each.engine.drained_since()) is None or since < began
        ]

    def _lateness(self, late: list[EventSourceMapping], timeout: float) -> str:
        streams = ", ".join(each.source_arn.split(":", 5)[5] for each in late)
        functions = tuple(f"{each.function_name}:" for each in late)
        problems = [each for each in self.problems if each.startswith(functions)]
        why = problems[-1] if problems else "event_sources.log names no problem of these functions"
        return f"Not drained within {timeout:g} s: {streams}; {why}"

    def _refresh(self) -> None:
        """Run the mappings that are enabled now, with their present settings, and no others."""
        with self._refreshing:
            try:
                listed = {each["UUID"]: each for each in self._listed_mappings()}
                mappings = {
                    uuid: self._mapping(settings)
                    for uuid, settings in listed.items()
                    if settings["State"] in _ENABLED
                }
            except UNAVAILABLE as error:
                self._log.write(f"The mappings cannot be read: {error}")
                return
            with self._changed:
                self._saved = {uuid: self._saved.get(uuid, {}) for uuid in listed}
                old = self._workers
                self._workers = {
                    uuid: self._worker(mapping, old.get(uuid)) for uuid, mapping in mappings.items()
                }
                for uuid in (old.keys() & listed.keys()) - mappings.keys():
                    self._stop(uuid, old[uuid])

    def _listed_mappings(self) -> Iterator[dict[str, Any]]:
        """The settings of all mappings that can run here, disabled ones too."""
        pages = self._lambda.get_paginator("list_event_source_mappings").paginate()
        for mapping in (each for page in pages for each in page["EventSourceMappings"]):
            if any(kind in mapping["EventSourceArn"] for kind in _SOURCES):
                yield mapping

    def _stop(self, uuid: str, worker: _Worker) -> None:
        """Let the worker of a disabled mapping finish its tasks, and keep its checkpoints."""
        worker.outdated = True
        if worker.under_way:
            self._workers[uuid] = worker
        self._saved[uuid] = worker.engine.checkpoints()

    def _mapping(self, settings: dict[str, Any]) -> EventSourceMapping:
        function = self._lambda.get_function_configuration(FunctionName=settings["FunctionArn"])
        return EventSourceMapping.from_api(settings, function["Role"])

    def _worker(self, mapping: EventSourceMapping, old: _Worker | None) -> _Worker:
        """The old worker while its settings are unchanged or it has a task; else a new one."""
        if old:
            old.outdated = old.failed or old.engine.mapping != mapping
            if old.under_way or not old.outdated:
                return old
            self._saved[mapping.uuid] = old.engine.checkpoints()
        new = _Worker(self._engine(mapping))
        if old:
            new.engine.counters = old.engine.counters
        return new

    def _engine(self, mapping: EventSourceMapping) -> _Engine:
        clients = RoleClients(self._cloud, mapping)
        if mapping.service == "sqs":
            return QueueEngine(
                mapping,
                SqsQueue(mapping, clients, self._cloud),
                lambda event: self._invoke(mapping, event),
                time.monotonic,
                report=lambda sentence: self._log.write(f"{mapping.function_name}: {sentence}"),
            )
        return Engine(
            mapping,
            source(mapping, clients),
            lambda event: self._invoke(mapping, event),
            destination(mapping, clients, self._cloud),
            time.monotonic,
            wall_clock=time.time,
            checkpoints=self._saved[mapping.uuid],
            report=lambda sentence: self._log.write(f"{mapping.function_name}: {sentence}"),
        )

    def _invoke(self, mapping: EventSourceMapping, event: str) -> Answer:
        try:
            answer = self._lambda.invoke(FunctionName=mapping.function_arn, Payload=event.encode())
            payload = json.loads(answer["Payload"].read() or b"null")
        except (BotoCoreError, ClientError) as error:
            raise NotInvokedError(str(error)) from error
        return Answer(
            payload,
            answer.get("FunctionError"),
            answer["ResponseMetadata"].get("RequestId", ""),
            answer.get("ExecutedVersion", "$LATEST"),
            answer["StatusCode"],
        )

    def _save(self) -> None:
        self._saved |= {uuid: each.engine.checkpoints() for uuid, each in self._workers.items()}
        if self._saved != self._written and self._file.replace(json.dumps(self._saved, indent=1)):
            self._written = dict(self._saved)


def _loaded(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text()))
    except FileNotFoundError:
        return {}


@contextlib.contextmanager
def running(cloud: Cloud) -> Iterator[EventSources]:
    """Run all event source mappings of a cloud until the block ends.

    ministack stores the mappings, and the cloud's folder their checkpoints. If this is run again on
    the same cloud, it continues at the checkpoints.

    Raises:
        CloudError: another process already runs these mappings, or a mapping has settings that
            are not supported.
    """
    lock = filelock.FileLock(cloud.folder / "event_sources.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise CloudError(f"The event sources of {cloud.endpoint} are running already.") from None
    sources = EventSources(cloud)
    try:
        yield sources.start()
    finally:
        sources.stop()
        lock.release()
