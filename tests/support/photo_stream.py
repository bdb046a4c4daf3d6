"""The input and output of the replicator: the photos table with its stream, and the catalog."""

import dataclasses
import itertools
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from shared.dynamodb import from_item, to_item
from shared.photos import Photo, Rendition, Status, rendition_key
from tests.support.repository import ROOT

if TYPE_CHECKING:  # moto is slow to import, and unit tests need only the records
    from tests.support.moto_stack import MotoStack

type Invoke = Callable[..., list[str]]

EXPIRES_AT = 1_797_776_096


@dataclasses.dataclass
class LambdaContext:
    """The attributes of Lambda's context that Powertools and the handler read."""

    function_name: str = "catalog_replicator"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = (
        "arn:aws:lambda:eu-central-1:123456789012:function:catalog_replicator"
    )
    aws_request_id: str = "7d3c0b4e-1f57-4c5e-9d6a-2f0f4b8f6a11"
    milliseconds: Callable[[], int] = lambda: 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds()


def load_event(name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "events" / f"dynamodb_{name}.json").read_text()))


def batch(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Records": records}


class PhotosTable:
    """The source with its history: every write is a record of the stream."""

    def __init__(self) -> None:
        self.rows: dict[str, Photo] = {}
        self.stream: list[dict[str, Any]] = []
        self._numbers = itertools.count(49_640_000_000_000_000_001)

    def create(self, photo_id: str, correlation_id: str | None = None) -> dict[str, Any]:
        return self._write(
            Photo(
                photo_id=photo_id,
                version=1,
                status=Status.PENDING,
                owner="maria",
                title="Harbour at dusk",
                content_type="image/png",
                bytes=1,
                created_at="2026-11-20T12:34:50.000Z",
                correlation_id=correlation_id,
            )
        )

    def change(self, photo_id: str, **values: Any) -> dict[str, Any]:
        photo = self.rows[photo_id]
        return self._write(msgspec.structs.replace(photo, version=photo.version + 1, **values))

    def settle(self, photo_id: str) -> dict[str, Any]:
        renditions = {
            name: Rendition(rendition_key(photo_id, "abc", name), pixels, pixels * 3 // 4, 9)
            for name, pixels in (("thumb", 256), ("large", 1600))
        }
        found = {"etag": "abc", "width": 4000, "height": 3000, "renditions": renditions}
        return self.change(photo_id, status=Status.READY, **found)

    def fail(self, photo_id: str) -> dict[str, Any]:
        return self.change(photo_id, status=Status.FAILED, error="Not an image")

    def rename(self, photo_id: str) -> dict[str, Any]:
        return self.change(photo_id, title=f"Title {self.rows[photo_id].version}")

    def delete(self, photo_id: str, **values: Any) -> dict[str, Any]:
        return self.change(photo_id, status=Status.DELETED, expires_at=EXPIRES_AT, **values)

    def expire(self, photo_id: str) -> dict[str, Any]:
        """Delete the photo as the table's TTL does."""
        old = self.rows.pop(photo_id)
        record = self._record("REMOVE", {"OldImage": to_item(old)}, photo_id)
        record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
        return record

    def _write(self, photo: Photo) -> dict[str, Any]:
        old = self.rows.get(photo.photo_id)
        self.rows[photo.photo_id] = photo
        images = {"NewImage": to_item(photo)} | ({"OldImage": to_item(old)} if old else {})
        return self._record("MODIFY" if old else "INSERT", images, photo.photo_id)

    def _record(self, name: str, images: dict[str, Any], photo_id: str) -> dict[str, Any]:
        record = {
            "eventName": name,
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                "ApproximateCreationDateTime": time.time(),
                "Keys": to_item({"photo_id": photo_id}),
                **images,
                "SequenceNumber": str(next(self._numbers)),
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        }
        self.stream.append(record)
        return record


def position(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


class Catalog:
    """What the function has written: rows of the catalog, poison in the failed-batches bucket."""

    def __init__(self, stack: "MotoStack") -> None:
        self._stack = stack
        self._table = stack.names["CatalogTable"]
        self._bucket = stack.names["FailedBatchesBucket"]

    def rows(self) -> dict[str, dict[str, Any]]:
        """By photo id, without the time of replication."""
        items = self._stack.dynamodb.scan(TableName=self._table)["Items"]
        rows = [from_item(item, dict) for item in items]
        for row in rows:
            assert row.pop("replicated_at")
        return {row["photo_id"]: row for row in rows}

    def feed(self) -> list[str]:
        """The ids that lists show."""
        items = self._stack.dynamodb.query(
            TableName=self._table,
            IndexName="feed",
            KeyConditionExpression="feed = :feed",
            ExpressionAttributeValues=to_item({":feed": "photos"}),
        )["Items"]
        return [item["photo_id"]["S"] for item in items]

    def quarantine(self) -> dict[str, Any]:
        """Quarantined records, by key."""
        listed = self._stack.s3.list_objects_v2(Bucket=self._bucket).get("Contents", [])
        return {
            each["Key"]: json.loads(
                self._stack.s3.get_object(Bucket=self._bucket, Key=each["Key"])["Body"].read()
            )
            for each in listed
        }

    def clear(self) -> None:
        for photo_id in self.rows():
            self._stack.dynamodb.delete_item(
                TableName=self._table, Key=to_item({"photo_id": photo_id})
            )
        for key in self.quarantine():
            self._stack.s3.delete_object(Bucket=self._bucket, Key=key)
