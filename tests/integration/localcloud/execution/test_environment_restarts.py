"""An environment after an error, an exit and a freeze, and after its owner was killed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from localcloud.execution.function_version import Host
from tests.integration.localcloud.execution.conftest import (
    COUNTER,
    MakeEnvironment,
    MakeVersion,
    answer,
    awaited,
    invocation,
    state,
)
from tests.support.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux")


def test_environment_is_used_again_also_after_an_exception(
    function: MakeVersion, environment: MakeEnvironment
):
    tested = environment(function(COUNTER))
    tested.initialize()
    first = answer(tested)
    failed = tested.invoke(invocation(b'{"raise": true}'))
    assert failed.function_error == "Unhandled"
    error = json.loads(failed.payload)
    assert (error["errorType"], error["errorMessage"]) == ("KeyError", "'photo'")
    assert "in handler" in error["stackTrace"][0]
    assert answer(tested) == {"calls": 3, "pid": first["pid"]}


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


def test_frozen_runtime_does_not_outlive_an_owner_that_is_killed(host: Host, tmp_path: Path):
    """The owner is killed, so nothing of it can tidy up."""
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
