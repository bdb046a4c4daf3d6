"""One execution environment with the real awslambdaric, against what Lambda's guide says."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localcloud.execution.environment import PROVISIONED, ExecutionEnvironment
from localcloud.execution.function_version import Host
from localcloud.execution.time_limits import TimeLimits
from tests.integration.localcloud.execution.conftest import (
    MakeEnvironment,
    MakeVersion,
    invocation,
)
from tests.support.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux")
UNHURRIED = TimeLimits(factor=20)
ECHO = "def handler(event, context): return event"
COUNTER = """
    import os
    calls = []
    def handler(event, context):
        calls.append(event)
        if event.get("raise"):
            raise KeyError("photo")
        if event.get("exit") is not None:
            os._exit(event["exit"])
        return {"calls": len(calls), "pid": os.getpid()}
"""


def awaited[T](condition: Callable[[], T]) -> T:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.01)
    pytest.fail(f"never true: {condition}")


def answer(environment: ExecutionEnvironment, **event: Any) -> Any:
    return json.loads(environment.invoke(invocation(json.dumps(event).encode())).payload)


def state(pid: int) -> str:
    """Of a process, as the kernel says it: R, S, T (stopped), Z, or nothing if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def test_handler_gets_event_and_context_as_from_lambda(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        """
        import os
        def handler(event, context):
            return {
                "event": event,
                "arn": context.invoked_function_arn,
                "request": context.aws_request_id,
                "name": context.function_name,
                "version": context.function_version,
                "memory": context.memory_limit_in_mb,
                "client": context.client_context.custom,
                "stream": context.log_stream_name,
                "remaining": context.get_remaining_time_in_millis(),
                "trace": os.environ["_X_AMZN_TRACE_ID"],
            }
        """,
        version="7",
    )
    tested = environment(version)
    sent = invocation(
        '{"title": "Düne"}'.encode(),
        function_arn="arn:aws:lambda:us-east-1:000000000000:function:tested:live",
        trace_id="Root=1-5e1b4151-5ac6c58f5ae5f8f6d2c1b3a4;Sampled=1",
        client_context='{"custom": {"page": "1"}}',
    )
    tested.initialize()
    result = tested.invoke(sent)
    got = json.loads(result.payload)
    assert 0 < got.pop("remaining") <= 30_000 * UNHURRIED.factor
    assert got == {
        "event": {"title": "Düne"},
        "arn": sent.function_arn,
        "request": sent.request_id,
        "name": "tested",
        "version": "7",
        "memory": "512",
        "client": {"page": "1"},
        "stream": tested.log_stream,
        "trace": sent.trace_id,
    }
    assert (result.function_error, result.error_type) == ("", "")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[7\][0-9a-f]{32}", tested.log_stream)


def test_reserved_variables_of_lambda_take_precedence_over_those_of_the_function(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        "import os\ndef handler(event, context): return dict(os.environ)",
        variables={"TABLE": "photos", "AWS_REGION": "elsewhere", "TZ": "Europe/Berlin"},
        credentials={"AWS_ACCESS_KEY_ID": "ASIA1"},
        log_level="WARN",
    )
    variables = answer(environment(version))
    expected = {
        "AWS_ACCESS_KEY_ID": "ASIA1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "tested",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "Text",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tested",
        "AWS_LAMBDA_LOG_LEVEL": "WARN",
        "AWS_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(version.task_folder),
        "TABLE": "photos",
        "TZ": "Europe/Berlin",
        "_HANDLER": "function.handler",
    }
    assert {name: variables.get(name) for name in expected} == expected
    assert "PYTEST_CURRENT_TEST" not in variables


def test_modules_come_from_code_then_layers_then_the_runtime(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        """
        import importlib
        def handler(event, context): return importlib.import_module(event["name"]).__file__
        """
    )
    site_packages = version.layers_folder / "python/lib/python3.13/site-packages"
    site_packages.mkdir(parents=True)
    for folder, names in (
        (version.task_folder, ["both"]),
        (version.layers_folder / "python", ["both", "layered"]),
        (site_packages, ["installed"]),
    ):
        for name in names:
            (folder / f"{name}.py").touch()
    tested = environment(version)
    assert answer(tested, name="both") == str(version.task_folder / "both.py")
    assert answer(tested, name="layered") == str(version.layers_folder / "python/layered.py")
    assert answer(tested, name="installed") == str(site_packages / "installed.py")
    assert answer(tested, name="localcloud")["errorType"] == "ModuleNotFoundError"
    assert answer(tested, name="launcher")["errorType"] == "ModuleNotFoundError"


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


def test_log_has_the_lines_of_lambda_around_those_of_the_function(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        """
        import logging, subprocess, sys
        print("at init")
        def handler(event, context):
            print("printed")
            sys.stderr.write("written")
            subprocess.run(["echo", "by a child"])
            logging.getLogger().warning("logged")
        """
    )
    tested = environment(version)
    tested.initialize()
    cold, warm = (tested.invoke(invocation(request_id=name)) for name in ("one", "two"))
    millisecond = r"\d+\.\d\d ms"
    report = (
        rf"REPORT RequestId: {{}}\tDuration: {millisecond}\tBilled Duration: \d+ ms"
        r"\tMemory Size: 512 MB\tMax Memory Used: \d+ MB"
    )
    patterns = [
        "INIT_START Runtime Version: python3.13",
        "at init",
        "START RequestId: one Version: \\$LATEST",
        "printed",
        "writtenby a child",
        r"\[WARNING\]\t\S+\tone\tlogged",
        "END RequestId: one",
        report.format("one") + rf"\tInit Duration: {millisecond}",
    ]
    assert len(cold.log) == len(patterns)
    for line, pattern in zip(cold.log, patterns, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)
    assert warm.log[0] == "START RequestId: two Version: $LATEST"
    assert re.fullmatch(report.format("two"), warm.log[-1])


def test_log_of_a_function_with_json_logs_is_json(
    function: MakeVersion, environment: MakeEnvironment
):
    source = """
        import logging
        def handler(event, context):
            logging.getLogger().warning("logged")
    """
    tested = environment(function(source, log_format="JSON"))
    tested.initialize()
    entries = [json.loads(line) for line in tested.invoke(invocation(request_id="one")).log]
    kinds = [each.get("type") or each["message"] for each in entries]
    assert kinds == ["platform.initStart", "platform.start", "logged", "platform.report"]


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
    """Also where it was freed again before anyone looked, and where a child has it."""
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


def test_deployed_code_is_read_only_for_the_function(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        """
        import os
        def handler(event, context):
            open(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "written"), "w")
        """
    )
    version.task_folder.chmod(0o555)
    assert answer(environment(version))["errorType"] == "PermissionError"


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


def test_custom_runtime_is_run_by_its_bootstrap(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function("", runtime="provided.al2023")
    bootstrap = version.task_folder / "bootstrap"
    bootstrap.write_text(
        textwrap.dedent(f"""\
        #!{sys.executable}
        import http.client, os
        api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        while True:
            api.request("GET", "/2018-06-01/runtime/invocation/next")
            event = api.getresponse()
            request = event.headers["Lambda-Runtime-Aws-Request-Id"]
            path = f"/2018-06-01/runtime/invocation/{{request}}/response"
            chunks = iter([b'{{"got": ', event.read(), b"}}"])
            chunked = {{"Transfer-Encoding": "chunked"}}
            api.request("POST", path, chunks, chunked, encode_chunked=True)
            api.getresponse().read()
        """)
    )
    bootstrap.chmod(0o755)
    assert answer(environment(version), a=1) == {"got": {"a": 1}}


def test_custom_runtime_without_bootstrap_has_no_entrypoint(
    function: MakeVersion, environment: MakeEnvironment
):
    error = answer(environment(function("", runtime="provided.al2023")))
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert "Couldn't find valid bootstrap(s)" in error["errorMessage"]


def test_init_of_provisioned_concurrency_is_not_part_of_an_invocation(
    function: MakeVersion, environment: MakeEnvironment
):
    version = function(
        """
        import os
        def handler(event, context): return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
        """
    )
    tested = environment(version, initialization_type=PROVISIONED)
    tested.initialize()
    result = tested.invoke(invocation())
    assert json.loads(result.payload) == "provisioned-concurrency"
    assert result.init_seconds is None


def test_frozen_runtime_does_not_outlive_an_owner_that_is_killed(host: Host, tmp_path: Path):
    """The owner is killed, so nothing of it can tidy up."""
    (tmp_path / "function.py").write_text(ECHO)
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
