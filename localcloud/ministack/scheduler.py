"""Fills in the context attributes of a schedule's input, as AWS does.

ministack passes on the input as written, including `<aws.scheduler.scheduled-time>`.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

import secrets
from datetime import UTC, datetime
from typing import Any


def install() -> None:
    """Replace the function of ministack that passes a schedule's input to its target."""
    from ministack.services import eventbridge  # noqa: PLC0415 - not in the development environment

    invoke = eventbridge._invoke_target  # noqa: SLF001

    def invoke_with_context(target: dict[str, Any], event: Any, rule: Any, view: Any = None) -> Any:
        if event["Source"] == "aws.scheduler" and "Input" in target:
            text = with_context(target["Input"], rule["Arn"], event["Time"], secrets.token_hex(8))
            target = {**target, "Input": text}
        return invoke(target, event, rule, view)

    eventbridge._invoke_target = invoke_with_context  # noqa: SLF001


def with_context(text: str, schedule_arn: str, invoked_at: float, execution_id: str) -> str:
    """An input with its context attributes filled in.

    The scheduled time is the minute of `invoked_at`, in seconds since 1970: ministack checks every
    ten seconds which schedules are due. It makes one attempt only.
    """
    scheduled = datetime.fromtimestamp(invoked_at, UTC).replace(second=0, microsecond=0)
    attributes = {
        "schedule-arn": schedule_arn,
        "scheduled-time": scheduled.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": execution_id,
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text
