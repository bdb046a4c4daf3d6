"""The lines that Lambda itself writes into a function's log.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import math
from datetime import UTC, datetime


def init_start(runtime: str) -> str:
    return f"INIT_START Runtime Version: {runtime}"


def init_report(seconds: float, phase: str, error_type: str) -> str:
    """Of an initialization that failed; `phase` is `init` or `invoke`."""
    status = "timeout" if error_type == "Sandbox.Timedout" else f"error\tError Type: {error_type}"
    return f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: {phase}\tStatus: {status}"


def start(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}"


def end(request_id: str) -> str:
    return f"END RequestId: {request_id}"


def report(
    request_id: str,
    *,
    seconds: float,
    init_seconds: float | None,
    memory_mb: int,
    used_mb: float,
    error_type: str = "",
) -> str:
    """What an invocation took; the time of an init phase is billed too.

    `error_type` is set where the runtime ended or was ended, not where the handler raised.
    """
    billed = math.ceil((seconds + (init_seconds or 0)) * 1000)
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {seconds * 1000:.2f} ms",
        f"Billed Duration: {billed} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {math.ceil(used_mb)} MB",
    ]
    if init_seconds is not None:
        fields.append(f"Init Duration: {init_seconds * 1000:.2f} ms")
    if error_type == "Sandbox.Timedout":
        fields.append("Status: timeout")
    elif error_type:
        fields += ["Status: error", f"Error Type: {error_type}"]
    return "\t".join(fields)


def timed_out(request_id: str, timeout_seconds: float, at: datetime | None = None) -> str:
    time = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return f"{time}Z {request_id} Task timed out after {timeout_seconds:.2f} seconds"
