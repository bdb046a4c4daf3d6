"""Sends the metrics of ministack's services to its CloudWatch, as AWS's services do.

ministack itself counts only invocations by Lambda's Invoke API, and reads no metrics from logs. It
has no extension point, so `install` wraps its functions. If another version lacks one of them, the
start fails and names it.
"""

import functools
import json
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final

from ministack.services import (
    apigateway_v1,
    cloudwatch,
    cloudwatch_logs,
    kinesis,
    lambda_svc,
    sqs,
    stepfunctions,
)

from localcloud.ministack.service_metrics import (
    Datum,
    MeasuredInvocation,
    of_answer,
    of_invocation,
    of_log_line,
)

_QUEUE_SECONDS: Final = 5.0  # once a minute on AWS
_EXECUTIONS: Final = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}
_lock: Final = threading.Lock()
_queued: Final[ContextVar[float | None]] = ContextVar("queued", default=None)

type Around = Callable[..., Any]
type Running = Callable[[Any], int]


def install(running: Running) -> None:
    """Wrap ministack's functions, before it serves.

    `running` counts the other invocations of a function.

    Raises:
        AttributeError: this version of ministack lacks something that is needed here.
    """
    for module, name, around in (
        (lambda_svc, "_execute_function_dispatch", functools.partial(_dispatched, running)),
        (lambda_svc, "invoke_async_with_retry", _queued_event),
        (lambda_svc, "_emit_lambda_metrics", _own_metrics),
        (cloudwatch_logs, "_append_log_events", _logged),
        (apigateway_v1, "handle_execute", _requested),
        (kinesis, "_put_record", _recorded),
        (kinesis, "_put_records", _recorded),
        (stepfunctions, "_emit_execution_status_event", _executed),
    ):
        setattr(module, name, functools.partial(around, getattr(module, name)))
    threading.Thread(target=_watch_queues, name="queue-metrics", daemon=True).start()


def _put(data: Iterable[Datum]) -> None:
    """Store data without PutMetricData, which evaluates alarms without their dimensions."""
    with _lock:
        for namespace, name, value, unit, dimensions, at in data:
            cloudwatch._store_datum(  # noqa: SLF001
                namespace, name, dimensions, at, unit, value, None, None, None
            )


def _dispatched(
    running: Running, run: Around, function: Any, config: Any, event: Any, *rest: Any
) -> Any:
    began = time.time()
    result = run(function, config, event, *rest)
    invocation = MeasuredInvocation(
        function=config["FunctionName"],
        event=event,
        began=began,
        ended=time.time(),
        concurrent=running(config) + 1,
        failed=bool(result.get("error")),
        queued=_queued.get(),
    )
    _put(of_invocation(invocation))
    return result


def _queued_event(invoke: Around, *arguments: Any) -> Any:
    token = _queued.set(time.time())  # a context variable: the retrying thread inherits it
    try:
        return invoke(*arguments)
    finally:
        _queued.reset(token)


def _own_metrics(_: Around, function: str, **numbers: Any) -> None:
    """Count throttled invocations only; all others are counted where they run."""
    if numbers["throttle"] and not numbers["duration_ms"]:
        of_function = {"FunctionName": function}
        _put([Datum("AWS/Lambda", "Throttles", 1, "Count", of_function, time.time())])


def _logged(append: Around, stream: Any, events: Any) -> Any:
    _put(datum for event in events for datum in of_log_line(event["message"]))
    return append(stream, events)


async def _requested(execute: Around, api_id: str, stage: str, *rest: Any) -> Any:
    began = time.time()
    result = await execute(api_id, stage, *rest)
    if scope := apigateway_v1.find_api_scope(api_id):
        name = apigateway_v1._rest_apis.get_scoped(*scope, api_id)["name"]  # noqa: SLF001
        _put(of_answer(name, stage, result[0], began, time.time()))
    return result


def _recorded(store: Around, data: Any) -> Any:
    result = store(data)
    if result[0] == 200:
        refused = json.loads(result[2]).get("FailedRecordCount", 0)
        count = len(data.get("Records", [data])) - refused
        name = data.get("StreamName") or data["StreamARN"].rpartition("/")[2]
        of_stream = {"StreamName": name}
        _put([Datum("AWS/Kinesis", "IncomingRecords", count, "Count", of_stream, time.time())])
    return result


def _executed(emit: Around, execution: Any) -> Any:
    of_machine = {"StateMachineArn": execution["stateMachineArn"]}
    name = _EXECUTIONS[execution["status"]]
    _put([Datum("AWS/States", name, 1, "Count", of_machine, time.time())])
    return emit(execution)


def _watch_queues() -> None:
    name = "ApproximateNumberOfMessagesVisible"
    while True:
        now = time.time()
        for queue in list(sqs._queues.values()):  # noqa: SLF001 - other threads change it
            count = sum(message["visible_at"] <= now for message in list(queue["messages"]))
            _put([Datum("AWS/SQS", name, count, "Count", {"QueueName": queue["name"]}, now)])
        time.sleep(_QUEUE_SECONDS)
