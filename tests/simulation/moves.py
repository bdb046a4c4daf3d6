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
    paces: tuple[int, int] = (1, 1)  # of two redrives at once, in calls


class Move(NamedTuple):
    """One event of a history: its kind, its subject, and its fault."""

    verb: str
    which: int = 0
    fault: str = NO_FAULT


@dataclasses.dataclass(eq=False)
class Flight:
    """A task between begin and finish."""

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
