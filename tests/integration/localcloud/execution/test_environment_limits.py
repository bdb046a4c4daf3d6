"""What ends an invocation: time, memory, storage and the size of the answer."""

import json
import re
import sys
from pathlib import Path

import pytest

from localcloud.execution.time_limits import TimeLimits
from tests.integration.localcloud.execution.conftest import (
    MakeEnvironment,
    MakeVersion,
    answer,
    invocation,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux")


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
