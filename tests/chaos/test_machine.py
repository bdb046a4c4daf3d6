"""A disk that fills and a clock that jumps, under load; docs/chaos.md."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from localcloud.cloud import Cloud
from tests.chaos.conftest import SUMMARY
from tests.chaos.gallery import Gallery, awaited, running_gallery
from tests.chaos.load import Load
from tests.chaos.machine import Clock, Disk, own_disk
from tests.chaos.parts import Part
from tests.chaos.plan import ApiView, Operation, make_plan
from tests.e2e.conftest import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

UPLOADS: Final = 30
VIEWS: Final = 3_000
TWO_HOURS: Final = 2 * 60 * 60  # sessions of roles, ID tokens and signed uploads end before that
FULL: Final = "No space left on device. Free some space."


@dataclass(frozen=True)
class Machine:
    """A running gallery, and the disk and clock of its processes."""

    gallery: Gallery
    disk: Disk
    clock: Clock


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    cloud = Cloud("127.0.0.1", free_port())
    logs = tmp_path_factory.mktemp("machine")
    clock = Clock(logs)
    with own_disk(cloud.folder) as disk, running_gallery(logs, cloud, clock) as gallery:
        yield Machine(gallery, disk, clock)


@dataclass
class Running:
    """A load in its own thread, which continues until `end`."""

    load: Load
    gallery: Gallery

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def await_progress(self, share: float) -> None:
        awaited(lambda: self._error or self.load.progress() >= share)

    def await_answers(self, count: int) -> None:
        """Wait until the API has acknowledged `count` more views."""
        before = self.gallery.ledger.api_views.total()
        awaited(lambda: self._error or self.gallery.ledger.api_views.total() >= before + count)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            self.load.run(_view, self._ended.is_set)
        except BaseException as error:  # noqa: BLE001 - `end` raises it
            self._error = error


def _view() -> Operation:
    return ApiView(0)


@contextlib.contextmanager
def _loaded(gallery: Gallery, seed: int) -> Iterator[Running]:
    plan = make_plan(seed, UPLOADS, VIEWS)
    with gallery.clients(seed) as clients:
        for upload in plan.popular:
            clients[0].do(upload)
        awaited(lambda: len(clients[0].list_photos()) >= len(plan.popular))
        running = Running(Load(clients, plan.operations), gallery)
        try:
            yield running
        except BaseException:
            running.load.abandon()
            raise
        running.end()


def _has_reported_full_disk(part: Part, disk: Disk) -> bool:
    """Keep the disk full; whether a process has reported it."""
    disk.fill()
    return FULL in part.log.read_text()


def test_nothing_is_lost_while_the_disk_is_full(machine: Machine):
    gallery, disk = machine.gallery, machine.disk
    with _loaded(gallery, seed=1) as running:
        running.await_progress(0.3)
        disk.fill()
        try:
            for part in gallery.parts.values():
                awaited(lambda part=part: _has_reported_full_disk(part, disk))
        finally:
            disk.free()
        running.await_answers(20)
    assert not gallery.settle()
    for part in gallery.parts.values():
        log = part.log.read_text()
        assert "Traceback" not in log, log
    assert "checkpoints.json is written again" in gallery.parts["engine"].log.read_text()
    SUMMARY.append(f"a full disk: losses: none; without an answer: {gallery.ledger.unanswered}")


def _jump(seconds: int, clock: Clock, running: Running) -> None:
    with running.gallery.ledger.clock_jumping():
        clock.jump(seconds)
        running.await_answers(20)


def test_nothing_is_lost_while_the_clock_jumps(machine: Machine):
    gallery, clock = machine.gallery, machine.clock
    try:
        with _loaded(gallery, seed=2) as running:
            running.await_progress(0.2)
            _jump(TWO_HOURS, clock, running)
            running.await_progress(0.5)
            for seconds in (0, -TWO_HOURS, 0):
                _jump(seconds, clock, running)
    finally:
        clock.jump(0)
    assert not gallery.settle()
    SUMMARY.append(f"a clock that jumps: losses: none; no answer: {gallery.ledger.unanswered}")
