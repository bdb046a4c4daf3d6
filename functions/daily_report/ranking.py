"""Reads the most viewed photos from the index `ranking` of the views table.

Each total belongs to its photo's rank group. Within the group, totals are sorted by magnitude: the
number of their hexadecimal digits. A group is read from its largest magnitude downwards, so the
views of a photo that has not been read yet have an upper bound.
"""

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shared.dynamodb import from_item, to_item
from shared.view_rows import TOTAL, TOTALS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RANKING: Final = "ranking"
RANK_GROUPS: Final = "0123456789abcdef"  # the last digits of photo ids
PAGE_SIZE: Final = 20  # the time left is not checked within a page, and each photo is one more call


class RankedPage(msgspec.Struct, frozen=True):
    """A page of a rank group: the number of its totals, and the views of their photos.

    `next_position` is where the next page begins, None after the last one. If no total of a photo
    comes before `next_position`, the photo has at most `most_unread` views.
    """

    entries: int
    views: dict[str, int]
    next_position: str | None
    most_unread: int


class Total(msgspec.Struct, frozen=True):
    """What is read of a total in the views table."""

    views: int
    expires_at: int | None = None  # if the photo is deleted


class Ranking(msgspec.Struct, frozen=True):
    """Reads of the views table; each may raise BotoCoreError or ClientError."""

    dynamodb: "DynamoDBClient"
    table: str

    def page(self, group: str, position: str) -> RankedPage:
        """The next page of a rank group, the largest magnitudes first."""
        start: Any = {"ExclusiveStartKey": json.loads(position)} if position else {}
        page = self.dynamodb.query(
            TableName=self.table,
            IndexName=RANKING,
            KeyConditionExpression="rank_group = :group",
            ExpressionAttributeValues=to_item({":group": group}),
            ScanIndexForward=False,
            Limit=PAGE_SIZE,
            **start,
        )
        last = page.get("LastEvaluatedKey")
        magnitude = int(last["magnitude"]["N"]) if last else 0
        photo_ids = {entry["photo_id"]["S"] for entry in page["Items"]}
        views = {photo_id: self._views(photo_id) for photo_id in photo_ids}
        return RankedPage(
            entries=len(page["Items"]),
            views={photo_id: number for photo_id, number in views.items() if number},
            next_position=json.dumps(last) if last else None,
            most_unread=len(TOTALS) * (16**magnitude - 1),
        )

    def _views(self, photo_id: str) -> int:
        """The sum of a photo's totals; 0 if it is deleted."""
        rows = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="photo_id = :photo_id AND begins_with(period, :total)",
            ExpressionAttributeValues=to_item({":photo_id": photo_id, ":total": TOTAL}),
            ProjectionExpression="#views, #expires_at",
            ExpressionAttributeNames={"#views": "views", "#expires_at": "expires_at"},
        )["Items"]
        totals = []
        for row in rows:
            with suppress(ValueError):  # the scan of the table counts malformed rows
                totals.append(from_item(row, Total))
        return sum(total.views for total in totals if total.expires_at is None)
