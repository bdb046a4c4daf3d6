"""The counts of a photo, from the totals of its partition keys in the views stream."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gallery_api.models import MinuteViews, PhotoViews
from shared.dynamodb import from_item, to_item
from shared.view_rows import TOTAL, iso_minute, unpack_minutes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MINUTES: Final = 60


def read_totals(
    dynamodb: "DynamoDBClient", views_table: str, photo_id: str
) -> list[Mapping[str, Any]]:
    """The totals of all partition keys that a photo has in the views stream.

    The read is eventually consistent.
    """
    # One page: 17 rows of at most a few kilobytes.
    found = dynamodb.query(
        TableName=views_table,
        KeyConditionExpression="photo_id = :photo_id AND begins_with(period, :total)",
        ExpressionAttributeValues=to_item({":photo_id": photo_id, ":total": TOTAL}),
    )
    return [from_item(item, dict) for item in found["Items"]]


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
