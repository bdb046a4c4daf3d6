"""Execution environments with the real awslambdaric, and handlers written for one test each."""

import itertools
import json
import textwrap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import RUNTIME_PYTHON
from localcloud.execution.concurrency import Concurrency
from localcloud.execution.environment import ON_DEMAND, ExecutionEnvironment
from localcloud.execution.function_version import FunctionVersion, Host
from localcloud.execution.pool import EnvironmentPool
from localcloud.execution.processes import ProcessKeeper
from localcloud.execution.runtime_api import Invocation
from localcloud.execution.time_limits import TimeLimits

# Generous, so that a busy machine ends nothing; who tests a limit sets it.
LIMITS = TimeLimits(factor=20)
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

type MakeVersion = Callable[..., FunctionVersion]
type MakeEnvironment = Callable[..., ExecutionEnvironment]
type MakePool = Callable[..., EnvironmentPool]


def invocation(payload: bytes = b"{}", **changes: Any) -> Invocation:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:tested"
    return Invocation(
        **{"request_id": str(uuid.uuid4()), "payload": payload, "function_arn": arn} | changes
    )


def answer(environment: ExecutionEnvironment, **event: Any) -> Any:
    return json.loads(environment.invoke(invocation(json.dumps(event).encode())).payload)


def idle_environments(
    pool: EnvironmentPool, version: FunctionVersion
) -> list[ExecutionEnvironment]:
    """Those that wait for an invocation; the pool tells nobody else."""
    with pool._changed:
        return list(pool._idle.get(version, []))


def state(pid: int) -> str:
    """The state of a process in the kernel: R, S, T (stopped), Z; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(folder=tmp_path / "host", python=RUNTIME_PYTHON)


@pytest.fixture
def function(tmp_path: Path) -> MakeVersion:
    """Makes a version of a function from the source of its module, whose handler is `handler`."""
    numbers = itertools.count(1)

    def make(source: str, **changes: Any) -> FunctionVersion:
        number = next(numbers)
        task, layers = tmp_path / f"task{number}", tmp_path / f"layers{number}"
        task.mkdir()
        layers.mkdir()
        (task / "function.py").write_text(textwrap.dedent(source))
        settings = {
            "account": "000000000000",
            "region": "us-east-1",
            "name": "tested",
            "version": "$LATEST",
            "revision": str(number),
            "runtime": "python3.13",
            "handler": "function.handler",
            "memory_mb": 512,
            "timeout_seconds": 30,
            "storage_mb": 512,
            "task_folder": task,
            "layers_folder": layers,
            "log_group": "/aws/lambda/tested",
        }
        return FunctionVersion(**settings | changes)

    return make


@pytest.fixture
def keeper() -> Iterator[ProcessKeeper]:
    keeper = ProcessKeeper()
    yield keeper
    keeper.close()


@pytest.fixture
def environment(host: Host, keeper: ProcessKeeper) -> Iterator[MakeEnvironment]:
    """Makes an environment of a version, which is closed at the end."""
    made: list[ExecutionEnvironment] = []

    def make(
        version: FunctionVersion, limits: TimeLimits = LIMITS, initialization_type: str = ON_DEMAND
    ) -> ExecutionEnvironment:
        made.append(ExecutionEnvironment(version, host, keeper, limits, initialization_type))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def pool(host: Host) -> Iterator[MakePool]:
    """Makes a pool, which is closed at the end."""
    made: list[EnvironmentPool] = []

    def make(
        limits: TimeLimits = LIMITS,
        account_limit: int = 1000,
        reserved: dict[str, int] | None = None,
        initializing: int = 4,
    ) -> EnvironmentPool:
        concurrency = Concurrency(account_limit, lambda: reserved or {})
        made.append(EnvironmentPool(host, concurrency, limits, initializing))
        return made[-1]

    yield make
    for each in made:
        each.close()
