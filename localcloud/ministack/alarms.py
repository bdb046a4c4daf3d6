"""The state of metric alarms, by dimensions, periods and missing data.

ministack ignores the dimensions and periods of an alarm, and evaluates all data of a metric's name.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import operator
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_EVERY_SECONDS: Final = 5.0
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

type Point = Mapping[str, Any]
type Statistic = Callable[[Sequence[Point]], float | None]


@dataclass(frozen=True)
class AlarmState:
    """A state and its reason."""

    value: str
    reason: str


def alarm_state(
    alarm: Mapping[str, Any], points: Sequence[Point], statistic: Statistic, now: float
) -> AlarmState | None:
    """The state of an alarm on one metric; None if it stays as it is.

    `points` are those of the metric with the alarm's dimensions. The periods are counted back from
    `now`; CloudWatch's begin at whole minutes.
    """
    compare = _COMPARE.get(alarm.get("ComparisonOperator", ""))
    if compare is None:  # an anomaly detector
        return None
    period, count = alarm.get("Period", 60), alarm.get("EvaluationPeriods", 1)
    threshold = alarm.get("Threshold", 0)
    values = [
        statistic([each for each in points if begin < each["Timestamp"] <= begin + period])
        for begin in (now - period * (number + 1) for number in range(count))
    ]
    treat = alarm.get("TreatMissingData", "missing")
    if all(value is None for value in values):
        if treat == "ignore":
            return None
        if treat == "missing":
            return AlarmState("INSUFFICIENT_DATA", f"No data in {count} periods")
    breaching = sum(
        treat == "breaching" if value is None else compare(value, threshold) for value in values
    )
    needed = alarm.get("DatapointsToAlarm") or count
    # With TreatMissingData `missing` or `ignore`, missing data reduces the number that is needed.
    known = count if treat in ("breaching", "notBreaching") else sum(v is not None for v in values)
    reason = (
        f"{breaching} of {count} datapoints {alarm['ComparisonOperator']} {threshold}: {values}"
    )
    return AlarmState("ALARM" if breaching >= min(needed, known) else "OK", reason)


def install() -> None:
    """Replace ministack's evaluation, and evaluate all alarms every five seconds."""
    from ministack.services import cloudwatch  # noqa: PLC0415 - not in the development environment

    def evaluate(alarm: dict[str, Any]) -> None:
        name, namespace = alarm.get("MetricName"), alarm.get("Namespace")
        if not name or not namespace:  # an expression over several metrics
            return
        dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or []}
        key = (namespace, name, cloudwatch._dims_key(dimensions))  # noqa: SLF001
        wanted = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")

        def statistic(points: Sequence[Point]) -> float | None:
            found: float | None = None
            if points:
                stats = cloudwatch._calc_stats(points)  # noqa: SLF001
                found = cloudwatch._stat_value(stats, wanted, points)  # noqa: SLF001
            return found

        points = list(cloudwatch._metrics.get(key) or [])  # noqa: SLF001
        state = alarm_state(alarm, points, statistic, time.time())
        if state and state.value != alarm["StateValue"]:
            change(alarm, state)

    def change(alarm: dict[str, Any], state: AlarmState) -> None:
        before = alarm["StateValue"]
        alarm["StateValue"], alarm["StateReason"] = state.value, state.reason
        alarm["StateUpdatedTimestamp"] = int(time.time())
        cloudwatch._record_history(alarm["AlarmName"], before, state.value, state.reason)  # noqa: SLF001
        cloudwatch._dispatch_alarm_actions(alarm, before, state.value, state.reason)  # noqa: SLF001
        cloudwatch._evaluate_parent_alarms(alarm)  # noqa: SLF001

    def evaluate_all() -> None:
        while True:
            time.sleep(_EVERY_SECONDS)
            cloudwatch._evaluate_all_alarms()  # noqa: SLF001

    cloudwatch._evaluate_alarm = evaluate  # noqa: SLF001
    threading.Thread(target=evaluate_all, name="evaluate-alarms", daemon=True).start()
