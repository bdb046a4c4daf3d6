"""The answer of `GET /photos/{photo_id}/views`, from the totals of the photo's partition keys."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gallery_api.models import MinuteViews, PhotoViews
from shared.view_rows import iso_minute, unpack_minutes

MINUTES: Final = 60


def photo_views(photo_id: str, totals: Iterable[Mapping[str, Any]], now: datetime) -> PhotoViews:
    """The total, and the views in each minute of the last hour; the minute of `now` is the last.

    A total that an earlier release has written has no `recent`: it adds to no minute.
    """
    rows = list(totals)
    views: Counter[int] = Counter()
    for row in rows:
        views.update(unpack_minutes(row.get("recent", "")))
    last = int(now.timestamp()) // 60
    return PhotoViews(
        photo_id=photo_id,
        total=sum(row["views"] for row in rows),
        counted_at=max((row["counted_at"] for row in rows if "counted_at" in row), default=None),
        minutes=[
            MinuteViews(iso_minute(datetime.fromtimestamp(minute * 60, UTC)), views[minute])
            for minute in range(last - MINUTES + 1, last + 1)
        ],
    )
