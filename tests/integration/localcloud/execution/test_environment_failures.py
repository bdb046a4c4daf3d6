"""Execution environments whose runtime fails, exceeds a limit or loses its owner."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from localcloud.execution.function_version import Host
from localcloud.execution.time_limits import TimeLimits
from tests.integration.localcloud.execution.conftest import (
    COUNTER,
    MakeEnvironment,
    MakeVersion,
    answer,
    invocation,
    state,
)
from tests.support.repository import ROOT
from tests.support.waiting import awaited

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux")


def test_init_that_fails_is_repeated_in_the_invocation_and_its_error_is_the_answer(
    function: MakeVersion, environment: MakeEnvironment
):
    tested = environment(function("import photos"))
    assert not tested.initialize()
    result = tested.invoke(invocation())
    error = json.loads(result.payload)
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'function': No module named 'photos'"
    assert (result.function_error, result.init_seconds) == ("Unhandled", None)
    phases = [line.split("\t")[1:] for line in result.log if line.startswith("INIT_REPORT")]
    status = ["Status: error", "Error Type: Runtime.ImportModuleError"]
    assert phases == [["Phase: init", *status], ["Phase: invoke", *status]]
    assert "Status: error\tError Type: Runtime.ImportModuleError" in result.log[-1]


def test_init_that_takes_longer_than_its_phase_is_repeated_under_the_functions_timeout(
    function: MakeVersion, environment: MakeEnvironment, tmp_path: Path
):
    """The first run never ends; the second, in the invocation, does."""
    marker = tmp_path / "second"
    version = function(
        f"""
        import pathlib, signal
        marker = pathlib.Path({str(marker)!r})
        if not marker.exists():
            marker.touch()
            signal.pause()
        def handler(event, context): return "initialized"
        """
    )
    tested = environment(version, TimeLimits(init=1, factor=1))
    assert not tested.initialize()
    marker.touch()  # where the machine was too slow to come that far
    result = tested.invoke(invocation())
    assert result.payload == b'"initialized"'
    assert any(
        re.fullmatch(r"INIT_REPORT Init Duration: .* ms\tPhase: init\tStatus: timeout", line)
        for line in result.log
    )


def test_invocation_that_takes_too_long_is_ended(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        """
        import signal
        def handler(event, context): signal.pause()
        """,
        timeout_seconds=1,
    )
    # Never ends by itself, so a slow machine changes nothing; it initializes before that.
    tested = environment(version, TimeLimits(factor=1, init=300))
    assert tested.initialize()
    result = tested.invoke(invocation(request_id="one"))
    assert json.loads(result.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: one Error: Task timed out after 1.00 seconds",
    }
    assert (result.function_error, result.error_type) == ("Unhandled", "Sandbox.Timedout")
    assert any(re.fullmatch(r"\S+Z one Task timed out after 1.00 seconds", x) for x in result.log)
    assert result.log[-1].endswith("\tStatus: timeout")
    assert not tested.is_initialized


def test_runtime_that_ended_is_started_again_with_tmp_as_it_was(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        """
        import os, pathlib, tempfile
        file = pathlib.Path(tempfile.gettempdir(), "kept")
        def handler(event, context):
            if file.exists():
                return file.read_text()
            file.write_text("kept")
            os._exit(1)
        """
    )
    tested = environment(version)
    assert answer(tested)["errorType"] == "Runtime.ExitError"
    assert answer(tested) == "kept"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0, "Runtime exited without providing a reason"),
        (3, "Runtime exited with error: exit status 3"),
    ],
)
def test_runtime_that_exits_is_an_exit_error_and_the_next_invocation_starts_another(
    function: MakeVersion, environment: MakeEnvironment, status: int, reason: str
):
    tested = environment(function(COUNTER))
    tested.initialize()
    event = json.dumps({"exit": status}).encode()
    result = tested.invoke(invocation(event, request_id="one"))
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: one Error: {reason}",
    }
    assert f"RequestId: one Error: {reason}\nRuntime.ExitError" in result.log
    assert answer(tested)["calls"] == 1


def test_more_memory_than_the_function_has_ends_the_runtime(
    function: MakeVersion, environment: MakeEnvironment
):
    """Also if it was freed before the next check, and if a child process has it."""
    version = function(
        """
        import subprocess, sys
        def handler(event, context):
            if event.get("child"):
                wait = "import signal; kept = bytearray(200 * 2**20); signal.pause()"
                subprocess.run([sys.executable, "-c", wait])
            bytearray(event["mb"] * 2**20)
            return "done"
        """,
        memory_mb=128,
    )
    tested = environment(version)
    tested.initialize()
    assert answer(tested, mb=20) == "done"
    for event in ({"mb": 200}, {"child": True, "mb": 0}):
        assert answer(tested, **event)["errorType"] == "Runtime.OutOfMemory"
        assert not tested.is_initialized
    assert answer(tested, mb=20) == "done"


def test_unused_address_space_does_not_count_as_memory(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        """
        import mmap
        def handler(event, context):
            return len(mmap.mmap(-1, 2**32))
        """,
        memory_mb=128,
    )
    assert answer(environment(version)) == 2**32


def test_more_in_tmp_than_the_function_may_store_ends_the_runtime(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        """
        import pathlib, signal, tempfile
        def handler(event, context):
            pathlib.Path(tempfile.gettempdir(), "big").write_bytes(bytes(2 * 2**20))
            signal.pause()
        """,
        storage_mb=1,
    )
    error = answer(environment(version))
    assert error["errorType"] == "Runtime.ExitError"
    assert "holds 2 MB, more than EphemeralStorage's 1 MB" in error["errorMessage"]


def test_answer_larger_than_6_mb_is_refused(function: MakeVersion, environment: MakeEnvironment):
    version = function(
        """
        def handler(event, context): return "x" * event["length"]
        """
    )
    tested = environment(version)
    error = answer(tested, length=7 * 2**20)
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert len(answer(tested, length=5 * 2**20)) == 5 * 2**20


def test_custom_runtime_without_bootstrap_has_no_entrypoint(
    function: MakeVersion, environment: MakeEnvironment
):
    error = answer(environment(function("", runtime="provided.al2023")))
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert "Couldn't find valid bootstrap(s)" in error["errorMessage"]


def test_frozen_runtime_ends_when_its_owner_is_killed(host: Host, tmp_path: Path):
    """The owner is killed, so it cannot clean up."""
    (tmp_path / "function.py").write_text("def handler(event, context): return event")
    owner = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from localcloud.execution.environment import ExecutionEnvironment
        from localcloud.execution.function_version import FunctionVersion, Host
        from localcloud.execution.processes import ProcessKeeper
        from localcloud.execution.time_limits import TimeLimits
        folder, python = map(Path, sys.argv[1:])
        version = FunctionVersion(
            "000000000000", "us-east-1", "tested", "1", "1", "python3.13", "function.handler", 512,
            30, 512, folder, folder / "layers", "group",
        )
        environment = ExecutionEnvironment(
            version, Host(folder / "host", python), ProcessKeeper(), TimeLimits(20)
        )
        environment.initialize()
        environment.freeze()
        print(environment.pid, flush=True)
        time.sleep(600)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", owner, tmp_path, host.python],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert awaited(lambda: state(pid) == "T")
        os.kill(process.pid, signal.SIGKILL)
    assert awaited(lambda: state(pid) in ("", "Z"))
