"""The function that has a debugger. It has one environment, because only one can have the port."""

import threading
from pathlib import Path
from typing import Any

from localcloud.execution import debugging
from localcloud.execution.debugging import Debugger
from localcloud.execution.environment import Result
from localcloud.execution.function_version import FunctionVersion
from localcloud.execution.pool import EnvironmentPool
from localcloud.execution.runtime_api import Invocation


class DebuggedFunction:
    """The function with the debugger: its invocations wait for each other, in every version."""

    def __init__(self, pool: EnvironmentPool, file: Path) -> None:
        self._pool = pool
        self._file = file
        self._setting: tuple[str, Debugger] | None = None
        self._started: FunctionVersion | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str | None:
        """Its name in Lambda; None if no function has a debugger."""
        return self._setting[0] if self._setting else None

    def read(self) -> None:
        """Read again from the laptop cloud's folder which function has the debugger."""
        self._setting = debugging.read(self._file)

    def debugger(self, config: dict[str, Any]) -> Debugger | None:
        """The debugger of a function; None if the function has none."""
        if self._setting and self._setting[0] == config["FunctionName"]:
            return self._setting[1]
        return None

    def start(self, version: FunctionVersion) -> None:
        """Initialize its environment, so that a debugger can be attached before an invocation."""
        with self._lock:
            self._pool.retire(version.function)
            self._started = version
            self._pool.prepare(version)

    def invoke(self, version: FunctionVersion, invocation: Invocation) -> Result:
        """Run an event after the previous invocation has ended.

        Raises:
            TooManyRequestsError: a concurrency limit is reached.
        """
        with self._lock:
            if version != self._started:
                self._pool.retire(version.function)
                self._started = version
            return self._pool.invoke(version, invocation)
