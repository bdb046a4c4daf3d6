"""One execution environment: initialized, invoked with one event at a time, and then frozen.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import contextlib
import os
import shutil
import signal
import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from localcloud.execution import debugging
from localcloud.execution.function_version import (
    FunctionVersion,
    Host,
    command,
    environment_variables,
)
from localcloud.execution.memory_limits import memory_limit
from localcloud.execution.platform_log import TIMED_OUT, InvocationEnd, platform_log
from localcloud.execution.processes import FunctionProcess, ProcessKeeper
from localcloud.execution.runtime_api import (
    Failed,
    InitFailed,
    Invocation,
    Polled,
    Responded,
    RuntimeApi,
    RuntimeEvent,
    error_document,
)
from localcloud.execution.time_limits import TimeLimits

ON_DEMAND: Final = "on-demand"
PROVISIONED: Final = "provisioned-concurrency"
OUT_OF_MEMORY: Final = "Runtime.OutOfMemory"
EXITED: Final = "Runtime.ExitError"
_CHECK_SECONDS: Final = 0.1  # how often memory, storage and process are checked
_KEPT_OUTPUT: Final = 2**20


@dataclass(frozen=True)
class Result:
    """The result of an invocation; `log` has the lines written during it, and Lambda's own.

    `function_error` is what Lambda answers as X-Amz-Function-Error, empty if there was none.
    `error_type` is set if the runtime ended, or was killed, instead of answering.
    """

    payload: bytes
    function_error: str
    error_type: str
    log: tuple[str, ...]
    seconds: float
    init_seconds: float | None


@dataclass(frozen=True)
class _Ended:
    """The runtime process has ended."""

    error_type: str
    message: str
    payload: bytes | None = None


_OUT_OF_MEMORY_KILL: Final = _Ended(OUT_OF_MEMORY, "Runtime exited with error: signal: killed")


class ExecutionEnvironment:
    """A process, its Runtime API and its /tmp; used by one thread at a time."""

    def __init__(
        self,
        version: FunctionVersion,
        host: Host,
        keeper: ProcessKeeper,
        limits: TimeLimits,
        initialization_type: str = ON_DEMAND,
    ) -> None:
        self.version = version
        self.initialization_type = initialization_type
        self.log_stream = _log_stream(version)
        self._lambda_log = platform_log(version, initialization_type, self.log_stream)
        self.idle_since = time.monotonic()
        self.is_retired = False
        self._host = host
        self._keeper = keeper
        self._limits = limits
        name = uuid.uuid4().hex
        self._folder = host.folder / "environments" / name
        self._temporary = self._folder / "tmp"
        self._temporary.mkdir(parents=True)
        self._output = _Output(self._folder / "output.log")
        self._process: FunctionProcess | None = None
        self._api: RuntimeApi | None = None
        self._init_seconds: float | None = None
        self._log: list[str] = []
        self._is_killed = False
        # A debugger takes time and memory, which the function's limits do not count.
        self._is_debugged = version.debugger is not None
        self._memory = memory_limit(
            host.cgroups, name, None if self._is_debugged else version.memory_mb
        )

    @property
    def is_initialized(self) -> bool:
        """Whether a runtime waits for an invocation."""
        return self._process is not None and self._process.exit_status is None

    @property
    def pid(self) -> int | None:
        """The process id of the runtime; None if there is no runtime."""
        return self._process.pid if self._process else None

    def initialize(self) -> bool:
        """The init phase, before the first invocation; if it fails, `invoke` repeats it."""
        is_provisioned = self.initialization_type == PROVISIONED
        timeout = self.version.timeout_seconds
        limit = self._limits.of_init(provisioned=is_provisioned, timeout=timeout)
        began = time.monotonic()
        ended = self._start(began + (debugging.SECONDS if self._is_debugged else limit), "init")
        if ended is None and not is_provisioned:
            self._init_seconds = time.monotonic() - began
        return ended is None

    def invoke(self, invocation: Invocation) -> Result:
        """Run one event; the init phase runs first if it has not succeeded before."""
        began = time.monotonic()
        limit = self._limits.of_invocation(self.version.timeout_seconds)
        deadline = began + (debugging.SECONDS if self._is_debugged else limit)
        ended = None if self.is_initialized else self._start(deadline, "invoke")
        self._log += self._lambda_log.start(invocation.request_id, invocation.function_arn)
        if ended:
            return self._result(invocation, ended, began)
        process, api = self._runtime
        process.thaw()
        remaining_ms = (deadline - time.monotonic()) * 1000
        api.deliver(replace(invocation, deadline_ms=int(time.time() * 1000 + remaining_ms)))
        outcome = self._until_polled(deadline)
        if isinstance(outcome, _Ended):
            self._end_runtime()
        return self._result(invocation, outcome, began)

    def freeze(self) -> None:
        """Stop the runtime until the next invocation."""
        if self._process and not self._is_debugged:  # a debugger also asks between invocations
            self._process.freeze()
            self._output.shorten()

    def take_log(self) -> list[str]:
        """The lines that are not in a result yet: those of an initialization."""
        log, self._log = self._log, []
        return log

    def kill(self) -> None:
        """End the runtime for good. Any thread may call it; a running invocation then fails."""
        self._is_killed = True
        if process := self._process:
            process.end()

    def close(self) -> None:
        """End the runtime and delete /tmp."""
        self._end_runtime()
        self._memory.close()
        self._output.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _runtime(self) -> tuple[FunctionProcess, RuntimeApi]:
        if self._process is None or self._api is None:
            raise RuntimeError("The execution environment has no runtime; start one first.")
        return self._process, self._api

    def _start(self, deadline: float, phase: str) -> _Ended | None:
        """Start a runtime and wait until it polls; returns what ended it if it did not."""
        self._end_runtime()
        began = time.monotonic()
        self._log += self._lambda_log.init_start(phase)
        ended = self._launch() or self._await_first_poll(deadline)
        if ended:
            self._end_runtime()
        self._log += self._output.take()
        seconds = time.monotonic() - began
        error_type = ended.error_type if ended else ""
        self._log += self._lambda_log.init_end(seconds, phase, error_type)
        return ended

    def _launch(self) -> _Ended | None:
        try:
            runtime = command(self.version, self._host)
        except FileNotFoundError as error:
            return _Ended("Runtime.InvalidEntrypoint", str(error))
        self._api = RuntimeApi()
        variables = environment_variables(
            self.version,
            self._host,
            api=self._api.address,
            log_stream=self.log_stream,
            initialization_type=self.initialization_type,
            temporary_folder=self._temporary,
        )
        try:
            self._process = FunctionProcess(
                self._memory.starting(runtime),
                self.version.task_folder,
                variables,
                self._output.path,
                self._keeper,
            )
        except OSError as error:  # a bootstrap that cannot be executed
            return _Ended("Runtime.InvalidEntrypoint", f"fork/exec {runtime[-1]}: {error}")
        if self._is_killed:
            self._process.end()
        return None

    def _await_first_poll(self, deadline: float) -> _Ended | None:
        match self._event(deadline):
            case Polled():
                return None
            case InitFailed(payload, error_type):
                return _Ended(error_type, "", payload)
            case _Ended() as ended:
                return ended
            case unexpected:
                return _Ended(EXITED, f"Unexpected at initialization: {unexpected}")

    def _until_polled(self, deadline: float) -> Responded | Failed | _Ended:
        """The result, once the runtime asks for the next invocation, which ends this one."""
        result: Responded | Failed | None = None
        while True:
            match self._event(deadline):
                case Responded() | Failed() as answer:
                    result = answer
                case Polled():
                    if self._memory.was_exceeded(self._runtime[0]):
                        return _OUT_OF_MEMORY_KILL
                    if result:
                        return result
                    return _Ended(EXITED, "Runtime asked for the next event without an answer")
                case InitFailed():
                    continue  # Lambda accepts it before the first poll only
                case _Ended() as ended:
                    if result and ended.error_type == EXITED:
                        self._end_runtime()
                        return result  # it answered first; the next invocation starts another
                    return ended

    def _event(self, deadline: float) -> RuntimeEvent | _Ended:
        """The next event of the runtime, or what ended it: exit, time, memory or storage."""
        _, api = self._runtime
        while True:
            remaining = deadline - time.monotonic()
            if event := api.event(min(remaining, _CHECK_SECONDS)):
                return event
            # Before is_exceeded: if the kernel killed it for its memory, the cgroup then says so.
            ended = self._exit()
            if self._memory.is_exceeded(self._runtime[0]):
                return _OUT_OF_MEMORY_KILL
            if ended:
                # The runtime may have reported a result before it ended.
                return api.event(0) or ended
            if (stored := _megabytes(self._temporary)) > self.version.storage_mb:
                return _Ended(EXITED, _storage_exceeded(stored, self.version.storage_mb))
            if remaining <= 0:
                return _Ended(TIMED_OUT, "")

    def _exit(self) -> _Ended | None:
        status = self._runtime[0].exit_status
        if status is None:
            return None
        if status == 0:
            return _Ended(EXITED, "Runtime exited without providing a reason")
        if status < 0:
            name = signal.strsignal(-status) or str(-status)
            return _Ended(EXITED, f"Runtime exited with error: signal: {name.lower()}")
        return _Ended(EXITED, f"Runtime exited with error: exit status {status}")

    def _result(
        self, invocation: Invocation, outcome: Responded | Failed | _Ended, began: float
    ) -> Result:
        seconds = time.monotonic() - began
        request_id = invocation.request_id
        self._log += self._output.take()
        error_type = ""
        match outcome:
            case Responded(payload):
                function_error = ""
            case Failed(payload):
                function_error = "Unhandled"
            case _Ended(error_type, message, of_runtime):
                function_error = "Unhandled"
                timeout = self.version.timeout_seconds
                if error_type == TIMED_OUT:
                    message = f"Task timed out after {timeout:.2f} seconds"
                    self._log += self._lambda_log.timed_out(request_id)
                elif not of_runtime:
                    self._log.append(f"RequestId: {request_id} Error: {message}\n{error_type}")
                payload = of_runtime or error_document(
                    error_type, f"RequestId: {request_id} Error: {message}"
                )
        self._log += self._lambda_log.end(
            InvocationEnd(
                request_id=request_id,
                seconds=seconds,
                init_seconds=self._init_seconds,
                used_mb=self._memory.used_mb(),
                error_type=error_type,
                raised=isinstance(outcome, Failed),
            )
        )
        result = Result(
            payload=payload,
            function_error=function_error,
            error_type=error_type,
            log=tuple(self.take_log()),
            seconds=seconds,
            init_seconds=self._init_seconds,
        )
        self._init_seconds = None
        self.idle_since = time.monotonic()
        return result

    def _end_runtime(self) -> None:
        if self._process:
            self._process.end()
            self._memory.end()
            self._process = None
        if self._api:
            self._api.close()
            self._api = None


class _Output:
    """The file that a runtime and its children write to, read to its end after each invocation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        path.touch()
        self._file = path.open("rb", buffering=0)

    def close(self) -> None:
        self._file.close()

    def take(self) -> list[str]:
        """The lines that were written since the last call."""
        self._file.seek(self._offset)
        written = self._file.readall()
        self._offset += len(written)
        text = written.decode(errors="replace")
        # awslambdaric separates the lines of one entry by carriage returns.
        return [line.replace("\r", "\n") for line in text.split("\n") if line.strip()]

    def shorten(self) -> None:
        """Empty the file if it is large and was read to its end; no process may write to it now."""
        if self._offset > _KEPT_OUTPUT and self._offset == self.path.stat().st_size:
            os.truncate(self.path, 0)
            self._offset = 0


def _log_stream(version: FunctionVersion) -> str:
    """As Lambda names it: with the function's name, unless the log group is the function's own."""
    name = "" if version.log_group == f"/aws/lambda/{version.name}" else version.name
    return f"{datetime.now(UTC):%Y/%m/%d}/{name}[{version.version}]{uuid.uuid4().hex}"


def _megabytes(folder: Path) -> float:
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # deleted meanwhile
            size += path.lstat().st_size
    return size / 2**20


def _storage_exceeded(stored: float, limit: int) -> str:
    return (
        f"/tmp holds {stored:.0f} MB, more than EphemeralStorage's {limit} MB."  # noqa: S108
        " Lambda would have refused the write."
    )
