"""The keeper kills the processes of a killed owner, and is itself replaced if it is killed."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from localcloud.execution.processes import FunctionProcess, ProcessKeeper
from tests.integration.localcloud.execution.conftest import state
from tests.support.waiting import awaited


def started(folder: Path, keeper: ProcessKeeper) -> FunctionProcess:
    output = folder / "output.log"
    return FunctionProcess(
        [sys.executable, "-c", "import sys; sys.stdin.read(); import time; time.sleep(600)"],
        folder,
        {},
        output,
        keeper,
    )


def keeper_processes() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE
        and any(Path(word).name == "keeper.py" for word in child.cmdline())
    ]


def test_killed_keeper_is_replaced_by_one_that_knows_every_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    keeper = ProcessKeeper()
    old, ended = started(tmp_path, keeper), started(tmp_path, keeper)
    ended.end()
    [first] = keeper_processes()
    os.kill(first.pid, signal.SIGKILL)
    awaited(lambda: first not in keeper_processes() and keeper_processes())
    awaited(lambda: "Another one watches them now" in capfd.readouterr().err)
    new = started(tmp_path, keeper)
    assert "" not in {state(old.pid), state(new.pid)}
    keeper.close()  # as the kernel does when the owner is killed
    for each in (old, new):
        awaited(lambda each=each: state(each.pid) in {"", "Z"})
        each.end()


def test_processes_can_end_after_their_keeper_was_killed(tmp_path: Path):
    keeper = ProcessKeeper()
    process = started(tmp_path, keeper)
    [killed] = keeper_processes()
    os.kill(killed.pid, signal.SIGKILL)
    process.end()
    assert state(process.pid) == ""
    keeper.close()
