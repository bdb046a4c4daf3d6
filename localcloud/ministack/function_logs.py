"""Writes what execution environments log into ministack's CloudWatch Logs."""

import time
from collections.abc import Sequence

from ministack.services import cloudwatch_logs, lambda_svc

from localcloud.execution.function_version import FunctionVersion


def write(version: FunctionVersion, stream: str, lines: Sequence[str]) -> None:
    """In the scope of the function, which the calling thread need not be in."""
    arn = f"arn:aws:lambda:{version.region}:{version.account}:function:{version.name}"
    lambda_svc._run_with_function_config_scope(  # noqa: SLF001
        {"FunctionArn": arn}, _append_to_log, version.log_group, stream, lines
    )


def _append_to_log(group_name: str, stream_name: str, lines: Sequence[str]) -> None:
    """As lambda_svc._emit_lambda_logs does it, but for the log stream."""
    now = int(time.time() * 1000)
    groups = cloudwatch_logs._log_groups  # noqa: SLF001
    if group_name not in groups:
        groups[group_name] = {
            "arn": cloudwatch_logs._make_group_arn(group_name),  # noqa: SLF001
            "creationTime": now,
            "retentionInDays": None,
            "tags": {},
            "subscriptionFilters": {},
            "streams": {},
        }
    new_stream = {
        "events": [],
        "uploadSequenceToken": "1",
        "creationTime": now,
        "firstEventTimestamp": None,
        "lastEventTimestamp": None,
        "lastIngestionTime": None,
    }
    stream = groups[group_name]["streams"].setdefault(stream_name, new_stream)
    events = [{"timestamp": now, "message": line} for line in lines]
    cloudwatch_logs._append_log_events(  # noqa: SLF001
        stream, [{**event, "ingestionTime": now} for event in events]
    )
    cloudwatch_logs._fanout_to_subscription_filters(group_name, stream_name, events)  # noqa: SLF001
