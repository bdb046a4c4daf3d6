from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from localcloud.ministack.scheduler import next_in_zone, with_context

ARN = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/daily"


def test_context_attributes_of_an_input_are_filled_in():
    text = (
        '{"at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>",'
        ' "id": "<aws.scheduler.execution-id>", "attempt": <aws.scheduler.attempt-number>}'
    )
    invoked_at = datetime(2026, 11, 20, 23, 58, 9, 70_000, tzinfo=UTC).timestamp()
    assert with_context(text, ARN, invoked_at, "d32c5kddcf5bb8c3") == (
        f'{{"at": "2026-11-20T23:58:00Z", "by": "{ARN}", "id": "d32c5kddcf5bb8c3", "attempt": 1}}'
    )


def test_input_without_context_attributes_is_unchanged():
    text = '{"scheduled_at": "<aws.events.event>", "total": "2 < 3"}'
    assert with_context(text, ARN, 0.0, "d32c5kddcf5bb8c3") == text


BERLIN = ZoneInfo("Europe/Berlin")  # UTC+1, in summer UTC+2


def daily(at: time, after: datetime) -> datetime:
    """A schedule at one time of each day."""
    today = datetime.combine(after, at, tzinfo=UTC)
    return today if today > after else today + timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "after", "expected"),
    [
        ("09:00", "2026-01-10T07:59", "2026-01-10T08:00"),
        ("09:00", "2026-01-10T08:00", "2026-01-11T08:00"),
        ("09:00", "2026-07-10T07:30", "2026-07-11T07:00"),
        ("00:30", "2026-01-10T22:00", "2026-01-10T23:30"),
        ("02:30", "2026-03-28T02:00", "2026-03-30T00:30"),  # clocks go from 2 to 3 on the 29th
        ("02:30", "2026-10-24T23:00", "2026-10-25T00:30"),  # and from 3 to 2 on 25 October
        ("02:30", "2026-10-25T00:30", "2026-10-26T01:30"),
    ],
)
def test_schedule_is_due_when_clocks_of_its_zone_show_its_time(at: str, after: str, expected: str):
    found = next_in_zone(
        lambda shown: daily(time.fromisoformat(at), shown),
        datetime.fromisoformat(f"{after}Z"),
        BERLIN,
    )
    assert found == datetime.fromisoformat(f"{expected}Z")
