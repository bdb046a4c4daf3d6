"""Equal requests at the same time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

from localcloud.cloudfront import edge
from localcloud.cloudfront.messages import Request, Response
from tests.support.distributions import (
    BY_ID,
    PAGE,
    World,
    distribution,
    result,
)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released by each request that begins to wait for another one's answer."""
    waiting = threading.Semaphore(0)

    class Counted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waiting.release()
            return super().wait(timeout)

    monkeypatch.setattr(edge, "threading", SimpleNamespace(Event=Counted, Lock=threading.Lock))
    return waiting


def at_once(
    world: World, waiting: threading.Semaphore, first: Response, others: Callable[[], Response]
) -> list[str]:
    """The responses to four viewers that request before the origin has answered the first."""
    arrived, may_answer = threading.Event(), threading.Event()

    def origin(_: Request) -> Response:
        if arrived.is_set():
            return others()
        arrived.set()
        assert may_answer.wait(60)
        return first

    world.origin = origin
    with ThreadPoolExecutor(4) as viewers:
        answers = [viewers.submit(world.get, "/a")]
        assert arrived.wait(60)
        answers += [viewers.submit(world.get, "/a") for _ in range(3)]
        assert all(waiting.acquire(timeout=60) for _ in range(3))
        may_answer.set()
        return [result(each.result(60)) for each in answers]


def test_equal_misses_at_the_same_time_are_one_request_to_the_origin(waiting: threading.Semaphore):
    world = World()
    assert at_once(world, waiting, PAGE, lambda: PAGE) == ["Miss", "Hit", "Hit", "Hit"]
    assert len(world.sent) == 1


def test_equal_misses_of_a_response_that_is_not_cached_do_not_queue(waiting: threading.Semaphore):
    """The three that waited are at the origin together, or the barrier breaks."""
    together = threading.Barrier(3, timeout=60)
    uncacheable = replace(PAGE, headers=(("Cache-Control", "no-store"),))

    def others() -> Response:
        together.wait()
        return uncacheable

    world = World(settings=distribution(cache=BY_ID))
    assert at_once(world, waiting, uncacheable, others) == ["Miss"] * 4
    assert len(world.sent) == 4


def test_no_request_waits_with_caching_disabled():
    """Two viewers are at the origin together, or the barrier breaks."""
    together = threading.Barrier(2, timeout=60)

    def origin(_: Request) -> Response:
        together.wait()
        return PAGE

    world = World(origin=origin)
    with ThreadPoolExecutor(2) as viewers:
        answers = [viewers.submit(world.get, "/api/a") for _ in range(2)]
        assert [result(each.result(60)) for each in answers] == ["Miss", "Miss"]
