"""The possible faults of a call to AWS, and tasks that advance one call at a time."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.simulation import tally
from tests.support.faults import CrashError, refusal

NO_FAULT = "no fault"
FAULTS = (
    "crash before a call",
    "crash after a call",
    "call refused",
    "call timed out",
    "answer lost",
    "call sent twice",
    "call takes effect late",
    "crash, call takes effect late",
    "little time left",
)


type Effect = Callable[[], Any]


class Clock(Protocol):
    """The remaining time of an invocation, and the longest time of a call, in seconds."""

    left: float
    longest_call: float


class HistoryContext:
    """State of a history: calls that take effect `late`, and the `log` of its moves so far."""

    def __init__(self) -> None:
        self.late: list[Effect] = []
        self.log: list[str] = []

    def write_log(self, line: str) -> None:
        self.log.append(f"{THREAD.log_prefix}{line}")


class ThreadState(threading.local):
    """The faults of this thread's calls, the clock of its invocation, and its prefix in the log."""

    log_prefix: str = "  "
    next_fault: Callable[[], str] | None = None
    clock: Clock | None = None


THREAD = ThreadState()


@contextlib.contextmanager
def faults_from(next_fault: Callable[[], str] | None) -> Iterator[None]:
    """Give each call of this thread the fault that `next_fault` returns."""
    before, THREAD.next_fault = THREAD.next_fault, next_fault
    try:
        yield
    finally:
        THREAD.next_fault = before


@contextlib.contextmanager
def invocation(clock: Clock) -> Iterator[None]:
    before, THREAD.clock = THREAD.clock, clock
    try:
        yield
    finally:
        THREAD.clock = before


def perform(history_context: HistoryContext, operation: str, effect: Effect) -> Any:
    """Make the call, with its fault."""
    fault = THREAD.next_fault() if THREAD.next_fault else NO_FAULT
    clock = THREAD.clock
    if clock:
        clock.left -= 0.05
    if fault != NO_FAULT:
        tally.faults[fault] += 1
    try:
        answer = _perform(fault, operation, effect, history_context, clock)
    except BaseException as error:
        history_context.write_log(f"  {operation} {fault}: {error!r}")
        raise
    history_context.write_log(f"  {operation} {fault}")
    return answer


def _perform(
    fault: str, operation: str, effect: Effect, history_context: HistoryContext, clock: Clock | None
) -> Any:
    match fault:
        case "crash before a call":
            raise CrashError
        case "crash after a call":
            effect()
            raise CrashError
        case "call refused":
            raise refusal("ThrottlingException")
        case "call timed out":
            raise _timeout(clock)
        case "answer lost":
            with contextlib.suppress(ClientError):
                effect()
            raise _timeout(clock)
        case "call takes effect late":
            history_context.late.append(effect)
            raise _timeout(clock)
        case "crash, call takes effect late":
            history_context.late.append(effect)
            raise CrashError
        case "call sent twice" if operation != "TransactWriteItems":  # that carries a token
            with contextlib.suppress(ClientError):
                effect()
        case "little time left" if clock:
            clock.left = min(clock.left, clock.longest_call)
    return effect()


def _timeout(clock: Clock | None) -> ReadTimeoutError:
    if clock:
        clock.left -= clock.longest_call
    return ReadTimeoutError(endpoint_url="https://aws")


class Run:
    """A task in a thread of its own that pauses before each of its calls."""

    def __init__(self, name: str, work: Callable[[], Any]) -> None:
        self.name = name
        self.alive = True
        self.result: Any = None
        self.error: BaseException | None = None
        self._fault = NO_FAULT
        self._go, self._stopped = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._stopped.acquire()
        threading.Thread(target=self._run, args=[work], daemon=True).start()
        self._stopped.acquire()

    def advance(self, fault: str = NO_FAULT) -> None:
        """Run until its next call, or its end."""
        self._fault = fault
        self._go.release()
        self._stopped.acquire()

    def _run(self, work: Callable[[], Any]) -> None:
        THREAD.log_prefix = f"    {self.name}: "
        THREAD.next_fault = self._next_fault
        try:
            self.result = work()
        except BaseException as error:  # noqa: BLE001 - the starter of the run reads it
            self.error = error
        self.alive = False
        self._stopped.release()

    def _next_fault(self) -> str:
        self._stopped.release()
        self._go.acquire()
        return self._fault
