from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gallery_api.view_counts import first_period, photo_views
from shared.view_rows import TOTAL

PHOTO_ID = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
NOW = datetime(2026, 3, 1, 0, 10, 59, tzinfo=UTC)
moments = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def row(period: str, views: int, **more: object) -> dict[str, Any]:
    return {"photo_id": PHOTO_ID, "period": period, "views": views, **more}


def test_without_rows_all_is_zero():
    views = photo_views(PHOTO_ID, [], NOW)
    assert (views.photo_id, views.total, views.counted_at) == (PHOTO_ID, 0, None)
    assert {minute.views for minute in views.minutes} == {0}


def test_total_says_when_it_was_counted():
    counted_at = "2026-03-01T00:10:58.000Z"
    views = photo_views(PHOTO_ID, [row(TOTAL, 7, counted_at=counted_at)], NOW)
    assert (views.total, views.counted_at) == (7, counted_at)


def test_rows_of_all_partition_keys_are_added():
    minute = "minute#2026-03-01T00:10Z"
    rows = [
        row(minute, 1),
        row(f"{minute}#0", 2),
        row(f"{minute}#f", 4),
        row(TOTAL, 10, counted_at="2026-03-01T00:10:57.000Z"),
        row(f"{TOTAL}#0", 20, counted_at="2026-03-01T00:10:58.000Z"),
        row(f"{TOTAL}#f", 40),
    ]
    views = photo_views(PHOTO_ID, rows, NOW)
    assert (views.total, views.counted_at) == (70, "2026-03-01T00:10:58.000Z")
    assert views.minutes[-1].views == sum(minute.views for minute in views.minutes) == 7


def test_minutes_end_with_this_one_across_midnight():
    minutes = [minute.minute for minute in photo_views(PHOTO_ID, [], NOW).minutes]
    assert minutes[0] == "2026-02-28T23:11Z"
    assert minutes[-2:] == ["2026-03-01T00:09Z", "2026-03-01T00:10Z"]


@given(moments)
def test_there_are_always_sixty_minutes_oldest_first(moment: datetime):
    minutes = [minute.minute for minute in photo_views(PHOTO_ID, [], moment).minutes]
    assert len(set(minutes)) == 60
    assert minutes == sorted(minutes)


@given(moments, st.integers(0, 10**6))
def test_one_range_of_rows_holds_the_hour_and_the_total(moment: datetime, age: int):
    minute = f"minute#{moment - timedelta(seconds=age % 86_400):%Y-%m-%dT%H:%MZ}"
    told = photo_views(PHOTO_ID, [row(minute, 1)], moment)
    if any(each.views for each in told.minutes):
        assert first_period(moment) <= minute < TOTAL
    assert first_period(moment) == f"minute#{told.minutes[0].minute}"
