"""Processor time and resident memory of a laptop cloud's processes, by their kind."""

import contextlib
import os
from pathlib import Path

from localcloud.execution.processes import resident_mb, with_descendants
from localcloud.owners import Owner

_TICK = os.sysconf("SC_CLK_TCK")


class Processes:
    """The processes of the laptop cloud on a port: ministack, its functions, and their owner.

    The owner is the process that runs event source mappings and CloudFront.
    """

    def __init__(self, port: int, owner: Owner | None) -> None:
        if owner is None:
            raise ValueError(f"No laptop cloud runs on port {port}.")
        self._owner = owner.process
        [self._ministack] = [
            pid
            for pid in with_descendants(owner.process)
            if b"ministack/server.py" in _read(pid, "cmdline")
        ]

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time since each process began, including that of functions that have ended."""
        own, of_children = _cpu(self._ministack)
        functions = sum(sum(_cpu(pid)) for pid in self._functions())
        return {
            "ministack": own,
            "functions": functions + of_children,
            "event sources, CloudFront": _cpu(self._owner)[0],
        }

    def memory_mb(self) -> dict[str, float]:
        """Resident memory; pages that processes share are counted in each of them."""
        functions = self._functions()
        return {
            "ministack": resident_mb(self._ministack),
            "functions": sum(map(resident_mb, functions)),
            "event sources, CloudFront": resident_mb(self._owner),
            "processes of functions": len(functions),
        }

    def _functions(self) -> list[int]:
        return with_descendants(self._ministack)[1:]


def _read(pid: int, name: str) -> bytes:
    with contextlib.suppress(OSError):  # it ended meanwhile
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def _cpu(pid: int) -> tuple[float, float]:
    """Processor time of a process, and of those of its children that have ended."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    if not fields:
        return 0, 0
    user, system, of_children, system_of_children = map(int, fields[11:15])
    return (user + system) / _TICK, (of_children + system_of_children) / _TICK
