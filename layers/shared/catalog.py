"""The catalog: what of a photo everybody may see, and the one way in which its rows are written."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shared.photos import FEED, Photo, Status
from shared.timestamps import iso_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# Named one by one: a new attribute of photos is private until somebody puts it here.
_IDENTITY: Final = ("photo_id", "version", "status")
_AS_ANNOUNCED: Final = ("title", "content_type", "bytes", "created_at")
_AS_FOUND: Final = ("width", "height", "color", "renditions", "uploaded_at", "ready_at")
_ATTRIBUTES: Final = {
    Status.READY: (*_IDENTITY, *_AS_ANNOUNCED, *_AS_FOUND),
    Status.DELETED: (*_IDENTITY, "expires_at"),
}


def catalog_row(photo: Photo, now: datetime) -> dict[str, Any] | None:
    """The photo's row or tombstone; None while there is nothing for the public to see."""
    if photo.status not in _ATTRIBUTES:
        return None
    values = msgspec.to_builtins(photo)
    row = {name: values[name] for name in _ATTRIBUTES[photo.status] if name in values}
    row["replicated_at"] = iso_milliseconds(now)
    if photo.status is Status.READY:
        row["feed"] = FEED
    return row


def write_row(
    dynamodb: "DynamoDBClient", table: str, row: "dict[str, AttributeValueTypeDef]"
) -> bool:
    """Put a row, as DynamoDB's item, in place of none or a lower version; whether it was put.

    The condition is what makes replays and disorder harmless, and a tombstone final.

    Raises:
        BotoCoreError, ClientError: nobody knows whether it was; the same write may be sent again.
    """
    try:
        dynamodb.put_item(
            TableName=table,
            Item=row,
            ConditionExpression="attribute_not_exists(photo_id) OR version < :version",
            ExpressionAttributeValues={":version": row["version"]},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True
