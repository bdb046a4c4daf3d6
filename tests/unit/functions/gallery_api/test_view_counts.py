from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gallery_api.view_counts import photo_views
from shared.view_rows import pack_minutes

PHOTO_ID = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
NOW = datetime(2026, 3, 1, 0, 10, 59, tzinfo=UTC)
MINUTE = int(NOW.timestamp()) // 60
moments = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def row(period: str, views: int, **more: object) -> dict[str, Any]:
    return {"photo_id": PHOTO_ID, "period": period, "views": views, **more}


def test_without_rows_all_is_zero():
    views = photo_views(PHOTO_ID, [], NOW)
    assert (views.photo_id, views.total, views.counted_at) == (PHOTO_ID, 0, None)
    assert {minute.views for minute in views.minutes} == {0}


def test_totals_of_all_partition_keys_are_added():
    rows = [
        row("total", 10, counted_at="2026-03-01T00:10:57.000Z", recent=pack_minutes({MINUTE: 1})),
        row("total#0", 20, counted_at="2026-03-01T00:10:58.000Z", recent=f"{MINUTE - 1} 2 4"),
        row("total#f", 40, recent=f"{MINUTE - 61} 8 16 32"),
    ]
    views = photo_views(PHOTO_ID, rows, NOW)
    assert (views.total, views.counted_at) == (70, "2026-03-01T00:10:58.000Z")
    seen = [(minute.minute, minute.views) for minute in views.minutes if minute.views]
    assert seen == [
        ("2026-02-28T23:11Z", 32),
        ("2026-03-01T00:09Z", 2),
        ("2026-03-01T00:10Z", 1 + 4),
    ]


def test_total_of_an_earlier_release_has_no_minutes():
    counted_at = "2026-03-01T00:10:58.000Z"
    views = photo_views(PHOTO_ID, [row("total", 7, counted_at=counted_at)], NOW)
    assert (views.total, views.counted_at) == (7, counted_at)
    assert {minute.views for minute in views.minutes} == {0}


def test_minutes_end_with_this_one_across_midnight():
    minutes = [minute.minute for minute in photo_views(PHOTO_ID, [], NOW).minutes]
    assert minutes[0] == "2026-02-28T23:11Z"
    assert minutes[-2:] == ["2026-03-01T00:09Z", "2026-03-01T00:10Z"]


@given(moments)
def test_there_are_always_sixty_minutes_oldest_first(moment: datetime):
    minutes = [minute.minute for minute in photo_views(PHOTO_ID, [], moment).minutes]
    assert len(set(minutes)) == 60
    assert minutes == sorted(minutes)
