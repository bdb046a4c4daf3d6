"""Starts, freezes, measures and kills the processes of execution environments."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, cast

_KILOBYTE: Final = 1024
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class ProcessKeeper:
    """Starts a process that kills all functions' processes when this one ends or is killed.

    The keeper is replaced if it is killed itself, and the new one watches the same processes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._is_closed = False
        self._keeper = _start_keeper()
        self._supervisor = threading.Thread(
            target=self._supervise, name="process-keeper", daemon=True
        )
        self._supervisor.start()

    def watch(self, group: int) -> None:
        with self._lock:
            self._groups.add(group)
            self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        with self._lock:
            self._groups.discard(group)
            self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the keeper, which first kills the groups that it still watches."""
        with self._lock:
            self._is_closed = True
            self._stdin.close()
        self._supervisor.join()

    def _supervise(self) -> None:
        while True:
            status = self._keeper.wait()
            with self._lock:
                if self._is_closed:
                    return
                self._stdin.close()
                self._keeper = _start_keeper()
                for group in self._groups:
                    self._tell(f"+{group}\n")
            with contextlib.suppress(OSError):  # the log may be on a full disk
                print(
                    f"The keeper of the execution environments was killed (exit status {status})."
                    " Another one watches them now.",
                    file=sys.stderr,
                    flush=True,
                )

    def _tell(self, line: str) -> None:
        if not self._is_closed:
            with contextlib.suppress(BrokenPipeError):  # its successor is told of all groups
                self._stdin.write(line.encode())

    @property
    def _stdin(self) -> IO[bytes]:
        return cast("IO[bytes]", self._keeper.stdin)  # never None: it is a pipe


def _start_keeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-S", Path(__file__).with_name("keeper.py")],
        bufsize=0,
        stdin=subprocess.PIPE,
        start_new_session=True,  # a signal to the owner's group must not end the keeper
    )


class FunctionProcess:
    """A runtime in a process group of its own, whose output goes to the end of a file.

    Unlike a pipe, a file needs no reader: it contains all that a function wrote before it asked for
    the next invocation, and a function that writes much is never blocked.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        output: Path,
        keeper: ProcessKeeper,
    ) -> None:
        self._keeper = keeper
        self._lock = threading.Lock()
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._is_over = False
        self._is_frozen = False
        keeper.watch(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._process.poll()

    def freeze(self) -> None:
        """Stop the group, until `thaw`."""
        self._is_frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._is_frozen:
            self._is_frozen = False
            self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill the group, as Lambda ends a runtime without extensions, and collect its leader."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._keeper.forget(self.pid)
        self._process.wait()

    def memory_mb(self) -> float:
        """Resident memory of the process and its descendants, in MB."""
        return sum(resident_mb(pid) for pid in with_descendants(self.pid))

    def peak_memory_mb(self) -> float:
        """The maximum of the process's own resident memory so far, in MB."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.pid}/status").read_bytes()
            if peak := status.partition(b"VmHWM:")[2]:
                return int(peak.split(maxsplit=1)[0]) / _KILOBYTE
        return 0

    def _signal(self, number: signal.Signals) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):
            if not self._is_over:
                os.killpg(self.pid, number)


def with_descendants(pid: int) -> list[int]:
    """A process and all its descendants that still run."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):  # it ended meanwhile
            for children in Path(f"/proc/{each}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found.extend(int(child) for child in children.read_text().split())
    return found


def resident_mb(pid: int) -> float:
    """Resident memory of one process in MB; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20
    except (OSError, IndexError):  # it ended meanwhile
        return 0
