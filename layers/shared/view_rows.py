"""Range keys of the views table: a photo has one row for its total and one for each minute."""

from datetime import UTC, date, datetime
from typing import Final

TOTAL: Final = "total"  # sorts after every minute
_MINUTE: Final = "minute#"


def iso_minute(moment: datetime) -> str:
    """`2026-11-20T12:34Z`, for a moment that has a time zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def minute_key(moment: datetime) -> str:
    """The row of the moment's minute, `minute#2026-11-20T12:34Z`."""
    return f"{_MINUTE}{iso_minute(moment)}"


def day_prefix(day: date) -> str:
    """What the rows of all minutes of a day, in UTC, begin with."""
    return f"{_MINUTE}{day.isoformat()}"
