"""Durable executions by Lambda's rules; runs inside ministack's process.

ministack starts one only for a function whose DurableConfig has a member `Enabled`, which Lambda's
has not. It does not resume an asynchronous execution, does not repeat an invocation that failed,
does not count the retries of a step, and resumes an execution for a callback although its function
still runs. Checkpoints, timers and the history are ministack's.
https://docs.aws.amazon.com/lambda/latest/dg/durable-execution-sdk-retries.html
"""

import contextvars
import json
import math
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from ministack.core.concurrency import run_reentrant
from ministack.core.responses import error_response_json, new_uuid
from ministack.services import lambda_durable, lambda_svc

type Json = dict[str, Any]

_ATTEMPTS: Final = 6  # in a row, as in AWS's testing package; Lambda's number is not documented
_WAIT_SECONDS: Final = 1.0  # like the first retry of an asynchronous invocation
_STATUSES: Final = ("SUCCEEDED", "FAILED", "PENDING")
_NO_ERROR: Final = {"ErrorType": "Unknown", "ErrorMessage": ""}  # ministack takes {} for success

_invoked: Final[set[str]] = set()  # the ARNs of executions whose function runs or is invoked again


def install() -> None:
    """Replace how ministack starts and resumes durable executions.

    Raises:
        AttributeError: this version of ministack lacks something that is needed here.
    """
    invoke, invoke_later = lambda_svc._invoke, lambda_svc.invoke_async_with_retry  # noqa: SLF001
    apply_update = lambda_durable._apply_update  # noqa: SLF001
    resume = lambda_durable._resume_execution  # noqa: SLF001

    async def invoke_durable(
        name: str,
        event: Any,
        headers: Mapping[str, str],
        path_qualifier: str | None = None,
        query_params: Mapping[str, Any] | None = None,
    ) -> Any:
        qualifier = path_qualifier or lambda_svc._qp_first(query_params or {}, "Qualifier")  # noqa: SLF001
        _, config = lambda_svc._get_func_record_for_qualifier(name, qualifier or None)  # noqa: SLF001
        kind = headers.get("x-amz-invocation-type")
        if not _is_durable(config) or kind == "DryRun":
            return await invoke(name, event, headers, path_qualifier, query_params)
        execution_name = headers.get("x-amz-durable-execution-name")
        execution = _of_name(config, execution_name) or _start(config, event, execution_name)
        if execution["InputPayload"] != json.dumps(event):
            message = f"{execution_name} was started with another input."
            return error_response_json("DurableExecutionAlreadyStartedException", message, 409)
        if kind == "Event":
            return 202, _headers(execution), b""
        await run_reentrant(_wait, execution)
        return _answer(execution)

    def invoke_durable_later(function: Json, event: Any) -> None:
        config = function.get("config") or function
        if _is_durable(config):
            _start(config, event)
        else:
            invoke_later(function, event)

    def apply_update_of_retry(execution: Json, update: Json) -> None:
        apply_update(execution, update)
        if update["Type"] != "STEP":
            return
        [step] = [each for each in execution["Operations"] if each["Id"] == update["Id"]]
        if update["Action"] == "RETRY":
            step["StepDetails"]["Attempt"] += 1
        elif update["Action"] == "START":
            step["StepDetails"].pop("NextAttemptTimestamp", None)

    def resume_between_invocations(arn: str, *scope: str) -> None:
        execution = lambda_durable._executions.get(arn) or {}  # noqa: SLF001
        is_over = time.time() >= execution.get("_TimeoutDeadline", math.inf)
        if is_over or arn not in _invoked:  # else what is due is scheduled after the invocation
            resume(arn, *scope)

    lambda_svc._invoke = invoke_durable  # noqa: SLF001
    lambda_svc.invoke_async_with_retry = invoke_durable_later
    lambda_svc.invoke_durable_resume = lambda _name, arn, _event: _continue(
        lambda_durable._executions[arn]  # noqa: SLF001
    )
    lambda_durable._apply_update = apply_update_of_retry  # noqa: SLF001
    lambda_durable._resume_execution = resume_between_invocations  # noqa: SLF001


def _is_durable(config: Json | None) -> bool:
    return bool(config and config.get("DurableConfig"))


def _of_name(config: Json, name: str | None) -> Json | None:
    """The execution that has this name already."""
    function = lambda_svc._func_arn(config["FunctionName"])  # noqa: SLF001
    for execution in list(lambda_durable._executions.values()):  # noqa: SLF001
        if (execution["FunctionArn"], execution["DurableExecutionName"]) == (function, name):
            found: Json = execution
            return found
    return None


def _start(config: Json, event: Any, name: str | None = None) -> Json:
    execution: Json = lambda_durable.create_execution_for_invoke(
        lambda_svc._func_arn(config["FunctionName"]),  # noqa: SLF001
        config.get("Version", "$LATEST"),
        json.dumps(event),
        name,
        execution_timeout=config["DurableConfig"].get("ExecutionTimeout"),
    )
    _continue(execution)
    return execution


def _continue(execution: Json) -> None:
    """Invoke the function in the background until the execution waits or ends."""
    _invoked.add(execution["DurableExecutionArn"])
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_invoke, execution), daemon=True).start()


def _invoke(execution: Json) -> None:
    arn = execution["DurableExecutionArn"]
    try:
        output = _output(execution)
    finally:
        _invoked.discard(arn)
    match output["Status"]:
        case "PENDING":
            lambda_durable.schedule_resume(arn)
        case "SUCCEEDED":
            lambda_durable.mark_execution_completed(arn, output.get("Result"), None)
        case _:
            lambda_durable.mark_execution_completed(arn, None, output.get("Error") or _NO_ERROR)


def _output(execution: Json) -> Json:
    """What the function returns; a failure if it has failed too often, or the execution ended."""
    arn = execution["DurableExecutionArn"]
    failure: Json = {"Status": "FAILED"}
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_WAIT_SECONDS)
        if execution["Status"] != "RUNNING":
            break
        started, result = time.time(), _invoke_once(execution)
        error = _error(result)
        lambda_durable.record_invocation_completed(arn, started, new_uuid(), error)
        if error is None:
            output: Json = result["body"]
            return output
        failure["Error"] = error
    return failure


def _invoke_once(execution: Json) -> Json:
    name = execution["FunctionArn"].rsplit(":", 1)[-1]
    function, _ = lambda_svc._get_func_record_for_qualifier(name, execution["Version"])  # noqa: SLF001
    if function is None:
        message = f"The function {name} does not exist."
        return {"error": True, "body": {"errorType": "NotFound", "errorMessage": message}}
    # From now on an earlier invocation, if it still runs, can write no checkpoint.
    execution["CheckpointToken"] = lambda_durable.new_checkpoint_token()
    event = {
        "DurableExecutionArn": execution["DurableExecutionArn"],
        "CheckpointToken": execution["CheckpointToken"],
        "InitialExecutionState": {"Operations": _operations(execution), "NextMarker": ""},
    }
    try:
        result: Json = lambda_svc._execute_function(function, event)  # noqa: SLF001
    except OSError as error:  # no environment can be created
        return {"error": True, "body": {"errorType": "OSError", "errorMessage": str(error)}}
    return result


def _operations(execution: Json) -> list[Json]:
    """The operations as the SDK reads them: a step that has failed is PENDING, then READY."""
    operations: list[Json] = lambda_durable._serialize_operations(  # noqa: SLF001
        execution["Operations"], for_event=True
    )
    for operation in operations:
        next_attempt = operation.get("StepDetails", {}).get("NextAttemptTimestamp")
        if next_attempt and operation["Status"] == "STARTED":
            operation["Status"] = "READY" if next_attempt <= time.time() * 1000 else "PENDING"
    return operations


def _error(result: Json) -> Json | None:
    """Why an invocation failed, if it did: also if the handler is not one of a durable function."""
    body = result.get("body")
    output: Json = body if isinstance(body, dict) else {}
    if result.get("error") or result.get("throttle"):
        return {
            "ErrorType": output.get("errorType", "Unknown"),
            "ErrorMessage": output.get("errorMessage", str(body)),
        }
    if output.get("Status") in _STATUSES:
        return None
    message = "The handler returned no status of a durable execution: is it decorated?"
    return {"ErrorType": "InvalidParameterValueException", "ErrorMessage": message}


def _wait(execution: Json) -> None:
    while execution["Status"] == "RUNNING":
        time.sleep(0.05)


def _headers(execution: Json) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-Amz-Executed-Version": execution["Version"],
        "X-Amz-Durable-Execution-Arn": execution["DurableExecutionArn"],
    }


def _answer(execution: Json) -> tuple[int, dict[str, str], bytes]:
    """What the synchronous caller gets: the result, or the error, of the whole execution."""
    if execution["Status"] == "SUCCEEDED":
        return 200, _headers(execution), (execution["Result"] or "null").encode()
    error = execution["Error"] or {}
    body = {
        "errorType": error.get("ErrorType", execution["Status"]),
        "errorMessage": error.get("ErrorMessage", ""),
    }
    headers = _headers(execution) | {"X-Amz-Function-Error": "Unhandled"}
    return 200, headers, json.dumps(body).encode()
