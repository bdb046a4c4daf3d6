"""The contents of an execution environment, with the real awslambdaric."""

import json
import re
import sys
import textwrap

import pytest

from localcloud.execution.environment import PROVISIONED
from tests.integration.localcloud.execution.conftest import (
    COUNTER,
    LIMITS,
    MakeEnvironment,
    MakeVersion,
    answer,
    invocation,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux")


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
    assert 0 < got.pop("remaining") <= 30_000 * LIMITS.factor
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


def test_log_stream_in_a_log_group_of_several_functions_has_the_name_of_the_function(
    function: MakeVersion, environment: MakeEnvironment
):
    tested = environment(function("def handler(event, context): pass", log_group="shared"))
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/tested\[\$LATEST\][0-9a-f]{32}", tested.log_stream)


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


def test_used_memory_is_the_most_over_all_invocations(
    function: MakeVersion, environment: MakeEnvironment
):
    """Also where another runtime has started meanwhile."""
    version = function(
        """
        import os
        def handler(event, context):
            if event.get("exit"):
                os._exit(1)
            bytearray(event["mb"] * 2**20)
        """
    )
    tested = environment(version)
    events = (b'{"mb": 100}', b'{"exit": true}', b'{"mb": 1}')
    reports = [tested.invoke(invocation(event)).log[-1] for event in events]
    used = [int(found[1]) for each in reports if (found := re.search(r"Used: (\d+) MB", each))]
    assert used[0] > 100
    assert used[2] >= used[1] >= used[0]


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
