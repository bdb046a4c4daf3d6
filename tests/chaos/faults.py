"""Kills random processes at the points of a plan, and counts the kills by kind."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from tests.chaos.parts import Environment, Ministack, Part, kill
from tests.chaos.plan import Fault, Plan

_POLL_SECONDS: Final = 0.002
_LIST_SECONDS: Final = 0.2

_PACKAGES: Final = {
    Fault.API: "GalleryApi",
    Fault.THUMBNAILER: "Thumbnailer",
    Fault.COUNTER: "ViewCounter",
    Fault.REPLICATOR: "CatalogReplicator",
}


class Injector:
    """Injects the faults of a plan while `progress` goes from 0 to 1, in a thread of its own."""

    def __init__(
        self,
        plan: Plan,
        ministack: Ministack,
        parts: Mapping[str, Part],
        outputs: Mapping[str, str],
        progress: Callable[[], float],
    ) -> None:
        self.counts: Counter[Fault] = Counter()
        self.error: BaseException | None = None
        self._plan = plan
        self._ministack = ministack
        self._parts = parts
        self._outputs = outputs
        self._progress = progress
        self._chance = random.Random(plan.seed)  # noqa: S311 - a seed repeats it
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether every fault has happened, or one could not."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Inject no more faults."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for share, fault in self._plan.faults:
                while self._progress() < share:
                    if self._stopped.wait(0.02):
                        return
                if not self._inject(fault):
                    return
                self.counts[fault] += 1
        except BaseException as error:  # noqa: BLE001 - the test that started it raises it
            self.error = error

    def _inject(self, fault: Fault) -> bool:
        """Inject one fault; False if the run was stopped before it could."""
        match fault:
            case Fault.ENGINE:
                self._parts["engine"].kill()
                return True
            case Fault.CLOUDFRONT:
                self._parts["cloudfront"].kill()
                return True
            case Fault.KEEPER:
                return self._until(self._kill_keeper)
            case Fault.FROZEN:
                return self._until(lambda: self._kill_one(lambda each: each.is_frozen))
            case _:
                name = self._outputs[f"{_PACKAGES[fault]}FunctionName"]
                return self._until(
                    lambda: self._kill_one(lambda each: each.function == name and each.runs)
                )

    def _kill_keeper(self) -> bool:
        return any(map(kill, self._ministack.keepers()))

    def _kill_one(self, wanted: Callable[[Environment], bool]) -> bool:
        """Poll all environments for a moment, since most invocations take milliseconds."""
        environments = self._ministack.environments()
        self._chance.shuffle(environments)
        poll_until = time.monotonic() + _LIST_SECONDS
        while time.monotonic() < poll_until:
            for each in environments:
                if wanted(each):
                    return each.kill()
            if self._stopped.wait(_POLL_SECONDS):
                return False
        return False

    def _until(self, attempt: Callable[[], bool]) -> bool:
        while not attempt():
            if self._stopped.wait(_POLL_SECONDS):
                return False
        return True
