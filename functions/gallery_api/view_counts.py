"""The answer of `GET /photos/{photo_id}/views`, from the rows of the views table."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from gallery_api.models import MinuteViews, PhotoViews
from shared.view_rows import TOTAL, iso_minute, minute_key

MINUTES: Final = 60


def first_period(now: datetime) -> str:
    """The key of the earliest row that `photo_views` needs."""
    return minute_key(_last_hour(now)[0])


def photo_views(photo_id: str, rows: Iterable[Mapping[str, Any]], now: datetime) -> PhotoViews:
    """The total, and the views in each minute of the last hour; the minute of `now` is the last."""
    by_period = {row["period"]: row for row in rows}
    no_views: dict[str, Any] = {"views": 0}
    total = by_period.get(TOTAL, no_views)
    return PhotoViews(
        photo_id=photo_id,
        total=total["views"],
        counted_at=total.get("counted_at"),
        minutes=[
            MinuteViews(iso_minute(minute), by_period.get(minute_key(minute), no_views)["views"])
            for minute in _last_hour(now)
        ],
    )


def _last_hour(now: datetime) -> list[datetime]:
    return [now - timedelta(minutes=age) for age in reversed(range(MINUTES))]
