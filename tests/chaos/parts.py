"""The processes of a laptop cloud that a run kills, and how they are started again."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from localcloud.cloud import Cloud
from tests.chaos.serve import READY
from tests.support.repository import ROOT

PARTS: Final = ("engine", "cloudfront")


class Part:
    """The stream engine or CloudFront in a process of its own."""

    def __init__(self, name: str, cloud: Cloud, log: Path, variables: Mapping[str, str]) -> None:
        self.name = name
        self.log = log  # its standard error
        self._cloud = cloud
        self._variables = variables
        self._process = self._started()

    def kill(self) -> None:
        """End it by SIGKILL, and start it again."""
        self._process.kill()
        self._reap()
        self._process = self._started()

    def stop(self) -> None:
        """End it without a signal."""
        if self._process.stdin:
            self._process.stdin.close()
        self._reap()

    def start(self) -> None:
        """Start it again after `stop`."""
        self._process = self._started()

    def _reap(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _started(self) -> "subprocess.Popen[str]":
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    *("-m", "tests.chaos.serve"),
                    *(self.name, self._cloud.host, str(self._cloud.port)),
                ],
                cwd=ROOT,
                env={**self._cloud.environment, **self._variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout
        line = process.stdout.readline().strip()
        if line != READY:
            process.communicate()
            raise AssertionError(f"{self.name} does not start: {self.log.read_text()}")
        return process


@contextlib.contextmanager
def running_parts(
    cloud: Cloud, logs: Path, variables: Mapping[str, str]
) -> Iterator[dict[str, Part]]:
    """Run the stream engine and CloudFront of a deployed cloud, each in a process of its own.

    `variables` are added to their environment.
    """
    with contextlib.ExitStack() as cleanup:
        parts = {}
        for name in PARTS:
            parts[name] = Part(name, cloud, logs / f"{name}.log", variables)
            cleanup.callback(parts[name].stop)
        yield parts


@dataclass(frozen=True)
class Environment:
    """An execution environment's process."""

    pid: int
    function: str

    @property
    def is_frozen(self) -> bool:
        return _state(self.pid) == "T"

    @property
    def runs(self) -> bool:
        """Whether it initializes or works on an invocation."""
        return _state(self.pid) in {"R", "S", "D"}

    def kill(self) -> bool:
        """End it by SIGKILL; False if it has ended already."""
        return kill(self.pid)


class Ministack:
    """ministack's process with the children that run functions."""

    def __init__(self, cloud: Cloud) -> None:
        [self._process] = [
            child
            for child in psutil.Process().children()
            if _variable(child, "GATEWAY_PORT") == str(cloud.port)
        ]

    def environments(self) -> list[Environment]:
        """All execution environments whose process runs."""
        return [
            Environment(child.pid, function)
            for child in self._process.children()
            if (function := _variable(child, "AWS_LAMBDA_FUNCTION_NAME"))
        ]

    def keepers(self) -> list[int]:
        """The processes that end environments whose owner has been killed."""
        found = []
        for child in self._process.children():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if any(Path(word).name == "keeper.py" for word in child.cmdline()):
                    found.append(child.pid)
        return found


def kill(pid: int) -> bool:
    """End a process by SIGKILL; False if it has ended already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _variable(process: psutil.Process, name: str) -> str:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        found: Mapping[str, str] = process.environ()
        return found.get(name, "")
    return ""


def _state(pid: int) -> str:
    """As the kernel names it: R, S, D, T (stopped), Z; nothing if there is no such process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
