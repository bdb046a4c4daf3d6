"""debugpy in an execution environment, with a client that speaks its protocol."""

import importlib.util
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localcloud.execution.debugging import Debugger
from localcloud.execution.time_limits import TimeLimits
from tests.integration.localcloud.execution.conftest import (
    MakePool,
    MakeVersion,
    idle_environments,
    invocation,
)
from tests.support.debug_client import DebugClient

pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux"),
]
SOURCE = """
def handler(event, context):
    doubled = event["number"] * 2
    return doubled
"""


def test_breakpoint_is_hit_in_the_source_and_no_timeout_ends_the_function(
    function: MakeVersion, pool: MakePool, tmp_path: Path
):
    spec = importlib.util.find_spec("debugpy")
    assert spec
    assert spec.submodule_search_locations
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    edited = tmp_path / "project"
    edited.mkdir()
    (edited / "function.py").write_text(SOURCE)
    debugger = Debugger(port, spec.submodule_search_locations[0], ((str(edited), "/var/task"),))
    version = function(SOURCE, debugger=debugger, timeout_seconds=1, memory_mb=1)
    environments = pool(TimeLimits(factor=1, idle=0.1))
    assert environments.prepare(version)

    def invoked() -> object:
        return json.loads(environments.invoke(version, invocation(b'{"number": 21}')).payload)

    with ThreadPoolExecutor(1) as threads:
        for _ in range(2):  # another client can attach after the first
            with DebugClient(port) as client:
                client.stop_at(edited / "function.py", 4)
                answer = threads.submit(invoked)
                assert client.stopped() == (str(edited / "function.py"), 4)
                assert client.evaluate("doubled") == "42"
                client.evaluate("__import__('time').sleep(1.5)")  # longer than the timeout
                client.continue_program()
                assert answer.result(60) == 42
    assert len(idle_environments(environments, version)) == 1
