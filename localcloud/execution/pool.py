"""The execution environments of all functions: one per concurrent invocation, and reused.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import contextlib
import itertools
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from localcloud.execution.concurrency import Concurrency, TooManyRequestsError
from localcloud.execution.environment import (
    ON_DEMAND,
    PROVISIONED,
    ExecutionEnvironment,
    Result,
)
from localcloud.execution.function_version import FunctionVersion, Host
from localcloud.execution.processes import ProcessKeeper
from localcloud.execution.runtime_api import Invocation
from localcloud.execution.time_limits import TimeLimits

_CLOSING_SECONDS: Final = 5
_RECYCLE_SECONDS: Final = 10

type WriteLog = Callable[[FunctionVersion, str, Sequence[str]], None]


@dataclass(eq=False)
class _Waiting:
    """An invocation that waits for an environment."""

    version: FunctionVersion
    environment: "Future[ExecutionEnvironment]" = field(default_factory=Future)
    needs_new_environment: bool = False  # no environment has become idle in time


class EnvironmentPool:
    """Gives each invocation an environment of its own while it runs; `close` ends them all.

    An invocation that finds no idle environment waits for one as long as the function's latest
    initialization took. Only then a new environment is initialized for it, because more
    environments than the processors can run cost memory and time. At most `initializing`
    environments initialize at once, by default one per processor and at least two: if too many
    initialized at the same time, all of them would exceed the time limit of the init phase.
    `write_log` gets the lines that an environment writes, in order, with its version and log
    stream.
    """

    def __init__(
        self,
        host: Host,
        concurrency: Concurrency,
        limits: TimeLimits,
        initializing: int | None = None,
        write_log: WriteLog = lambda *_: None,
    ) -> None:
        self._write_log = write_log
        self._host = host
        self._concurrency = concurrency
        self._limits = limits
        self._keeper = ProcessKeeper()
        self._initializing = threading.Semaphore(initializing or max(2, os.cpu_count() or 1))
        self._idle: dict[FunctionVersion, list[ExecutionEnvironment]] = {}
        self._provisioned: dict[FunctionVersion, int] = {}
        self._busy: set[ExecutionEnvironment] = set()
        self._waiting: list[_Waiting] = []
        self._begun: Counter[FunctionVersion] = Counter()
        self._init_seconds: dict[str, float] = {}
        self._changed = threading.Condition()
        self._closed = threading.Event()
        threading.Thread(target=self._recycle, name="recycle-environments", daemon=True).start()

    def invoke(self, version: FunctionVersion, invocation: Invocation) -> Result:
        """Run one event of a function version, in an idle environment or in a new one.

        Raises:
            TooManyRequestsError: a concurrency limit is reached.
        """
        with self._environment(version) as environment:
            result = environment.invoke(invocation)
            self._write_log(version, environment.log_stream, result.log)
            return result

    def provision(self, version: FunctionVersion, count: int) -> int:
        """Keep `count` initialized environments of a version; returns how many there are then.

        They are used before others, are initialized again when they end, and are not recycled.
        """
        self._concurrency.provision(version.function, version.version, count)
        with self._changed:
            self._provisioned[version] = count
            surplus = self._provisioned_of(version)[count:]
            idle = self._retire(surplus)
        for environment in idle:
            environment.close()
        while lacking := self._lacking(version):
            if not self._initialize(lacking):
                self._discard(lacking)
                break
            self._give_back(lacking)
        with self._changed:
            return len(self._provisioned_of(version))

    def prepare(self, version: FunctionVersion) -> bool:
        """Initialize an environment for a later invocation; whether it succeeded."""
        with self._changed:
            environment = self._create(version, ON_DEMAND)
        succeeded = self._initialize(environment)
        if succeeded:
            self._give_back(environment)
        else:
            self._discard(environment)
        return succeeded

    def retire(self, function: str, version: str | None = None) -> None:
        """End the environments of a function or version, each after its current invocation."""
        with self._changed:
            known = {*self._idle, *self._provisioned, *(each.version for each in self._busy)}
            retired = {
                each
                for each in known
                if each.function == function and version in (None, each.version)
            }
            provisioned = [each for each in retired if self._provisioned.pop(each, 0)]
            every = [*self._busy, *itertools.chain(*self._idle.values())]
            idle = self._retire([each for each in every if each.version in retired])
        for each in provisioned:
            self._concurrency.provision(each.function, each.version, 0)
        for environment in idle:
            environment.close()

    def close(self) -> None:
        """End all environments; running invocations fail."""
        self._closed.set()
        with self._changed:
            idle = self._retire([*itertools.chain(*self._idle.values())])
            busy = list(self._busy)
            for waiting in self._waiting:
                waiting.environment.set_result(self._create(waiting.version, ON_DEMAND))
            self._waiting.clear()
        for environment in busy:
            environment.kill()
        for environment in idle:
            environment.close()
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, _CLOSING_SECONDS)
        self._keeper.close()
        shutil.rmtree(self._host.folder / "environments", ignore_errors=True)

    @contextlib.contextmanager
    def _environment(self, version: FunctionVersion) -> Iterator[ExecutionEnvironment]:
        environment = self._take_idle(version)
        is_provisioned = bool(environment and environment.initialization_type == PROVISIONED)
        try:
            self._concurrency.acquire(version.function, provisioned=is_provisioned)
        except TooManyRequestsError:
            if environment:
                self._give_back(environment)
            raise
        try:
            if environment is None:
                environment = self._await_environment(version)
            yield environment
        finally:
            self._concurrency.release(version.function, provisioned=is_provisioned)
            if environment is not None:
                self._give_back(environment)

    def _await_environment(self, version: FunctionVersion) -> ExecutionEnvironment:
        """Wait for an environment: the invocation that has waited longest gets the next one."""
        with self._changed:
            if idle := self._take_idle(version):
                return idle
            if self._closed.is_set():
                return self._create(version, ON_DEMAND)
            waiting = _Waiting(version)
            self._waiting.append(waiting)
            init_seconds = self._init_seconds.get(version.function, 0)
        with contextlib.suppress(TimeoutError):
            return waiting.environment.result(init_seconds)
        with self._changed:
            waiting.needs_new_environment = True
            self._begin_initializations()
        return waiting.environment.result()

    def _begin_initializations(self) -> None:
        """Initialize one for each invocation that has waited long enough, within the limit."""
        wanted = Counter(each.version for each in self._waiting if each.needs_new_environment)
        for version, count in wanted.items():
            while self._begun[version] < count and self._initializing.acquire(blocking=False):
                self._begun[version] += 1
                threading.Thread(
                    target=self._initialize_for_waiting,
                    args=(version,),
                    name="initialize-environment",
                    daemon=True,
                ).start()

    def _initialize_for_waiting(self, version: FunctionVersion) -> None:
        """Initialize an environment; if it fails, the invocation that gets it tries again."""
        began = time.monotonic()
        environment: ExecutionEnvironment | None = None
        try:
            with self._changed:
                environment = self._create(version, ON_DEMAND)
            environment.initialize()
        except Exception as error:  # noqa: BLE001 - the waiting invocation raises it
            if environment:
                self._discard(environment)
            if waiting := self._next_waiting(version):
                waiting.environment.set_exception(error)
        else:
            self._init_seconds[version.function] = time.monotonic() - began
            self._give_back(environment)
        finally:
            self._initializing.release()
            with self._changed:
                self._begun[version] -= 1
                self._begin_initializations()

    def _next_waiting(self, version: FunctionVersion) -> _Waiting | None:
        """Remove and return the invocation that has waited longest."""
        with self._changed:
            for waiting in self._waiting:
                if waiting.version == version:
                    self._waiting.remove(waiting)
                    return waiting
        return None

    def _take_idle(self, version: FunctionVersion) -> ExecutionEnvironment | None:
        """A provisioned one if there is, else the one used last, which is most likely cached."""
        with self._changed:
            idle = self._idle.get(version)
            if not idle:
                return None
            environment = max(
                idle,
                key=lambda each: (
                    each.is_initialized,
                    each.initialization_type == PROVISIONED,
                    each.idle_since,
                ),
            )
            idle.remove(environment)
            self._busy.add(environment)
        return environment

    def _create(self, version: FunctionVersion, initialization_type: str) -> ExecutionEnvironment:
        environment = ExecutionEnvironment(
            version, self._host, self._keeper, self._limits, initialization_type
        )
        self._busy.add(environment)
        if self._closed.is_set():
            environment.kill()
        return environment

    def _give_back(self, environment: ExecutionEnvironment) -> None:
        """Keep it for the next invocation, which restarts the runtime if it has ended."""
        if environment.initialization_type == PROVISIONED and not environment.is_initialized:
            threading.Thread(target=self._restore, args=(environment,), daemon=True).start()
            return
        with self._changed:
            is_kept = not (environment.is_retired or self._closed.is_set())
            if is_kept and (waiting := self._next_waiting(environment.version)):
                waiting.environment.set_result(environment)
            elif is_kept:
                environment.freeze()
                self._idle.setdefault(environment.version, []).append(environment)
                self._busy.discard(environment)
                self._changed.notify_all()
        if not is_kept:
            self._discard(environment)

    def _restore(self, environment: ExecutionEnvironment) -> None:
        """Initialize a provisioned environment again, or discard it if that fails."""
        if self._closed.is_set() or environment.is_retired or not self._initialize(environment):
            self._discard(environment)
        else:
            self._give_back(environment)

    def _discard(self, environment: ExecutionEnvironment) -> None:
        environment.close()
        with self._changed:
            self._busy.discard(environment)
            self._changed.notify_all()

    def _initialize(self, environment: ExecutionEnvironment) -> bool:
        with self._initializing:
            succeeded = environment.initialize()
        with self._changed:
            self._begin_initializations()
        self._write_log(environment.version, environment.log_stream, environment.take_log())
        return succeeded

    def _lacking(self, version: FunctionVersion) -> ExecutionEnvironment | None:
        """A new environment, if fewer exist than are provisioned."""
        with self._changed:
            wanted = self._provisioned.get(version, 0)
            if self._closed.is_set() or len(self._provisioned_of(version)) >= wanted:
                return None
            return self._create(version, PROVISIONED)

    def _provisioned_of(self, version: FunctionVersion) -> list[ExecutionEnvironment]:
        of_version = [
            *self._idle.get(version, []),
            *(each for each in self._busy if each.version == version),
        ]
        return [
            each
            for each in of_version
            if each.initialization_type == PROVISIONED and not each.is_retired
        ]

    def _retire(self, environments: Iterable[ExecutionEnvironment]) -> list[ExecutionEnvironment]:
        """Mark them as retired, and remove the idle ones from the pool; the caller closes them."""
        taken = []
        for environment in environments:
            environment.is_retired = True
            idle = self._idle.get(environment.version, [])
            if environment in idle:
                idle.remove(environment)
                taken.append(environment)
            if not idle:
                self._idle.pop(environment.version, None)
        return taken

    def _recycle(self) -> None:
        limit = self._limits.of_idle_environment
        while not self._closed.wait(min(limit / 2, _RECYCLE_SECONDS)):
            oldest = time.monotonic() - limit
            with self._changed:
                recycled = self._retire(
                    [
                        each
                        for each in itertools.chain(*self._idle.values())
                        if each.initialization_type == ON_DEMAND
                        and each.idle_since < oldest
                        and not each.version.debugger
                    ]
                )
            for environment in recycled:
                environment.close()
