"""Cgroups in a folder that has the files of a cgroup file system; the kernel's own: integration."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud.execution.cgroups import MemoryCgroup, delegated

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cgroups are Linux's")

type MakeProc = Callable[..., Path]


@pytest.fixture(autouse=True)
def _folders_vanish_with_their_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a cgroup file system."""
    remove_empty = Path.rmdir

    def remove(folder: Path) -> None:
        for file in folder.iterdir():
            if file.is_file():
                file.unlink()
        remove_empty(folder)

    monkeypatch.setattr(Path, "rmdir", remove)


@pytest.fixture
def group(tmp_path: Path) -> Path:
    return tmp_path / "cgroup" / "user.slice" / "run.scope"


@pytest.fixture
def proc(tmp_path: Path, group: Path) -> MakeProc:
    """Makes a /proc whose process is in `group`, and that cgroup."""

    def make(
        *processes: int,
        controllers: str = "cpu memory pids",
        given: str = "",
        path: str = "/user.slice/run.scope",
    ) -> Path:
        group.mkdir(parents=True)
        (group / "cgroup.controllers").write_text(controllers)
        (group / "cgroup.subtree_control").write_text(given)
        (group / "cgroup.procs").write_text("".join(f"{each}\n" for each in processes))
        (group / "cgroup.type").write_text("domain\n")
        own = tmp_path / "proc" / "self"
        own.mkdir(parents=True)
        (own / "cgroup").write_text(f"4:memory:/elsewhere\n0::{path}\n")
        (own / "mountinfo").write_text(
            "25 1 0:23 / /proc rw - proc proc rw\n"
            f"31 24 0:27 / {tmp_path}/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
        )
        return own.parent

    return make


@pytest.fixture
def started() -> Iterator[int]:
    """The id of a process that this one has started, in a session of its own."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def other() -> Iterator[int]:
    """The id of a process that nobody here has started: its parent has ended."""
    command = ["sh", "-c", "sleep 600 >/dev/null & echo $!"]
    process = int(subprocess.check_output(command, start_new_session=True))
    yield process
    os.kill(process, signal.SIGKILL)


def reason(proc: Path) -> str:
    with delegated(proc) as found:
        assert found.folder is None
        assert found.settings == {}
        return found.reason


def test_own_processes_move_into_a_leaf_and_environments_get_a_cgroup_beside_it(
    proc: MakeProc, group: Path
):
    with delegated(proc(os.getpid())) as found:
        assert found.folder == group / f"localcloud-environments-{os.getpid()}"
        assert found.settings == {"EXECUTION_CGROUPS": str(found.folder)}
        assert (group / "localcloud" / "cgroup.procs").read_text() == str(os.getpid())
        assert (group / "cgroup.subtree_control").read_text() == "+memory"
        assert (found.folder / "cgroup.subtree_control").read_text() == "+memory"
    assert not found.folder.exists()
    assert (group / "localcloud").exists()  # this process is in it


def test_second_owner_finds_the_first_ones_leaf(proc: MakeProc, group: Path):
    found = proc(given="memory", path="/user.slice/run.scope/localcloud")
    (group / "localcloud").mkdir()
    with delegated(found) as second:
        assert second.folder == group / f"localcloud-environments-{os.getpid()}"


def test_processes_of_others_are_not_moved(proc: MakeProc, group: Path, other: int):
    text = reason(proc(os.getpid(), other))
    assert text == f"other processes are in the cgroup {group}, such as {other}"
    assert not (group / "localcloud").exists()


def test_process_that_this_job_has_started_is_moved_too(proc: MakeProc, group: Path, started: int):
    with delegated(proc(os.getpid(), started)):
        assert (group / "localcloud" / "cgroup.procs").read_text() == str(started)


def test_without_a_memory_controller_memory_is_watched(proc: MakeProc, group: Path):
    text = reason(proc(os.getpid(), controllers="hugetlb pids"))
    assert text == f"the cgroup {group} has no memory controller"


def test_without_write_access_memory_is_watched(
    proc: MakeProc, group: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write to every file
    assert reason(proc(os.getpid())) == f"{group} is not writable"


def test_without_cgroup_v2_memory_is_watched(proc: MakeProc):
    found = proc(os.getpid())
    (found / "self" / "mountinfo").write_text("25 1 0:23 / /proc rw - proc proc rw\n")
    assert reason(found) == "cgroup v2 is not mounted"


def test_cgroups_of_an_owner_that_was_killed_are_removed_and_those_of_others_stay(
    proc: MakeProc, group: Path, other: int
):
    found = proc(os.getpid())
    with subprocess.Popen(["true"]) as ended:
        pass
    left = group / f"localcloud-environments-{ended.pid}"
    living = group / f"localcloud-environments-{other}"
    (left / "environment").mkdir(parents=True)
    living.mkdir()
    with delegated(found):
        assert not left.exists()
        assert living.exists()


def test_environments_cgroup_has_the_functions_memory_no_swap_and_is_killed_as_a_whole(
    tmp_path: Path,
):
    MemoryCgroup(tmp_path / "one", 128)
    written = {each.name: each.read_text() for each in (tmp_path / "one").iterdir()}
    assert written == {
        "memory.max": str(128 * 2**20),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
    }


def test_kill_by_the_kernel_is_told_from_other_exits_for_each_runtime(tmp_path: Path):
    tested = MemoryCgroup(tmp_path / "one", 128)
    events = tmp_path / "one" / "memory.events"
    assert not tested.is_exceeded()
    events.write_text("low 0\nmax 3\noom 0\noom_kill 0\noom_group_kill 0\n")
    assert not tested.is_exceeded()
    events.write_text("low 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 1\n")
    assert tested.is_exceeded()
    tested.end()
    assert (tmp_path / "one" / "cgroup.kill").read_text() == "1"
    assert not tested.is_exceeded()  # of the runtime that starts next


def test_peak_is_the_kernels_or_the_most_that_was_read(tmp_path: Path):
    tested = MemoryCgroup(tmp_path / "one", 128)
    current = tmp_path / "one" / "memory.current"
    current.write_text(str(40 * 2**20))
    assert tested.used_mb() == 40
    current.write_text(str(30 * 2**20))
    assert tested.used_mb() == 40
    (tmp_path / "one" / "memory.peak").write_text(str(50 * 2**20))
    assert tested.used_mb() == 50


def test_runtime_enters_its_cgroup_before_it_starts(tmp_path: Path):
    tested = MemoryCgroup(tmp_path / "one", 128)
    shown = ["cat", str(tmp_path / "one" / "cgroup.procs")]
    done = subprocess.run(tested.starting(shown), capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"  # which means the writing process itself
