"""The moves and settings of a history, and its running tasks."""

import dataclasses
from typing import Any, NamedTuple

from localcloud.event_sources.engine import Engine
from localcloud.event_sources.tasks import Result, Task
from tests.simulation.call_faults import NO_FAULT, Run


class Setup(NamedTuple):
    """Settings that are smaller than in the template, so that limits are reached sooner."""

    batch_size: int
    retries: int
    rows: int  # in a transaction
    shards: int
    paces: tuple[int, int] = (1, 1)  # how many calls each of two redrives makes per turn


class Move(NamedTuple):
    """One step of a history: a method of `World`, a number that selects its subject, a fault."""

    verb: str
    which: int = 0
    fault: str = NO_FAULT


@dataclasses.dataclass(eq=False)
class RunningTask:
    """A task that the engine has begun and not finished."""

    engine: Engine
    task: Task
    run: Run | None = None
    done: Any = None

    @property
    def result(self) -> Result:
        if self.run and self.run.error:
            raise self.run.error
        result: Result = self.run.result if self.run else self.done
        return result
