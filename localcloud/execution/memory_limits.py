"""The memory limit of an execution environment: by a cgroup where there can be one, else watched.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

import math
from pathlib import Path
from typing import Protocol

from localcloud.execution.cgroups import MemoryCgroup
from localcloud.execution.processes import FunctionProcess


class MemoryLimit(Protocol):
    """What one environment may use, over all runtimes that it starts one after another."""

    def starting(self, command: list[str]) -> list[str]:
        """The command line that starts a runtime under the limit."""

    def is_exceeded(self, process: FunctionProcess) -> bool:
        """Whether the runtime uses too much; asked several times a second."""

    def was_exceeded(self, process: FunctionProcess) -> bool:
        """Whether the runtime has used too much since its start; asked after each invocation."""

    def used_mb(self) -> float:
        """The most so far, over all invocations, as Lambda reports it."""

    def end(self) -> None:
        """End what a runtime has left behind."""

    def close(self) -> None:
        """Remove what the limit needs of the system."""


def memory_limit(cgroups: Path | None, name: str, limit_mb: int | None) -> MemoryLimit:
    """The limit of a new environment; None is unlimited, under a debugger."""
    if cgroups:
        return _CgroupLimit(MemoryCgroup(cgroups / name, limit_mb))
    return _WatchedLimit(math.inf if limit_mb is None else limit_mb)


class _CgroupLimit:
    """The kernel ends the runtime; the cgroup's events tell that from other exits."""

    def __init__(self, cgroup: MemoryCgroup) -> None:
        self._cgroup = cgroup

    def starting(self, command: list[str]) -> list[str]:
        return self._cgroup.starting(command)

    def is_exceeded(self, process: FunctionProcess) -> bool:  # noqa: ARG002 - its cgroup says it
        return self._cgroup.is_exceeded()

    def was_exceeded(self, process: FunctionProcess) -> bool:  # noqa: ARG002 - as above
        return self._cgroup.is_exceeded()

    def used_mb(self) -> float:
        return self._cgroup.used_mb()

    def end(self) -> None:
        self._cgroup.end()

    def close(self) -> None:
        self._cgroup.close()


class _WatchedLimit:
    """Resident memory of the runtime and its descendants, and the runtime's own peak."""

    def __init__(self, limit_mb: float) -> None:
        self._limit_mb = limit_mb
        self._most = 0.0

    def starting(self, command: list[str]) -> list[str]:
        return command

    def is_exceeded(self, process: FunctionProcess) -> bool:
        return self._measured(process.memory_mb())

    def was_exceeded(self, process: FunctionProcess) -> bool:
        return self._measured(process.peak_memory_mb())

    def used_mb(self) -> float:
        return self._most

    def end(self) -> None:
        """The process group has ended; what left it is not known."""

    def close(self) -> None:
        """Nothing of the system is used."""

    def _measured(self, used_mb: float) -> bool:
        self._most = max(self._most, used_mb)
        return used_mb > self._limit_mb
