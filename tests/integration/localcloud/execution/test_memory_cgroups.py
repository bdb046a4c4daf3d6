"""Memory limits by real cgroups, where the system delegates the memory controller.

DELEGATED_MEMORY=required makes a missing delegation a failure. For example, as root:
systemd-run --scope --property Delegate=yes env DELEGATED_MEMORY=required .venv/bin/pytest THIS_FILE
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.cloud import ROOT, RUNTIME_PYTHON
from localcloud.execution.cgroups import delegated
from localcloud.execution.function_version import Host
from tests.integration.localcloud.execution.conftest import (
    MakeEnvironment,
    MakeVersion,
    answer,
    invocation,
    state,
)
from tests.support.waiting import awaited

SOURCE = """
    import subprocess, sys
    GREEDY = "kept = bytearray(200 * 2**20)"
    SLEEPING = "import signal; signal.pause()"
    def handler(event, context):
        match event:
            case {"child": True}:
                subprocess.run([sys.executable, "-c", GREEDY])
            case {"orphan": True}:
                started = subprocess.Popen([sys.executable, "-c", SLEEPING], start_new_session=True)
                return started.pid
            case {"mb": mb}:
                bytearray(mb * 2**20)
        return "done"
"""


@pytest.fixture(scope="module")
def cgroups() -> Iterator[Path]:
    with delegated() as found:
        if found.folder is None and os.environ.get("DELEGATED_MEMORY") == "required":
            pytest.fail(found.reason)
        if found.folder is None:
            pytest.skip(found.reason)
        yield found.folder


@pytest.fixture
def host(tmp_path: Path, cgroups: Path) -> Host:
    return Host(folder=tmp_path / "host", python=RUNTIME_PYTHON, cgroups=cgroups)


def test_kernel_ends_a_runtime_that_takes_more_memory_than_the_function_has(
    function: MakeVersion, environment: MakeEnvironment
):
    """Also where a child takes it, and as often as that happens."""
    tested = environment(function(SOURCE, memory_mb=128))
    tested.initialize()
    assert answer(tested, mb=20) == "done"
    for event in (b'{"mb": 200}', b'{"child": true}'):
        result = tested.invoke(invocation(event, request_id="one"))
        assert result.error_type == "Runtime.OutOfMemory"
        message = "RequestId: one Error: Runtime exited with error: signal: killed"
        assert f"{message}\nRuntime.OutOfMemory" in result.log
        assert message.encode() in result.payload
        assert not tested.is_initialized
    assert answer(tested, mb=20) == "done"


def test_report_has_the_kernels_peak(function: MakeVersion, environment: MakeEnvironment):
    """Of memory that was freed again, and over all invocations of the environment."""
    tested = environment(function(SOURCE, memory_mb=512))
    first, second = (tested.invoke(invocation(event)) for event in (b'{"mb": 200}', b'{"mb": 1}'))
    used = [
        int(found[1])
        for result in (first, second)
        if (found := re.search(r"Max Memory Used: (\d+) MB", result.log[-1]))
    ]
    assert 200 < used[0] < 512
    assert used[1] >= used[0]


def test_environment_leaves_no_process_and_no_cgroup(
    function: MakeVersion, environment: MakeEnvironment, cgroups: Path
):
    """Not even a process that has left its process group."""
    tested = environment(function(SOURCE))
    orphan = answer(tested, orphan=True)
    assert state(orphan) not in ("", "Z")
    assert len(list(cgroups.glob("*/"))) == 1
    tested.close()
    awaited(lambda: state(orphan) in ("", "Z"))
    assert list(cgroups.glob("*/")) == []


def test_cgroups_of_an_owner_that_was_killed_are_removed_at_the_next_start(cgroups: Path):
    source = """
import signal
from localcloud.execution.cgroups import MemoryCgroup, delegated
with delegated() as found:
    MemoryCgroup(found.folder / "one", 128)
    print(found.folder, flush=True)
    signal.pause()
"""
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        left = Path(owner.stdout.readline().strip())
        owner.kill()
    assert (left / "one").exists()
    assert left.parent == cgroups.parent
    with delegated():
        assert not left.exists()
