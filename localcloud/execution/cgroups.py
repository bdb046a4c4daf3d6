"""Cgroups, version 2: found where the system delegates the memory controller, and one per runtime.

A cgroup that gives its controllers to child cgroups must not contain processes itself. So the
processes of localcloud move into a child cgroup of their own, and execution environments get theirs
beside it. https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import contextlib
import errno
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.execution.processes import with_descendants

SETTING: Final = "EXECUTION_CGROUPS"
"""The environment variable that tells ministack's process the folder of a `Delegation`."""
_MEMORY: Final = "memory"
_OWN_PROCESSES: Final = "localcloud"
_ENVIRONMENTS: Final = "localcloud-environments-"  # and the id of the process that made it
_ATTEMPTS: Final = 10  # to move processes, while they start others
_REMOVAL_SECONDS: Final = 5
_LOOK_SECONDS: Final = 0.01


class NotDelegatedError(Exception):
    """No cgroups with a memory limit can be made here; the message says why."""


@dataclass(frozen=True)
class Delegation:
    """The cgroup below which execution environments get theirs; without one, the reason."""

    folder: Path | None
    reason: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables of ministack's process."""
        return {SETTING: str(self.folder)} if self.folder else {}

    def __str__(self) -> str:
        if self.folder:
            return "by cgroup v2, kept by the kernel"
        return f"by resident memory, read ten times a second ({self.reason})"


@contextlib.contextmanager
def delegated(proc: Path = Path("/proc")) -> Iterator[Delegation]:
    """Find or make a cgroup for execution environments, and remove it at the end.

    Cgroups of other owners that have ended, for example by SIGKILL, are removed too.
    """
    try:
        group = _group_of(
            (proc / "self" / "cgroup").read_text(), (proc / "self" / "mountinfo").read_text()
        )
        found = Delegation(_prepare(group))
    except (NotDelegatedError, OSError) as error:
        found = Delegation(None, str(error))
    try:
        yield found
    finally:
        if found.folder:
            remove(found.folder)


def _group_of(cgroups: str, mounts: str) -> Path:
    """The folder of the cgroup, version 2, of a process with these /proc/self files."""
    paths = [line[3:] for line in cgroups.splitlines() if line.startswith("0::")]
    for mount in mounts.splitlines():
        fields, _, filesystem = mount.partition(" - ")
        if paths and filesystem.startswith("cgroup2 "):
            root, mounted_at = fields.split()[3:5]
            if Path(paths[0]).is_relative_to(root):
                return Path(mounted_at) / Path(paths[0]).relative_to(root)
    raise NotDelegatedError("cgroup v2 is not mounted")


def _prepare(group: Path) -> Path:
    if group.name == _OWN_PROCESSES and _gives_memory(group.parent):
        group = group.parent
    if _MEMORY not in (group / "cgroup.controllers").read_text().split():
        raise NotDelegatedError(f"the cgroup {group} has no memory controller")
    for path in (group, group / "cgroup.procs", group / "cgroup.subtree_control"):
        if not os.access(path, os.W_OK):
            raise NotDelegatedError(f"{path} is not writable")
    is_root = not (group / "cgroup.type").exists()  # the kernel allows processes in it
    if not is_root and not _gives_memory(group):
        _move_own_processes(group)
    elif not _gives_memory(group):
        _give_memory(group)
    for other in group.glob(f"{_ENVIRONMENTS}*"):
        if not Path("/proc", other.name.removeprefix(_ENVIRONMENTS)).exists():
            remove(other)
    folder = group / f"{_ENVIRONMENTS}{os.getpid()}"
    folder.mkdir(exist_ok=True)
    _give_memory(folder)
    return folder


def _move_own_processes(group: Path) -> None:
    """Empty a cgroup into a child of it, if only localcloud and its job are in it."""
    leaf = group / _OWN_PROCESSES
    for attempt in range(1, _ATTEMPTS + 1):
        members = _processes(group)
        if others := set(members) - _own_processes(members):
            raise NotDelegatedError(
                f"other processes are in the cgroup {group}, such as {min(others)}"
            )
        leaf.mkdir(exist_ok=True)
        for process in members:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                (leaf / "cgroup.procs").write_text(str(process))
        try:
            _give_memory(group)
            return
        except OSError as error:
            is_occupied = error.errno == errno.EBUSY  # by a process that started meanwhile
            if not is_occupied or attempt == _ATTEMPTS:
                raise


def _own_processes(members: Iterable[int]) -> set[int]:
    """This process, its job, such as make and its shell, and what they have started."""
    own = {os.getpid()}
    for process in members:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if process > 0 and os.getpgid(process) == os.getpgrp():
                own.update(with_descendants(process))
    return own


def _processes(group: Path) -> list[int]:
    return [int(each) for each in (group / "cgroup.procs").read_text().split()]


def _gives_memory(group: Path) -> bool:
    return _MEMORY in (group / "cgroup.subtree_control").read_text().split()


def _give_memory(group: Path) -> None:
    (group / "cgroup.subtree_control").write_text(f"+{_MEMORY}")


def remove(group: Path) -> None:
    """Kill all processes in a cgroup and in those below it, and remove these cgroups.

    A cgroup with a process that does not end stays; the next start removes it.
    """
    kill(group)
    below = sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True)
    deadline = time.monotonic() + _REMOVAL_SECONDS
    for each in [*below, group]:
        while True:
            try:
                each.rmdir()
            except FileNotFoundError:
                break
            except OSError:  # the kernel is still ending the processes
                if time.monotonic() > deadline:
                    return
                time.sleep(_LOOK_SECONDS)
            else:
                break


def kill(group: Path) -> None:
    """Kill every process in a cgroup and below it, those that left their process group too."""
    with contextlib.suppress(OSError):  # it is gone, or Linux is older than 5.14
        (group / "cgroup.kill").write_text("1")


class MemoryCgroup:
    """The memory limit of all processes of an execution environment, enforced by the kernel."""

    def __init__(self, group: Path, limit_mb: int | None) -> None:
        self._group = group
        self._kills = 0
        self._most = 0.0
        group.mkdir()
        limit = "max" if limit_mb is None else str(limit_mb * 2**20)
        (group / "memory.max").write_text(limit)
        for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            with contextlib.suppress(OSError):  # no swap accounting, or Linux older than 4.19
                (group / name).write_text(value)

    def starting(self, command: list[str]) -> list[str]:
        """The command line that enters the cgroup before it becomes the runtime."""
        enter = 'echo 0 >"$0/cgroup.procs" && exec "$@"'
        return ["/bin/sh", "-c", enter, str(self._group), *command]

    def is_exceeded(self) -> bool:
        """Whether the kernel has ended processes for their memory since the last start."""
        return self._oom_kills() > self._kills

    def used_mb(self) -> float:
        """The most so far, over all invocations, as Lambda reports it."""
        peak = self._group / "memory.peak"  # from Linux 5.19 on
        current = peak if peak.exists() else self._group / "memory.current"
        with contextlib.suppress(OSError, ValueError):
            self._most = max(self._most, int(current.read_text()) / 2**20)
        return self._most

    def end(self) -> None:
        """End all processes, before another runtime starts in the environment."""
        self._kills = self._oom_kills()
        kill(self._group)

    def close(self) -> None:
        remove(self._group)

    def _oom_kills(self) -> int:
        with contextlib.suppress(OSError):
            for line in (self._group / "memory.events").read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
        return 0
