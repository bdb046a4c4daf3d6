"""Reuses the threads in which ministack runs requests; runs inside ministack's process.

ministack starts a thread for each request that may cause another request, such as an invocation.
Starting a thread blocks its event loop until that thread runs: a tenth of the loop's time when
many clients read through an API. A request still never waits for the thread of another request.
"""

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any, Final

_IDLE_SECONDS: Final = 60

type Work = Callable[[], None]


def install() -> None:
    """Replace `run_reentrant`, before ministack's services import it.

    Raises:
        AttributeError: this version of ministack lacks something that is needed here.
    """
    from ministack.core import concurrency  # noqa: PLC0415 - not in the development environment

    threads = ReusedThreads()

    async def run_reentrant[T](function: Callable[..., T], *arguments: Any, **_: str) -> T:
        """Run it in a thread with the caller's context; if cancelled, wait until it has ended."""
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        future: asyncio.Future[T] = loop.create_future()

        def deliver(answer: T | None, error: BaseException | None) -> None:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer)  # type: ignore[arg-type] # None only with an error

        def run() -> None:
            answer, error = None, None
            try:
                answer = context.run(function, *arguments)
            except BaseException as raised:  # noqa: BLE001 - the awaiting task raises it
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(deliver, answer, error)

        threads.run(run)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                with contextlib.suppress(BaseException):
                    await asyncio.shield(future)
            future.exception()  # otherwise asyncio logs that it was never retrieved
            raise

    concurrency.run_reentrant  # noqa: B018 - must exist
    concurrency.run_reentrant = run_reentrant


class ReusedThreads:
    """One thread per concurrent piece of work; a thread ends after some idle time."""

    def __init__(self, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._idle: list[queue.SimpleQueue[Work]] = []
        self._lock = threading.Lock()

    def run(self, work: Work) -> None:
        """Run `work`, which raises nothing, in an idle thread, or in a new one."""
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
        if inbox:
            inbox.put(work)
        else:
            threading.Thread(target=self._serve, args=(work,), name="reused", daemon=True).start()

    def _serve(self, work: Work) -> None:
        inbox: queue.SimpleQueue[Work] = queue.SimpleQueue()
        while True:
            work()
            with self._lock:
                self._idle.append(inbox)
            try:
                work = inbox.get(timeout=self._idle_seconds)
            except queue.Empty:
                with self._lock:
                    if inbox in self._idle:
                        self._idle.remove(inbox)
                        return
                work = inbox.get()  # `run` chose this thread just before the timeout
