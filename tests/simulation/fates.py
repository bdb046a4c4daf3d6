"""What can become of one call of AWS, and pieces of work that go on one call at a time."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.simulation import tally
from tests.support.faults import CrashError, refusal

GOES_ON = "goes on"
FATES = (
    GOES_ON,
    "crash before a call",
    "crash after a call",
    "call refused",
    "call timed out",
    "answer lost",
    "call sent twice",
    "call landing late",
    "crash and call landing late",
    "time running out",
)


type Effect = Callable[[], Any]


class Clock(Protocol):
    """What an invocation has left, and the longest that a call of it may take; in seconds."""

    left: float
    longest_call: float


class Sky:
    """What hangs over a history: calls that will land `late`, and the `story` so far."""

    def __init__(self) -> None:
        self.late: list[Effect] = []
        self.story: list[str] = []

    def tell(self, what: str) -> None:
        self.story.append(f"{SCENE.who}{what}")


class Scene(threading.local):
    """Who makes the calls of this thread: where their fates come from, and in which invocation."""

    who: str = "  "
    fate: Callable[[], str] | None = None
    clock: Clock | None = None


SCENE = Scene()


@contextlib.contextmanager
def playing(fate: Callable[[], str] | None) -> Iterator[None]:
    """Calls of this thread meet these fates."""
    before, SCENE.fate = SCENE.fate, fate
    try:
        yield
    finally:
        SCENE.fate = before


@contextlib.contextmanager
def invocation(clock: Clock) -> Iterator[None]:
    before, SCENE.clock = SCENE.clock, clock
    try:
        yield
    finally:
        SCENE.clock = before


def suffer(sky: Sky, operation: str, effect: Effect) -> Any:
    """Make the call with the fate that it has."""
    fate = SCENE.fate() if SCENE.fate else GOES_ON
    clock = SCENE.clock
    if clock:
        clock.left -= 0.05
    if fate != GOES_ON:
        tally.faults[fate] += 1
    try:
        answer = _suffer(fate, operation, effect, sky, clock)
    except BaseException as error:
        sky.tell(f"  {operation} {fate}: {error!r}")
        raise
    sky.tell(f"  {operation} {fate}")
    return answer


def _suffer(fate: str, operation: str, effect: Effect, sky: Sky, clock: Clock | None) -> Any:
    match fate:
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
        case "call landing late":
            sky.late.append(effect)
            raise _timeout(clock)
        case "crash and call landing late":
            sky.late.append(effect)
            raise CrashError
        case "call sent twice" if operation != "TransactWriteItems":  # that carries a token
            with contextlib.suppress(ClientError):
                effect()
        case "time running out" if clock:
            clock.left = min(clock.left, clock.longest_call)
    return effect()


def _timeout(clock: Clock | None) -> ReadTimeoutError:
    if clock:
        clock.left -= clock.longest_call
    return ReadTimeoutError(endpoint_url="https://aws")


class Run:
    """A piece of work in a thread of its own that stops before its every call."""

    def __init__(self, name: str, work: Callable[[], Any]) -> None:
        self.name = name
        self.alive = True
        self.result: Any = None
        self.error: BaseException | None = None
        self._fate = GOES_ON
        self._go, self._stopped = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._stopped.acquire()
        threading.Thread(target=self._run, args=[work], daemon=True).start()
        self._stopped.acquire()

    def advance(self, fate: str = GOES_ON) -> None:
        """To its next call, or to its end."""
        self._fate = fate
        self._go.release()
        self._stopped.acquire()

    def _run(self, work: Callable[[], Any]) -> None:
        SCENE.who = f"    {self.name}: "
        SCENE.fate = self._next_fate
        try:
            self.result = work()
        except BaseException as error:  # noqa: BLE001 - the starter of the run reads it
            self.error = error
        self.alive = False
        self._stopped.release()

    def _next_fate(self) -> str:
        self._stopped.release()
        self._go.acquire()
        return self._fate
