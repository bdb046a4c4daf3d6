"""The metrics that AWS's services send to CloudWatch, computed without ministack.

It runs inside ministack's process, which has only the standard library and ministack.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

_ARRIVALS: Final = {
    "kinesis": "approximateArrivalTimestamp",
    "dynamodb": "ApproximateCreationDateTime",
}


class Datum(NamedTuple):
    """A value of a metric; `at` in seconds since 1970."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: dict[str, str]
    at: float


class MeasuredInvocation(NamedTuple):
    """One invocation, in seconds since 1970; `queued` is the time when Lambda queued the event."""

    function: str
    event: object
    began: float
    ended: float
    concurrent: int
    failed: bool
    queued: float | None = None


def of_log_line(line: str) -> list[Datum]:
    """The metrics of a log line in the embedded metric format; none for any other line.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    if '"CloudWatchMetrics"' not in line:
        return []
    try:
        blob = json.loads(line)
        return list(_embedded(blob, blob["_aws"]))
    except (ValueError, KeyError, TypeError):
        return []  # as CloudWatch does; the line stays in the log


def _embedded(blob: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[Datum]:
    for directive in metadata["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: str(blob[name]) for name in names}
            for metric in directive["Metrics"]:
                name, unit = metric["Name"], metric.get("Unit", "None")
                for value in blob[name] if isinstance(blob[name], list) else [blob[name]]:
                    at = metadata["Timestamp"] / 1000
                    yield Datum(directive["Namespace"], name, float(value), unit, dimensions, at)


def of_invocation(invocation: MeasuredInvocation) -> list[Datum]:
    """Lambda's metrics of an invocation: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    began = invocation.began
    counts = {
        "Invocations": 1,
        "Errors": int(invocation.failed),
        "Throttles": 0,
        "ConcurrentExecutions": invocation.concurrent,
    }
    times = {"Duration": invocation.ended - began}
    if invocation.queued is not None:
        times["AsyncEventAge"] = began - invocation.queued
    if (arrived := _last_arrival(invocation.event)) is not None:
        times["IteratorAge"] = began - arrived
    of_function = {"FunctionName": invocation.function}
    return _data("AWS/Lambda", counts, times, of_function, began)


def of_answer(api: str, stage: str, status: int, began: float, ended: float) -> list[Datum]:
    """A REST API's metrics of one request.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    """
    counts = {"Count": 1, "4XXError": int(400 <= status < 500), "5XXError": int(status >= 500)}
    times = {"Latency": ended - began}
    of_api, of_stage = {"ApiName": api}, {"ApiName": api, "Stage": stage}
    return [
        *_data("AWS/ApiGateway", counts, times, of_api, began),
        *_data("AWS/ApiGateway", counts, times, of_stage, began),
    ]


def _data(
    namespace: str,
    counts: Mapping[str, int],
    seconds: Mapping[str, float],
    dimensions: dict[str, str],
    at: float,
) -> list[Datum]:
    counted = [
        Datum(namespace, name, count, "Count", dimensions, at) for name, count in counts.items()
    ]
    timed = [
        Datum(namespace, name, max(time, 0) * 1000, "Milliseconds", dimensions, at)
        for name, time in seconds.items()
    ]
    return counted + timed


def _last_arrival(event: object) -> float | None:
    """When the last record of a stream mapping's batch arrived in its stream."""
    match event:
        case {"Records": [*_, {"eventSourceARN": str()} as record]}:
            for service, field in _ARRIVALS.items():
                if service in record:
                    return float(record[service][field])
    return None
