"""Threads that ministack's requests run in, used again; runs inside ministack's process.

ministack starts a thread for each request that may lead to another request, such as an invocation.
To start a thread holds up its event loop until that thread runs: a tenth of the loop's time when
many clients read through an API. A request still never waits for a thread of another one.
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
        """In a thread, with the caller's context; a cancelled caller waits for the end first."""
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        future: asyncio.Future[T] = loop.create_future()

        def deliver(answer: T | None, error: BaseException | None) -> None:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer)  # type: ignore[arg-type] # None is only beside an error

        def run() -> None:
            answer, error = None, None
            try:
                answer = context.run(function, *arguments)
            except BaseException as raised:  # noqa: BLE001 - raised where it is awaited
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
            future.exception()  # it is known
            raise

    concurrency.run_reentrant  # noqa: B018 - must exist
    concurrency.run_reentrant = run_reentrant


class ReusedThreads:
    """As many threads as there is work at once; a thread that is idle for long ends."""

    def __init__(self, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._idle: list[queue.SimpleQueue[Work]] = []
        self._lock = threading.Lock()

    def run(self, work: Work) -> None:
        """In a thread that is idle, else in a new one; `work` raises nothing."""
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
                work = inbox.get()  # it was given some at the last moment
