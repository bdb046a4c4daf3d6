"""Threads that are used again."""

import queue
import threading
import time

from localcloud.ministack.reentrant_threads import ReusedThreads


def ran_in(threads: ReusedThreads) -> threading.Thread:
    """The thread that some work ran in, once it is idle."""
    answer: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    threads.run(lambda: answer.put(threading.current_thread()))
    thread = answer.get(timeout=60)
    awaited_idle(threads)
    return thread


def awaited_idle(threads: ReusedThreads) -> None:
    deadline = time.monotonic() + 60
    while not threads._idle:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_idle_thread_is_used_again():
    threads = ReusedThreads()
    assert ran_in(threads) is ran_in(threads)


def test_work_never_waits_for_other_work():
    threads, together = ReusedThreads(), threading.Barrier(30)
    arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
    for _ in range(30):
        threads.run(lambda: arrived.put(together.wait(60)))
    assert {arrived.get(timeout=60) for _ in range(30)} == set(range(30))


def test_thread_that_is_idle_for_long_ends_and_work_goes_to_a_new_one():
    threads = ReusedThreads(idle_seconds=0.01)
    first = ran_in(threads)
    first.join(60)
    assert not first.is_alive()
    assert ran_in(threads) is not first
