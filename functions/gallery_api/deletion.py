"""Deletion of a photo: first its record, then all that belongs to it.

Once the record is DELETED, `GET /photos/{photo_id}` answers 404. The public list shows the photo
until catalog_replicator has written the deletion to the catalog. If the thumbnailer is processing
the photo when its record becomes DELETED, it removes the renditions that it has made. The steps
after the first one are idempotent, so the next request completes a deletion that stopped halfway.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import batched, chain
from typing import TYPE_CHECKING, Any, Final

from shared.dynamodb import from_item, to_item
from shared.photos import MEDIA_PREFIX, TOMBSTONE_LIFETIME, Photo, Status, upload_key
from shared.view_rows import TOTAL, TOTALS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_MAX_WRITES: Final = 25  # in one BatchWriteItem
_TRIES: Final = 3


def mark_deleted(
    dynamodb: "DynamoDBClient", table: str, photo_id: str, owner: str, now: datetime, *, by: str
) -> Photo | None:
    """Make the record a tombstone if it belongs to `owner`; returns the record as it was before.

    A tombstone keeps the photo's attributes: catalog_replicator reads some of them, and a repeated
    deletion reads its owner. Its TTL removes it. `by` is the correlation id of the request.
    """
    end = int((now + TOMBSTONE_LIFETIME).timestamp())
    values = {":deleted": Status.DELETED, ":end": end, ":one": 1, ":owner": owner, ":by": by}
    found: Any
    try:
        found = dynamodb.update_item(
            TableName=table,
            Key=to_item({"photo_id": photo_id}),
            UpdateExpression="SET #status = :deleted, version = version + :one, expires_at = :end"
            ", correlation_id = :by",
            ConditionExpression="#owner = :owner AND #status <> :deleted",
            ExpressionAttributeNames={"#owner": "owner", "#status": "status"},
            ExpressionAttributeValues=to_item(values),
            ReturnValues="ALL_OLD",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )["Attributes"]
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        found = error.response.get("Item")
    return from_item(found, Photo) if found else None


def remove_objects(s3: "S3Client", uploads: str, media: str, photo_id: str) -> Iterator[None]:
    """Remove the upload and every rendition; yields before each step, where the caller may stop."""
    yield
    s3.delete_object(Bucket=uploads, Key=upload_key(photo_id))
    prefix = f"{MEDIA_PREFIX}{photo_id}/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=media, Prefix=prefix)
    for stored in (stored for page in pages for stored in page.get("Contents", [])):
        yield
        s3.delete_object(Bucket=media, Key=stored["Key"])


def remove_views(
    dynamodb: "DynamoDBClient", table: str, photo_id: str, now: datetime
) -> Iterator[None]:
    """Replace the totals by tombstones and remove the rows of minutes, the latest first.

    Views that are still in the stream, or that are replayed, are counted later: view_counter writes
    new rows of minutes, and adds to the tombstones. All these rows have a TTL. Each partition key
    that a view of the photo can have gets a tombstone. Yields before each step, where the caller
    may stop.

    Raises:
        TimeoutError: DynamoDB has left some rows unprocessed `_TRIES` times.
    """
    yield
    end = int((now + TOMBSTONE_LIFETIME).timestamp())
    tombstone = {"photo_id": photo_id, "views": 0, "expires_at": end}
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="photo_id = :photo_id AND period < :total",
        ExpressionAttributeValues=to_item({":photo_id": photo_id, ":total": TOTAL}),
        ProjectionExpression="photo_id, period",
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    writes = chain(
        ({"PutRequest": {"Item": to_item(tombstone | {"period": total})}} for total in TOTALS),
        ({"DeleteRequest": {"Key": row}} for page in pages for row in page["Items"]),
    )
    for requests in batched(writes, _MAX_WRITES, strict=False):
        left: Any = {table: list(requests)}
        for _ in range(_TRIES):
            yield
            left = dynamodb.batch_write_item(RequestItems=left)["UnprocessedItems"]
            if not left:
                break
        else:
            raise TimeoutError(f"DynamoDB left rows of {table} unprocessed {_TRIES} times")
