"""What the thumbnailer works with: the owner's uploads, S3's events, and the stored objects."""

import dataclasses
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from shared.dynamodb import from_item, to_item
from shared.photos import MEDIA_PREFIX, Photo, Status, upload_key
from tests.support.moto_stack import MotoStack
from tests.support.repository import ROOT

CREATED_AT = "2026-11-20T12:34:50.000Z"


@dataclasses.dataclass
class LambdaContext:
    """The attributes of Lambda's context that Powertools reads."""

    function_name: str = "thumbnailer"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:thumbnailer"
    aws_request_id: str = "7d3c0b4e-1f57-4c5e-9d6a-2f0f4b8f6a11"


class Output:
    """What a function wrote: log lines, and the metrics that it published."""

    def __init__(self, text: str) -> None:
        written = [json.loads(line) for line in text.splitlines()]
        self.log = [line for line in written if "_aws" not in line]
        self.metrics = [line for line in written if "_aws" in line]

    def count(self, name: str) -> float:
        """A metric, summed over all invocations."""
        return sum(sum(line.get(name, [])) for line in self.metrics)


type Invoke = Callable[[dict[str, Any]], None]
type Written = Callable[[], Output]


def load_event(name: str) -> dict[str, Any]:
    """An event from `events/`, by the name of its file without the ending."""
    return json.loads((ROOT / Path("events", name).with_suffix(".json")).read_text())


def jpeg(color: str = "teal", size: tuple[int, int] = (48, 32)) -> bytes:
    """A small photo, which is fast to encode and to decode."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "JPEG")
    return file.getvalue()


def etag_of(event: dict[str, Any]) -> str:
    """The ETag of the first upload in an event."""
    return event["Records"][0]["s3"]["object"]["eTag"]


class Uploads:
    """The photos table and the two buckets, as owner, API and S3 use them."""

    def __init__(self, stack: MotoStack) -> None:
        self._stack = stack
        self._table = stack.names["PhotosTable"]
        self._bucket = stack.names["UploadsBucket"]
        self._media = stack.names["MediaBucket"]
        self._ids = (f"019a9fb2-0c7b-7c3e-9a52-{n:012x}" for n in itertools.count(1))

    def create_photo(self, photo_id: str | None = None, correlation_id: str | None = None) -> str:
        """A record as the API writes it before it returns the presigned PUT."""
        photo = Photo(
            photo_id=photo_id or next(self._ids),
            version=1,
            status=Status.PENDING,
            owner="maria",
            title="Harbour at dusk",
            content_type="image/png",
            bytes=1,
            created_at=CREATED_AT,
            correlation_id=correlation_id,
        )
        self._stack.dynamodb.put_item(TableName=self._table, Item=to_item(photo))
        return photo.photo_id

    def upload(self, photo_id: str, data: bytes) -> dict[str, Any]:
        """Put the object, and return the event that S3 would send."""
        event = load_event("s3_photo_uploaded")
        event["Records"][0]["s3"]["object"]["key"] = upload_key(photo_id)
        self.put_object_of(event["Records"][0], upload_key(photo_id), data)
        return event

    def remove_original(self, photo_id: str) -> dict[str, Any]:
        """Remove the original by hand, and return the event that S3 would send."""
        self._stack.s3.delete_object(Bucket=self._bucket, Key=upload_key(photo_id))
        return self.removal(photo_id)

    def removal(self, photo_id: str) -> dict[str, Any]:
        """The event about a removed original."""
        event = load_event("s3_original_removed")
        event["Records"][0]["s3"]["bucket"]["name"] = self._bucket
        event["Records"][0]["s3"]["object"]["key"] = upload_key(photo_id)
        return event

    def put_object_of(self, record: dict[str, Any], key: str, data: bytes) -> None:
        """Put the object of a record, and correct the record's size and ETag."""
        answer = self._stack.s3.put_object(Bucket=self._bucket, Key=key, Body=data)
        record["s3"]["bucket"]["name"] = self._bucket
        record["s3"]["object"] |= {"size": len(data), "eTag": answer["ETag"].strip('"')}

    def delete_photo(self, photo_id: str) -> None:
        """Delete a photo as the API does: first its record, then the objects that it names."""
        answer = self._stack.dynamodb.update_item(
            TableName=self._table,
            Key=to_item({"photo_id": photo_id}),
            UpdateExpression="SET #status = :deleted, #version = #version + :one",
            ExpressionAttributeNames={"#status": "status", "#version": "version"},
            ExpressionAttributeValues=to_item({":deleted": Status.DELETED, ":one": 1}),
            ReturnValues="ALL_OLD",
        )
        for rendition in from_item(answer["Attributes"], Photo).renditions.values():
            self._stack.s3.delete_object(Bucket=self._media, Key=rendition.key)
        self._stack.s3.delete_object(Bucket=self._bucket, Key=upload_key(photo_id))

    def drop_record(self, photo_id: str) -> None:
        """Delete the record as the table's TTL does."""
        self._stack.dynamodb.delete_item(TableName=self._table, Key=to_item({"photo_id": photo_id}))

    def photo(self, photo_id: str) -> Photo:
        """The record as stored."""
        answer = self._stack.dynamodb.get_item(
            TableName=self._table, Key=to_item({"photo_id": photo_id})
        )
        return from_item(answer["Item"], Photo)

    def put_rendition(self, key: str) -> None:
        """Put a rendition as an invocation leaves it that crashed before it wrote the record."""
        self._stack.s3.put_object(Bucket=self._media, Key=key, Body=b"left by a crashed run")

    def rendition(self, key: str) -> dict[str, Any]:
        """An object of the media bucket with its headers."""
        return dict(self._stack.s3.get_object(Bucket=self._media, Key=key))

    def stored_renditions(self, photo_id: str) -> set[str]:
        """The keys in the media bucket."""
        answer = self._stack.s3.list_objects_v2(
            Bucket=self._media, Prefix=f"{MEDIA_PREFIX}{photo_id}/"
        )
        return {stored["Key"] for stored in answer.get("Contents", [])}

    def stored_original(self, photo_id: str) -> str | None:
        """The ETag of the object in the uploads bucket, or None."""
        listed = self._stack.s3.list_objects_v2(Bucket=self._bucket, Prefix=upload_key(photo_id))
        [found] = listed.get("Contents") or [{"ETag": None}]
        return found["ETag"] and found["ETag"].strip('"')

    def assert_nothing_orphaned(self, photo_id: str) -> None:
        """Assert that the buckets have only objects that the photo's record needs.

        The original may be missing, because a later upload can have replaced it.
        """
        photo = self.photo(photo_id)
        original = self.stored_original(photo_id)
        assert original is None or (photo.etag == original and photo.status is not Status.DELETED)
        named = photo.renditions.values() if photo.status is Status.READY else ()
        assert self.stored_renditions(photo_id) == {rendition.key for rendition in named}
