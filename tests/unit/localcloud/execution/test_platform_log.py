"""Lambda's own log lines; the text ones are also in test_environment.py."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.execution.function_version import FunctionVersion
from localcloud.execution.platform_log import InvocationEnd, PlatformLog, platform_log

ARN = "arn:aws:lambda:us-east-1:000000000000:function:photos:live"
ENDED = InvocationEnd("one", seconds=1.2345678, init_seconds=0.5, used_mb=99.1)


def log(log_format: str = "JSON", level: str = "", by: str = "on-demand") -> PlatformLog:
    version = FunctionVersion(
        account="000000000000",
        region="us-east-1",
        name="photos",
        version="7",
        revision="",
        runtime="python3.13",
        handler="function.handler",
        memory_mb=128,
        timeout_seconds=3,
        storage_mb=512,
        task_folder=Path("task"),
        layers_folder=Path("layers"),
        log_group="group",
        log_format=log_format,
        system_log_level=level,
    )
    return platform_log(version, by, "stream")


def events(lines: list[str]) -> list[tuple[str, Any]]:
    parsed = [json.loads(line) for line in lines]
    assert all(each["time"].endswith("Z") for each in parsed)
    return [(each["type"], each["record"]) for each in parsed]


def test_json_events_have_the_fields_of_lambdas_schema():
    tested = log()
    assert events(tested.init_start("init")) == [
        (
            "platform.initStart",
            {
                "initializationType": "on-demand",
                "phase": "init",
                "runtimeVersion": "python3.13",
                "functionName": "photos",
                "functionVersion": "7",
                "instanceId": "stream",
                "instanceMaxMemory": 128 * 1024 * 1024,
            },
        )
    ]
    started = {"requestId": "one", "functionArn": ARN, "version": "7"}
    assert events(tested.start("one", ARN)) == [("platform.start", started)]
    assert events(tested.end(ENDED)) == [
        (
            "platform.report",
            {
                "requestId": "one",
                "metrics": {
                    "durationMs": 1234.568,
                    "billedDurationMs": 1735,
                    "memorySizeMB": 128,
                    "maxMemoryUsedMB": 100,
                    "initDurationMs": 500,
                },
                "status": "success",
            },
        )
    ]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        ({"error_type": "Sandbox.Timedout"}, {"status": "timeout"}),
        (
            {"error_type": "Runtime.ExitError"},
            {"status": "error", "errorType": "Runtime.ExitError"},
        ),
        ({"raised": True}, {"status": "error"}),
    ],
)
def test_json_events_of_a_failed_invocation_say_how(
    failure: dict[str, Any], status: dict[str, str]
):
    done, report = events(log(level="WARN").end(replace(ENDED, init_seconds=None, **failure)))
    assert [done[0], report[0]] == ["platform.runtimeDone", "platform.report"]
    for _, record in (done, report):
        assert {key: record.get(key) for key in status} == status
    assert "initDurationMs" not in report[1]["metrics"]


@pytest.mark.parametrize("by", ["on-demand", "provisioned-concurrency"])
def test_json_events_of_a_failed_initialization_are_warnings_and_say_how(by: str):
    found = events(log(level="WARN", by=by).init_end(0.1, "init", "Runtime.ExitError"))
    assert [kind for kind, _ in found] == ["platform.initRuntimeDone", "platform.initReport"]
    for _, record in found:
        assert record["status"] == "error"
        assert record["errorType"] == "Runtime.ExitError"


@pytest.mark.parametrize(
    ("level", "by", "expected"),
    [
        ("WARN", "on-demand", []),
        ("INFO", "on-demand", ["initStart", "start", "report"]),
        ("INFO", "provisioned-concurrency", ["initStart", "initReport", "start", "report"]),
        (
            "DEBUG",
            "on-demand",
            ["initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report"],
        ),
    ],
)
def test_system_log_level_decides_which_json_events_are_written(
    level: str, by: str, expected: list[str]
):
    tested = log(level=level, by=by)
    lines = [
        *tested.init_start("init"),
        *tested.init_end(0.1, "init"),
        *tested.start("one", ARN),
        *tested.timed_out("one"),
        *tested.end(ENDED),
    ]
    assert [kind for kind, _ in events(lines)] == [f"platform.{each}" for each in expected]


def test_text_lines_are_the_same_whatever_the_level():
    tested = log("Text", "WARN")
    assert tested.init_end(0.1, "init") == []
    assert tested.init_end(0.1, "init", "Sandbox.Timedout") == [
        "INIT_REPORT Init Duration: 100.00 ms\tPhase: init\tStatus: timeout"
    ]
    assert tested.start("one", ARN) == ["START RequestId: one Version: 7"]
    assert tested.end(replace(ENDED, error_type="Runtime.ExitError"))[1].endswith(
        "\tInit Duration: 500.00 ms\tStatus: error\tError Type: Runtime.ExitError"
    )
