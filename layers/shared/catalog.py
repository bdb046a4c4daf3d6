"""Catalog rows: the public attributes of a photo, and the conditional write of a row."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shared.photos import FEED, Photo, Status
from shared.timestamps import iso_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# An allow list: a new attribute of photos stays private until it is added here, and to PublicPhoto
# in functions/gallery_api/models.py.
_IDENTITY: Final = ("photo_id", "version", "status")
_OF_CREATION: Final = ("title", "created_at")
_OF_UPLOAD: Final = ("content_type", "bytes", "width", "height", "color", "uploaded_at")
_OF_RENDITIONS: Final = ("renditions", "ready_at")
_ATTRIBUTES: Final = {
    Status.READY: (*_IDENTITY, *_OF_CREATION, *_OF_UPLOAD, *_OF_RENDITIONS),
    Status.DELETED: (*_IDENTITY, "expires_at"),
}


def catalog_row(photo: Photo, now: datetime) -> dict[str, Any] | None:
    """The photo's row or tombstone; None while the photo is not public."""
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
    """Put a row, as a DynamoDB item, if the table has none or a lower version of it.

    This condition makes replays and disorder harmless, and a tombstone final.

    Returns:
        Whether the row was written.

    Raises:
        BotoCoreError, ClientError: the row may have been written. The write can be repeated.
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
