"""Partition keys of the views stream, and sort keys of the views table.

A view has its photo's id as partition key, or one of the photo's `SPREAD` further keys while one
shard cannot take all its views: `<photo_id>#0` to `<photo_id>#f`. In the views table, the partition
key is always the photo id. Each partition key of the stream has rows of its own there, one for its
total and one for each minute. Their sort keys end with the key's suffix, as in `total#a`.

Totals are also in the index `ranking`. Its partition key is `rank_group`, the last digit of the
photo id. Its sort key is `magnitude`.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final

SPREAD: Final = 16
SUFFIXES: Final = ("", *(f"#{number:x}" for number in range(SPREAD)))  # of partition keys
TOTAL: Final = "total"  # sorts after every minute
TOTALS: Final = tuple(f"{TOTAL}{suffix}" for suffix in SUFFIXES)
_MINUTE: Final = "minute#"
_ID_LENGTH: Final = 36


def split_key(partition_key: str) -> tuple[str, str]:
    """The photo id and the suffix of a partition key; either may be wrong."""
    return partition_key[:_ID_LENGTH], partition_key[_ID_LENGTH:]


def key_suffix(period: str) -> str:
    """The suffix of a partition key, from the sort key of one of its rows."""
    return period[-2:] if period[-2] == "#" else ""


def magnitude(views: int) -> int:
    """The number of hexadecimal digits of a total; a total of 0 has none and is not ranked."""
    return (views.bit_length() + 3) // 4


def pack_minutes(views: Mapping[int, int]) -> str:
    """The attribute `recent` of a total: the number of the first minute, and the views from it on.

    `29663314 3 0 5` says that minute 29663316 has five. It is text because botocore takes longer
    for a map of 60 numbers than for all the rest of the row.
    """
    counted = [minute for minute, number in views.items() if number]
    if not counted:
        return ""
    first = min(counted)
    numbers = (views.get(minute, 0) for minute in range(first, max(counted) + 1))
    return " ".join(map(str, (first, *numbers)))


def unpack_minutes(text: str) -> dict[int, int]:
    """The views by minute from a text that `pack_minutes` has made."""
    numbers = [int(number) for number in text.split()]
    return dict(enumerate(numbers[1:], numbers[0])) if numbers else {}


def iso_minute(moment: datetime) -> str:
    """`2026-11-20T12:34Z`, for a moment that has a time zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def minute_key(moment: datetime) -> str:
    """The sort key of the moment's minute, `minute#2026-11-20T12:34Z`, without a suffix."""
    return f"{_MINUTE}{iso_minute(moment)}"


def day_prefix(day: date) -> str:
    """What the rows of all minutes of a day, in UTC, begin with."""
    return f"{_MINUTE}{day.isoformat()}"
