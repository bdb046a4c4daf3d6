"""Runs the event source mappings of a laptop cloud, in place of ministack's own pollers."""

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import filelock
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.clients import root_client
from localcloud.cloud import Cloud, CloudError
from localcloud.event_sources.answers import Answer, NotInvokedError
from localcloud.event_sources.destinations import destination
from localcloud.event_sources.engine import Counters, Engine
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.role_clients import UNAVAILABLE, RoleClients
from localcloud.event_sources.sources import source
from localcloud.event_sources.tasks import Deliver, List, Read, Task, Unit

_POLL_SECONDS: Final = 0.2
_LIST_SECONDS: Final = 1.0
_REFRESH_SECONDS: Final = 2.0
_END_SECONDS: Final = 5.0
_LONGEST_INVOCATION: Final = 900
_THREADS: Final = 32
_STREAMS: Final = (":kinesis:", ":dynamodb:")


@dataclass
class _Worker:
    """The engine of one mapping, and its tasks in progress."""

    engine: Engine
    under_way: int = 0
    not_before: dict[Unit, float] = field(default_factory=dict)
    replaced: bool = False  # begins no new task


class EventSources:
    """Runs the stream mappings of a cloud. Use `running` to create it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lambda = root_client(cloud, "lambda", read_timeout=_LONGEST_INVOCATION + 10)
        self._workers: dict[str, _Worker] = {}
        self._changed = threading.Condition()
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="event-sources")
        self._refreshing = threading.Lock()
        self._stopped = False
        self._bug: Exception | None = None
        self._last_delivery = 0.0
        self._log = _Log(cloud.folder / "event_sources.log")
        self._file = cloud.folder / "checkpoints.json"
        self._saved: dict[str, Any] = _loaded(self._file)
        self._thread = threading.Thread(target=self._run, name="event-sources", daemon=True)

    @property
    def problems(self) -> list[str]:
        """The latest lines of the log, oldest first."""
        return list(self._log.latest)

    def counters(self) -> dict[str, Counters]:
        """The counters since the start, by the ARN of the function."""
        with self._changed:
            return {
                each.engine.mapping.function_arn: each.engine.counters
                for each in self._workers.values()
            }

    def await_drained(self, timeout: float) -> None:
        """Wait until all records now in the streams, and those that they cause, are processed.

        Raises:
            TimeoutError: some records are not processed after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        self._refresh()
        began = time.time()
        with self._changed:
            while late := self._not_drained_since(began):
                if self._bug:
                    raise self._bug
                if time.monotonic() > deadline:
                    raise TimeoutError(self._lateness(late, timeout))
                for worker in self._workers.values():
                    worker.not_before.clear()
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
            if time.monotonic() >= next_refresh:
                try:
                    self._refresh()
                except ValueError as error:
                    self._log.write(f"The new settings of a mapping cannot be used: {error}")
                next_refresh = time.monotonic() + _REFRESH_SECONDS
            with self._changed:
                for worker in self._workers.values():
                    self._begin_what_is_due(worker)
                self._save()
                self._changed.wait(min(self._pause(), max(next_refresh - time.monotonic(), 0)))

    def _begin_what_is_due(self, worker: _Worker) -> None:
        now = time.monotonic()
        for unit in [] if worker.replaced else worker.engine.ready():
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

    def _do(self, worker: _Worker, unit: Unit, task: Task) -> None:
        try:
            result = worker.engine.perform(task)
            with self._changed:
                moved = worker.engine.finish(task, result)
                self._conclude(worker, unit, moved=moved)
        except Exception as error:
            self._bug = error
            self._log.write(f"The engine itself failed, at {unit}: {error!r}")
            raise

    def _conclude(self, worker: _Worker, unit: Unit, *, moved: bool) -> None:
        worker.under_way -= 1
        match unit:
            case List():
                worker.not_before[unit] = time.monotonic() + _LIST_SECONDS
            case Read():
                worker.not_before[unit] = time.monotonic() + (0 if moved else _POLL_SECONDS)
            case Deliver():
                self._last_delivery = time.time()
        self._changed.notify_all()

    def _not_drained_since(self, began: float) -> list[EventSourceMapping]:
        began = max(began, self._last_delivery)
        return [
            each.engine.mapping
            for each in self._workers.values()
            if (since := each.engine.drained_since()) is None or since < began
        ]

    def _lateness(self, late: list[EventSourceMapping], timeout: float) -> str:
        streams = ", ".join(each.stream_arn.split(":", 5)[5] for each in late)
        functions = tuple(f"{each.function_name}:" for each in late)
        said = [each for each in self.problems if each.startswith(functions)]
        why = said[-1] if said else "there is no problem in its log"
        return f"Not drained within {timeout:g} s: {streams}; {why}"

    def _refresh(self) -> None:
        """Take over mappings that are new or were enabled, and use changed settings."""
        with self._refreshing:
            try:
                mappings = {each["UUID"]: self._mapping(each) for each in self._list_mappings()}
            except UNAVAILABLE as error:
                self._log.write(f"The mappings cannot be read: {error}")
                return
            with self._changed:
                self._saved = {uuid: self._saved[uuid] for uuid in mappings}
                self._workers = {
                    uuid: self._worker(mapping, self._workers.get(uuid))
                    for uuid, mapping in mappings.items()
                }

    def _list_mappings(self) -> Iterator[dict[str, Any]]:
        """The mappings of streams, except those that were disabled when they were deployed."""
        pages = self._lambda.get_paginator("list_event_source_mappings").paginate()
        for mapping in (each for page in pages for each in page["EventSourceMappings"]):
            if not any(kind in mapping["EventSourceArn"] for kind in _STREAMS):
                continue
            if mapping["State"] in ("Creating", "Enabling", "Enabled", "Updating"):
                with self._changed:
                    self._saved.setdefault(mapping["UUID"], {})
                    self._write()
                self._lambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
            if mapping["UUID"] in self._saved:
                yield mapping

    def _mapping(self, settings: dict[str, Any]) -> EventSourceMapping:
        function = self._lambda.get_function_configuration(FunctionName=settings["FunctionArn"])
        return EventSourceMapping.from_api(settings, function["Role"])

    def _worker(self, mapping: EventSourceMapping, old: _Worker | None) -> _Worker:
        """The old worker, if its settings apply or it has a task in progress; or a new one."""
        if old:
            old.replaced = old.engine.mapping != mapping
            if old.under_way or not old.replaced:
                return old
            self._saved[mapping.uuid] = old.engine.checkpoints()
        new = _Worker(self._engine(mapping))
        if old:
            new.engine.counters = old.engine.counters
        return new

    def _engine(self, mapping: EventSourceMapping) -> Engine:
        clients = RoleClients(self._cloud, mapping)
        return Engine(
            mapping,
            source(mapping, clients),
            lambda event: self._invoke(mapping, event),
            destination(mapping, clients, self._cloud),
            time.time,
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
        now = {uuid: each.engine.checkpoints() for uuid, each in self._workers.items()}
        if self._saved != self._saved | now:
            self._saved |= now
            self._write()

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._saved, indent=1))
        new.replace(self._file)


class _Log:
    """A log with one sentence per line, without consecutive repetitions."""

    def __init__(self, path: Path) -> None:
        self.latest: deque[str] = deque(maxlen=100)
        self._path = path
        self._lock = threading.Lock()

    def write(self, sentence: str) -> None:
        with self._lock:
            if self.latest and self.latest[-1] == sentence:
                return
            self.latest.append(sentence)
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            with self._path.open("a") as file:
                file.write(f"{at} {sentence}\n")


def _loaded(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text()))
    except FileNotFoundError:
        return {}


@contextlib.contextmanager
def running(cloud: Cloud) -> Iterator[EventSources]:
    """Run all stream mappings of a cloud until the block ends.

    The cloud's folder stores the mappings and their checkpoints, so that the next run continues
    there. ministack shows these mappings as disabled, and never polls them.

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
