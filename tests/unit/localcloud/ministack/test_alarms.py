"""States of metric alarms as CloudWatch's page on alarm evaluation defines them."""

from collections.abc import Sequence
from typing import Any

import pytest

from localcloud.ministack.alarms import Point, alarm_state

NOW = 10_000.0


def total(points: Sequence[Point]) -> float | None:
    return sum(each["Value"] for each in points) if points else None


def state(*minutes: float | None, **changes: Any) -> str | None:
    """Of an alarm over three minutes; the values are those of the minutes before now, newest last.

    It goes off at three values above 10, unless `changes` say otherwise.
    """
    alarm = {
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 10,
        "Period": 60,
        "EvaluationPeriods": 3,
    }
    points = [
        {"Timestamp": NOW - 60 * ago + 30, "Value": value}
        for ago, value in zip(range(len(minutes), 0, -1), minutes, strict=True)
        if value is not None
    ]
    found = alarm_state({**alarm, **changes}, points, total, NOW)
    return found and found.value


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ((11, 12, 13), "ALARM"),
        ((11, 10, 13), "OK"),
        ((99, 99, 1, 1, 1), "OK"),  # before the alarm's periods
        ((None, None, None), "INSUFFICIENT_DATA"),
        ((None, None, 11), "ALARM"),
        ((None, 11, 1), "OK"),
    ],
)
def test_all_periods_breach(minutes: tuple[float | None, ...], expected: str):
    assert state(*minutes) == expected


def test_some_of_the_periods_breach():
    assert state(1, 11, 12, DatapointsToAlarm=2) == "ALARM"
    assert state(1, 1, 12, DatapointsToAlarm=2) == "OK"


@pytest.mark.parametrize(
    ("treat", "silent", "one_breaching"),
    [
        ("breaching", "ALARM", "ALARM"),
        ("notBreaching", "OK", "OK"),
        ("ignore", None, "ALARM"),
        ("missing", "INSUFFICIENT_DATA", "ALARM"),
    ],
)
def test_missing_data_is_treated_as_the_alarm_says(
    treat: str, silent: str | None, one_breaching: str
):
    assert state(None, None, None, TreatMissingData=treat) == silent
    assert state(None, None, 11, TreatMissingData=treat) == one_breaching


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ("GreaterThanThreshold", "OK"),
        ("GreaterThanOrEqualToThreshold", "ALARM"),
        ("LessThanThreshold", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM"),
        ("LessThanLowerOrGreaterThanUpperThreshold", None),
    ],
)
def test_comparison_with_the_threshold(comparison: str, expected: str | None):
    assert state(10, 10, 10, ComparisonOperator=comparison) == expected
