"""The answer of `GET /photos/{photo_id}/views`, from the rows of the views table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from gallery_api.models import MinuteViews, PhotoViews
from shared.view_rows import TOTAL, iso_minute, key_suffix, minute_key

MINUTES: Final = 60


def first_period(now: datetime) -> str:
    """The key of the earliest row that `photo_views` needs."""
    return minute_key(_last_hour(now)[0])


def photo_views(photo_id: str, rows: Iterable[Mapping[str, Any]], now: datetime) -> PhotoViews:
    """The total, and the views in each minute of the last hour; the minute of `now` is the last.

    Each partition key of the photo has rows of its own.
    """
    views: Counter[str] = Counter()
    counted_at: list[str] = []
    for row in rows:
        period = row["period"].removesuffix(key_suffix(row["period"]))
        views[period] += row["views"]
        if "counted_at" in row:
            counted_at.append(row["counted_at"])
    return PhotoViews(
        photo_id=photo_id,
        total=views[TOTAL],
        counted_at=max(counted_at, default=None),
        minutes=[
            MinuteViews(iso_minute(minute), views[minute_key(minute)]) for minute in _last_hour(now)
        ],
    )


def _last_hour(now: datetime) -> list[datetime]:
    return [now - timedelta(minutes=age) for age in reversed(range(MINUTES))]
