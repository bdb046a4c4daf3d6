"""Threads that are used again."""

import queue
import threading

from localcloud.ministack.reentrant_threads import ReusedThreads
from tests.support.waiting import awaited


def thread_of_work(threads: ReusedThreads) -> threading.Thread:
    """The thread that some work ran in; it may not be idle yet."""
    answer: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    threads.run(lambda: answer.put(threading.current_thread()))
    return answer.get(timeout=60)


def test_idle_thread_is_used_again():
    threads = ReusedThreads()
    first = thread_of_work(threads)
    awaited(lambda: threads._idle)
    assert thread_of_work(threads) is first


def test_work_never_waits_for_other_work():
    threads, together = ReusedThreads(), threading.Barrier(30)
    arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
    for _ in range(30):
        threads.run(lambda: arrived.put(together.wait(60)))
    assert {arrived.get(timeout=60) for _ in range(30)} == set(range(30))


def test_thread_that_is_idle_for_long_ends_and_work_goes_to_a_new_one():
    threads = ReusedThreads(idle_seconds=0.01)
    first = thread_of_work(threads)
    first.join(60)
    assert not first.is_alive()
    assert thread_of_work(threads) is not first
