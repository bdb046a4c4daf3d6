"""Schedules in their time zone, and with the context attributes of their input, as on AWS.

ministack reads every cron and at expression as UTC, and passes on the input as written, including
`<aws.scheduler.scheduled-time>`.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

import functools
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo


class _Expression(str):
    """A schedule's expression with its time zone, for ministack's functions that pass it on."""

    zone: ZoneInfo


class _Fields(tuple[Any, ...]):
    """The parsed fields of a cron expression with its time zone."""

    zone: ZoneInfo


def install() -> None:
    """Replace the functions of ministack that decide when a schedule is due, and its input."""
    from ministack.services import eventbridge, scheduler  # noqa: PLC0415

    invoke = eventbridge._invoke_target  # noqa: SLF001
    tick = scheduler._tick_schedules  # noqa: SLF001
    at_epoch = scheduler._at_time_epoch  # noqa: SLF001
    parse, next_fire = eventbridge._parse_cron_fields, eventbridge._cron_next_fire  # noqa: SLF001

    def invoke_with_context(target: dict[str, Any], event: Any, rule: Any, view: Any = None) -> Any:
        if event["Source"] == "aws.scheduler" and "Input" in target:
            text = with_context(target["Input"], rule["Arn"], event["Time"], secrets.token_hex(8))
            target = {**target, "Input": text}
        return invoke(target, event, rule, view)

    def tick_with_zones() -> None:
        for schedule in list(scheduler._schedules._data.values()):  # noqa: SLF001 - of all accounts
            zone = _zone(schedule.get("ScheduleExpressionTimezone", "UTC"))
            if zone and not isinstance(schedule["ScheduleExpression"], _Expression):
                schedule["ScheduleExpression"] = _Expression(schedule["ScheduleExpression"])
                schedule["ScheduleExpression"].zone = zone
        tick()

    def at_in_zone(expression: str) -> float | None:
        at: float | None = at_epoch(expression)
        if at is None or not isinstance(expression, _Expression):
            return at
        return datetime.fromtimestamp(at, UTC).replace(tzinfo=expression.zone).timestamp()

    def parse_with_zone(expression: str) -> Any:
        fields = parse(expression)
        if fields is None or not isinstance(expression, _Expression):
            return fields
        zoned = _Fields(fields)
        zoned.zone = expression.zone
        return zoned

    def next_fire_in_zone(fields: Any, after: datetime) -> datetime | None:
        if not isinstance(fields, _Fields):
            found: datetime | None = next_fire(fields, after)
            return found
        return next_in_zone(functools.partial(next_fire, fields), after, fields.zone)

    eventbridge._invoke_target = invoke_with_context  # noqa: SLF001
    eventbridge._parse_cron_fields = parse_with_zone  # noqa: SLF001
    eventbridge._cron_next_fire = next_fire_in_zone  # noqa: SLF001
    scheduler._tick_schedules = tick_with_zones  # noqa: SLF001
    scheduler._at_time_epoch = at_in_zone  # noqa: SLF001


def next_in_zone(
    next_fire: Callable[[datetime], datetime | None], after: datetime, zone: ZoneInfo
) -> datetime | None:
    """The next time in UTC at which the clocks of a zone show a time of the schedule.

    `next_fire` gets and returns the time that clocks show, marked as UTC. A time that clocks leave
    out in spring is skipped, and one that they show twice in autumn counts once.
    """
    shown = next_fire(after.astimezone(zone).replace(tzinfo=UTC))
    while shown:
        fires = shown.replace(tzinfo=zone).astimezone(UTC)
        is_left_out = fires.astimezone(zone).replace(tzinfo=None) != shown.replace(tzinfo=None)
        if not is_left_out and fires > after:
            return fires
        shown = next_fire(shown)
    return None


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name != "UTC" else None
    except (KeyError, ValueError):  # ministack accepts any text; AWS refuses this one
        return None


def with_context(text: str, schedule_arn: str, invoked_at: float, execution_id: str) -> str:
    """An input with its context attributes filled in.

    `invoked_at` is in seconds since 1970. The scheduled time is its minute: ministack checks every
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
