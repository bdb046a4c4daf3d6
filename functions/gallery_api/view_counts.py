"""The rows of a photo's views in, what the API answers out."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from gallery_api.models import MinuteViews, PhotoViews

MINUTES: Final = 60
TOTAL: Final = "total"
_MINUTE: Final = "minute#"


def first_period(now: datetime) -> str:
    """The earliest row that `photo_views` needs; `TOTAL` sorts behind every minute."""
    return f"{_MINUTE}{_last_hour(now)[0]}"


def photo_views(photo_id: str, rows: Iterable[Mapping[str, Any]], now: datetime) -> PhotoViews:
    """The total, and each minute of the last hour, `now`'s own the last, seen or not."""
    by_period = {row["period"]: row for row in rows}
    unseen: dict[str, Any] = {"views": 0}
    total = by_period.get(TOTAL, unseen)
    return PhotoViews(
        photo_id=photo_id,
        total=total["views"],
        counted_at=total.get("counted_at"),
        minutes=[
            MinuteViews(minute, by_period.get(f"{_MINUTE}{minute}", unseen)["views"])
            for minute in _last_hour(now)
        ],
    )


def _last_hour(now: datetime) -> list[str]:
    ages = reversed(range(MINUTES))
    return [f"{now - timedelta(minutes=age):%Y-%m-%dT%H:%MZ}" for age in ages]
