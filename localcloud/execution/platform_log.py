"""The lines that Lambda itself writes into a function's log: text, or JSON if the function says so.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from localcloud.execution.function_version import FunctionVersion

TIMED_OUT: Final = "Sandbox.Timedout"
_LEVELS: Final = ("DEBUG", "INFO", "WARN")


@dataclass(frozen=True)
class InvocationEnd:
    """How an invocation ended, and the time and memory that it used.

    `init_seconds` is the time of an init phase before it, which is billed too. `error_type` is
    empty unless the runtime ended or was killed. `raised` says whether the handler raised instead
    of returning.
    """

    request_id: str
    seconds: float
    init_seconds: float | None
    used_mb: float
    error_type: str = ""
    raised: bool = False

    @property
    def billed_ms(self) -> int:
        return math.ceil((self.seconds + (self.init_seconds or 0)) * 1000)


class PlatformLog(Protocol):
    """Lambda's own lines for one execution environment.

    `phase` is `init` or `invoke`. `error_type` is empty unless the runtime ended or was killed.
    """

    def init_start(self, phase: str) -> list[str]: ...

    def init_end(self, seconds: float, phase: str, error_type: str = "") -> list[str]: ...

    def start(self, request_id: str, function_arn: str) -> list[str]: ...

    def timed_out(self, request_id: str) -> list[str]: ...

    def end(self, ended: InvocationEnd) -> list[str]: ...


def platform_log(
    version: FunctionVersion, initialization_type: str, log_stream: str
) -> PlatformLog:
    """The platform log in the format of the function's LoggingConfig."""
    if version.log_format == "JSON":
        return _JsonLog(version, initialization_type, log_stream)
    return _TextLog(version)


class _TextLog:
    def __init__(self, version: FunctionVersion) -> None:
        self._version = version

    def init_start(self, phase: str) -> list[str]:  # noqa: ARG002 - the text does not say it
        return [f"INIT_START Runtime Version: {self._version.runtime}"]

    def init_end(self, seconds: float, phase: str, error_type: str = "") -> list[str]:
        if not error_type:
            return []
        status = "timeout" if error_type == TIMED_OUT else f"error\tError Type: {error_type}"
        milliseconds = f"{seconds * 1000:.2f} ms"
        return [f"INIT_REPORT Init Duration: {milliseconds}\tPhase: {phase}\tStatus: {status}"]

    def start(self, request_id: str, function_arn: str) -> list[str]:  # noqa: ARG002 - as above
        return [f"START RequestId: {request_id} Version: {self._version.version}"]

    def timed_out(self, request_id: str) -> list[str]:
        seconds = f"{self._version.timeout_seconds:.2f} seconds"
        return [f"{_now()} {request_id} Task timed out after {seconds}"]

    def end(self, ended: InvocationEnd) -> list[str]:
        fields = [
            f"REPORT RequestId: {ended.request_id}",
            f"Duration: {ended.seconds * 1000:.2f} ms",
            f"Billed Duration: {ended.billed_ms} ms",
            f"Memory Size: {self._version.memory_mb} MB",
            f"Max Memory Used: {math.ceil(ended.used_mb)} MB",
        ]
        if ended.init_seconds is not None:
            fields.append(f"Init Duration: {ended.init_seconds * 1000:.2f} ms")
        if ended.error_type == TIMED_OUT:
            fields.append("Status: timeout")
        elif ended.error_type:
            fields += ["Status: error", f"Error Type: {ended.error_type}"]
        return [f"END RequestId: {ended.request_id}", "\t".join(fields)]


class _JsonLog:
    def __init__(self, version: FunctionVersion, initialization_type: str, log_stream: str) -> None:
        self._version = version
        self._initialization_type = initialization_type
        self._log_stream = log_stream

    def init_start(self, phase: str) -> list[str]:
        record = {
            "initializationType": self._initialization_type,
            "phase": phase,
            "runtimeVersion": self._version.runtime,
            "functionName": self._version.name,
            "functionVersion": self._version.version,
            "instanceId": self._log_stream,
            "instanceMaxMemory": self._version.memory_mb * 2**20,
        }
        return self._event("INFO", "initStart", record)

    def init_end(self, seconds: float, phase: str, error_type: str = "") -> list[str]:
        record = {
            "initializationType": self._initialization_type,
            "phase": phase,
            **_status(error_type),
        }
        report = {**record, "metrics": {"durationMs": round(seconds * 1000, 3)}}
        is_on_demand = self._initialization_type == "on-demand"
        level_of_success = "DEBUG" if is_on_demand else "INFO"
        return [
            *self._event("WARN" if error_type else "DEBUG", "initRuntimeDone", record),
            *self._event("WARN" if error_type else level_of_success, "initReport", report),
        ]

    def start(self, request_id: str, function_arn: str) -> list[str]:
        record = {
            "requestId": request_id,
            "functionArn": function_arn,
            "version": self._version.version,
        }
        return self._event("INFO", "start", record)

    def timed_out(self, request_id: str) -> list[str]:  # noqa: ARG002 - the report says it
        return []

    def end(self, ended: InvocationEnd) -> list[str]:
        metrics = {
            "durationMs": round(ended.seconds * 1000, 3),
            "billedDurationMs": ended.billed_ms,
            "memorySizeMB": self._version.memory_mb,
            "maxMemoryUsedMB": math.ceil(ended.used_mb),
        }
        if ended.init_seconds is not None:
            metrics["initDurationMs"] = round(ended.init_seconds * 1000, 3)
        status = _status(ended.error_type, raised=ended.raised)
        done = {
            "requestId": ended.request_id,
            **status,
            "metrics": {"durationMs": metrics["durationMs"]},
        }
        report = {"requestId": ended.request_id, "metrics": metrics, **status}
        failed = ended.error_type or ended.raised
        return [
            *self._event("WARN" if failed else "DEBUG", "runtimeDone", done),
            *self._event("WARN" if failed else "INFO", "report", report),
        ]

    def _event(self, level: str, name: str, record: dict[str, Any]) -> list[str]:
        """The line of an event, if the function's system log level includes it."""
        least = self._version.system_log_level or "INFO"
        if _LEVELS.index(level) < _LEVELS.index(least):
            return []
        event = {"time": _now(), "type": f"platform.{name}", "record": record}
        return [json.dumps(event, separators=(",", ":"))]


def _status(error_type: str, *, raised: bool = False) -> dict[str, str]:
    if error_type == TIMED_OUT:
        return {"status": "timeout"}
    if error_type:
        return {"status": "error", "errorType": error_type}
    return {"status": "error" if raised else "success"}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
