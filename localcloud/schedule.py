"""The daily report's schedule, as ministack can run it.

ministack's Scheduler hands the target its Input as it is written: what Scheduler itself fills in,
`<aws.scheduler.scheduled-time>`, stays just that, and is no time. It also knows no time zone but
UTC, no flexible window, no retries and no dead-letter queue, which harms nothing here.
"""

from collections.abc import Mapping
from typing import Any, Final

from localcloud.cloud import Cloud

_KEPT: Final = (
    "Name",
    "GroupName",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "FlexibleTimeWindow",
    "Target",
    "State",
)


def complete_schedule(cloud: Cloud, stack: Mapping[str, str]) -> None:
    """Take the placeholder out of the Input: the report is then of the day on which it starts."""
    given = schedule(cloud, stack)
    target = {**given["Target"], "Input": "{}"}
    cloud.client("scheduler").update_schedule(**given | {"Target": target})


def schedule(cloud: Cloud, stack: Mapping[str, str]) -> dict[str, Any]:
    """The one that starts the report's state machine, as `update_schedule` takes it."""
    scheduler = cloud.client("scheduler")
    machine = stack["DailyReportStateMachineArn"]
    pages = scheduler.get_paginator("list_schedules").paginate()
    [name] = [
        found["Name"]
        for page in pages
        for found in page["Schedules"]
        if found["Target"]["Arn"] == machine
    ]
    answer = scheduler.get_schedule(Name=name)
    return {key: answer[key] for key in _KEPT if key in answer}
