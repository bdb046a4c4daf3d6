"""Environments of many invocations, with the real awslambdaric."""

import json
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from localcloud.execution.concurrency import TooManyRequestsError
from localcloud.execution.environment import ExecutionEnvironment
from localcloud.execution.function_version import FunctionVersion, Host
from localcloud.execution.pool import EnvironmentPool
from localcloud.execution.time_limits import TimeLimits
from tests.integration.localcloud.execution.conftest import (
    MakePool,
    MakeVersion,
    idle_environments,
    invocation,
    state,
)
from tests.support.waiting import awaited

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux")

# Writes that it runs, and waits until the test lets it end.
WAITING = """
    import os, pathlib, time
    def handler(event, context):
        if "folder" in event:
            folder = pathlib.Path(event["folder"])
            (folder / str(os.getpid())).touch()
            while not (folder / "end").exists():
                time.sleep(0.01)
        if "exit" in event:
            os._exit(1)
        return {"pid": os.getpid(), "by": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as threads:
        yield threads


def answer(pool: EnvironmentPool, version: FunctionVersion, **event: Any) -> Any:
    return json.loads(pool.invoke(version, invocation(json.dumps(event).encode())).payload)


class Waiting:
    """Invocations of WAITING that run until `end`."""

    def __init__(self, threads: ThreadPoolExecutor, folder: Path) -> None:
        self._threads = threads
        self._folder = folder
        self._folder.mkdir()
        self._answers: list[Future[Any]] = []

    def begin(self, pool: EnvironmentPool, version: FunctionVersion, count: int = 1) -> None:
        expected = len(self._answers) + count
        for _ in range(count):
            folder = str(self._folder)
            self._answers.append(self._threads.submit(answer, pool, version, folder=folder))
        awaited(lambda: len(list(self._folder.iterdir())) == expected)

    def end(self) -> list[Any]:
        (self._folder / "end").touch()
        return [each.result() for each in self._answers]


@pytest.fixture
def waiting(threads: ThreadPoolExecutor, tmp_path: Path) -> Iterator[Waiting]:
    waiting = Waiting(threads, tmp_path / "waiting")
    yield waiting
    waiting.end()


def test_concurrent_invocations_have_an_environment_each_and_later_ones_use_them_again(
    function: MakeVersion, pool: MakePool, waiting: Waiting
):
    tested, version = pool(), function(WAITING)
    waiting.begin(tested, version, 2)
    pids = {each["pid"] for each in waiting.end()}
    assert len(pids) == 2
    assert {answer(tested, version)["pid"] for _ in range(3)} < pids


def test_one_exception_or_exit_ends_no_other_environment(
    function: MakeVersion, pool: MakePool, waiting: Waiting
):
    """ministack's own workers all ended with one exception."""
    tested, version = pool(), function(WAITING)
    waiting.begin(tested, version)
    assert answer(tested, version, folder="/missing")["errorType"] == "FileNotFoundError"
    assert answer(tested, version, exit=True)["errorType"] == "Runtime.ExitError"
    assert "pid" in waiting.end()[0]


def test_reserved_concurrency_is_the_functions_limit(
    function: MakeVersion, pool: MakePool, waiting: Waiting
):
    version = function(WAITING)
    tested = pool(reserved={version.function: 1})
    waiting.begin(tested, version)
    with pytest.raises(TooManyRequestsError) as refused:
        answer(tested, version)
    assert refused.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    waiting.end()
    awaited(lambda: idle_environments(tested, version))
    assert "pid" in answer(tested, version)


def test_functions_without_reserved_concurrency_share_the_accounts_limit(
    function: MakeVersion, pool: MakePool, waiting: Waiting
):
    version, other = function(WAITING), function(WAITING, name="other")
    tested = pool(account_limit=3, reserved={"000000000000:us-east-1:third": 2})
    waiting.begin(tested, version)
    with pytest.raises(TooManyRequestsError) as refused:
        answer(tested, other)
    assert refused.value.reason == "ConcurrentInvocationLimitExceeded"


def test_provisioned_environments_are_initialized_before_the_first_invocation_and_spill_over(
    function: MakeVersion, pool: MakePool, waiting: Waiting
):
    tested, version = pool(), function(WAITING)
    assert tested.provision(version, 1) == 1
    (warm,) = idle_environments(tested, version)
    assert warm.is_initialized
    waiting.begin(tested, version, 2)
    by = {each["by"]: each["pid"] for each in waiting.end()}
    assert set(by) == {"provisioned-concurrency", "on-demand"}
    assert by["provisioned-concurrency"] == warm.pid
    awaited(lambda: len(idle_environments(tested, version)) == 2)
    assert answer(tested, version)["pid"] == warm.pid


def test_provisioned_environment_that_ended_is_initialized_again(
    function: MakeVersion, pool: MakePool
):
    tested, version = pool(), function(WAITING)
    tested.provision(version, 1)
    assert answer(tested, version, exit=True)["errorType"] == "Runtime.ExitError"
    awaited(lambda: [each for each in idle_environments(tested, version) if each.is_initialized])
    assert answer(tested, version)["by"] == "provisioned-concurrency"


def test_provisioned_concurrency_ends_with_its_setting(function: MakeVersion, pool: MakePool):
    tested, version = pool(), function(WAITING)
    tested.provision(version, 1)
    (warm,) = idle_environments(tested, version)
    pid = warm.pid
    assert pid
    assert tested.provision(version, 0) == 0
    assert state(pid) == ""


def test_init_code_that_fails_leaves_nothing_provisioned(function: MakeVersion, pool: MakePool):
    assert pool().provision(function("1 / 0"), 2) == 0


def test_environments_of_a_retired_version_end_after_their_invocation(
    function: MakeVersion, pool: MakePool, waiting: Waiting
):
    tested, version, other = pool(), function(WAITING), function(WAITING, name="other")
    idle, kept = answer(tested, version)["pid"], answer(tested, other)["pid"]
    waiting.begin(tested, version)  # in the environment that was idle
    tested.retire(version.function)
    assert state(idle) != ""
    assert waiting.end()[0]["pid"] == idle
    awaited(lambda: state(idle) == "")
    assert answer(tested, version)["pid"] != idle
    assert answer(tested, other)["pid"] == kept


def test_only_the_retired_version_of_a_function_ends(function: MakeVersion, pool: MakePool):
    tested, latest = pool(), function(WAITING)
    published = function(WAITING, version="1")
    kept, ended = answer(tested, published)["pid"], answer(tested, latest)["pid"]
    tested.retire(latest.function, "$LATEST")
    assert state(ended) == ""
    assert answer(tested, published)["pid"] == kept


def test_idle_environment_is_recycled_unless_it_is_provisioned(
    function: MakeVersion, pool: MakePool
):
    tested = pool(limits=TimeLimits(init=300, idle=0.1))
    warm, version = function(WAITING), function(WAITING, name="other")
    tested.provision(warm, 1)
    answer(tested, version)
    awaited(lambda: not idle_environments(tested, version))
    assert idle_environments(tested, warm)


def test_close_ends_idle_environments_and_fails_running_invocations(
    function: MakeVersion, pool: MakePool, threads: ThreadPoolExecutor, tmp_path: Path
):
    tested, version = pool(), function(WAITING)
    running = threads.submit(answer, tested, version, folder=str(tmp_path / "host"))
    awaited(lambda: list((tmp_path / "host").glob("[0-9]*")))
    idle = answer(tested, version)["pid"]
    tested.close()
    assert running.result()["errorType"] == "Runtime.ExitError"
    assert state(idle) == ""


def test_only_as_many_environments_initialize_at_once_as_the_pool_may(
    function: MakeVersion, pool: MakePool, threads: ThreadPoolExecutor, tmp_path: Path
):
    """If more initialized at the same time, all could exceed the time limit of the init phase."""
    inits = tmp_path / "inits"
    inits.mkdir()
    version = function(
        f"""
        import os, pathlib, time
        began = time.monotonic()
        time.sleep(0.05)
        text = f"{{began}} {{time.monotonic()}}"
        pathlib.Path({str(inits)!r}, str(os.getpid())).write_text(text)
        def handler(event, context): return event
        """
    )
    tested = pool(initializing=2)
    barrier = threading.Barrier(6)

    def invoke(number: int) -> Any:
        barrier.wait()
        return answer(tested, version, number=number)

    assert list(threads.map(invoke, range(6))) == [{"number": number} for number in range(6)]
    spans = [tuple(map(float, each.read_text().split())) for each in inits.iterdir()]
    overlaps = [sum(began <= at < ended for began, ended in spans) for at, _ in spans]
    assert max(overlaps) <= 2


def test_runtime_is_frozen_between_invocations_with_its_children(
    function: MakeVersion, pool: MakePool
):
    version = function(
        """
        import os, subprocess
        children = []
        def handler(event, context):
            children.append(subprocess.Popen(["sleep", "600"]))
            return [os.getpid(), *(child.pid for child in children)]
        """
    )
    tested = pool()
    tested.prepare(version)
    [environment] = idle_environments(tested, version)
    assert environment.pid
    assert awaited(lambda: state(environment.pid) == "T")
    pids = answer(tested, version)
    assert awaited(lambda: {state(pid) for pid in pids} == {"T"})
    assert len(answer(tested, version)) == 3
    tested.close()
    assert awaited(lambda: not any(state(pid) in ("R", "S", "T") for pid in pids))


def test_callers_threads_may_end_before_the_environment(function: MakeVersion, pool: MakePool):
    tested, version = pool(), function(WAITING)
    answers: list[Any] = []
    call: Callable[[], None] = lambda: answers.append(answer(tested, version)["pid"])  # noqa: E731
    for _ in range(2):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    assert answers[0] == answers[1]


def test_twenty_environments_that_start_at_once_all_answer(
    function: MakeVersion, pool: MakePool, threads: ThreadPoolExecutor, tmp_path: Path
):
    """Each invocation needs an environment of its own: all wait until the last one runs."""
    running = tmp_path / "running"
    running.mkdir()
    version = function(
        f"""
        import os, pathlib, time
        def handler(event, context):
            folder = pathlib.Path({str(running)!r})
            (folder / str(os.getpid())).touch()
            while len(list(folder.iterdir())) < 20:
                time.sleep(0.05)
            return os.getpid()
        """
    )
    tested = pool(initializing=2)
    answers = list(threads.map(lambda _: answer(tested, version), range(20)))
    assert len(set(answers)) == 20


def test_environment_that_becomes_free_is_given_to_an_invocation_that_waits_for_another(
    function: MakeVersion, pool: MakePool, threads: ThreadPoolExecutor, tmp_path: Path
):
    """The other environment's initialization continues, for a later invocation."""
    folder, slow, runs = tmp_path / "waiting", tmp_path / "slow", tmp_path / "inits"
    folder.mkdir()
    runs.mkdir()
    version = function(
        f"""
        import pathlib, time
        (pathlib.Path({str(runs)!r}) / str(time.monotonic())).touch()
        while pathlib.Path({str(slow)!r}).exists():
            time.sleep(0.01)
        {textwrap.indent(textwrap.dedent(WAITING), " " * 8).strip()}
        """
    )
    tested = pool(initializing=1)
    first = threads.submit(answer, tested, version, folder=str(folder))
    awaited(lambda: list(folder.iterdir()))
    slow.touch()
    second = threads.submit(answer, tested, version)
    awaited(lambda: len(list(runs.iterdir())) == 2)
    (folder / "end").touch()
    try:
        assert second.result(60)["pid"] == first.result()["pid"]
    finally:
        slow.unlink()
    awaited(lambda: len(idle_environments(tested, version)) == 2)


def test_error_at_the_start_of_an_environment_is_raised_where_an_invocation_waits(
    function: MakeVersion, pool: MakePool, host: Host
):
    tested = pool()
    host.folder.mkdir()
    (host.folder / "environments").write_text("not a folder")
    with pytest.raises(NotADirectoryError):
        answer(tested, function(WAITING))
    (host.folder / "environments").unlink()
    assert "pid" in answer(tested, function(WAITING))


def test_environment_whose_initialization_raises_is_removed(
    function: MakeVersion, pool: MakePool, host: Host, monkeypatch: pytest.MonkeyPatch
):
    def initialize(_: ExecutionEnvironment) -> bool:
        raise OSError("too many open files")

    monkeypatch.setattr(ExecutionEnvironment, "initialize", initialize)
    with pytest.raises(OSError, match="too many open files"):
        pool().invoke(function("def handler(event, context): return event"), invocation())
    assert not list((host.folder / "environments").iterdir())
