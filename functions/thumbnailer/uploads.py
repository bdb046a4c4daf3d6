"""What becomes of an upload: its photo READY or FAILED, or the upload ignored; never an orphan.

Events come twice, out of order, after crashes and beside each other. Two rules give one end state:

- A photo leaves PENDING once, by one conditional write. The upload that wins it is the photo.
- Whoever sees a photo settled removes every rendition that is not the photo's. Nobody does while
  it is PENDING: a run beside this one may be about to win with the renditions it has just put.

A run that crashed after putting renditions comes again and sees the photo settled; or its upload
was overwritten, then the event of the upload that did so sees it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from botocore.exceptions import ClientError

from shared.dynamodb import from_item, to_item
from shared.photos import MAX_UPLOAD_BYTES, MEDIA_PREFIX, Photo, Rendition, Status, rendition_key
from shared.timestamps import iso_milliseconds
from thumbnailer.notifications import Upload
from thumbnailer.renditions import RenderedPhoto, UnusablePhotoError, render

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_s3 import S3Client

# What is under a key never changes, so browsers keep it; shared caches let go of deleted photos.
CACHE_CONTROL: Final = "public, max-age=31536000, s-maxage=86400, immutable"


class ThumbnailingError(ExceptionGroup[Exception]):
    """Uploads that may succeed when their event comes again, with the cause of each."""


class _UploadGoneError(Exception):
    """The upload was overwritten or deleted after its event."""


class Outcome(StrEnum):
    """What became of an upload, by the name of the metric that counts it."""

    READY = "PhotosReady"
    FAILED = "PhotosFailed"
    IGNORED = "UploadsIgnored"
    REPEATED = "UploadsRepeated"


class Result(msgspec.Struct, frozen=True):
    """The outcome, and why."""

    outcome: Outcome
    reason: str


class Thumbnailer(msgspec.Struct, frozen=True):
    """Takes uploads: from the uploads bucket to the media bucket and the photos table.

    `found` is told each record that is read, and that there is none, before anything is done.
    """

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    photos_table: str
    media_bucket: str
    clock: Callable[[], datetime]
    found: Callable[[Photo | None], None]

    def take(self, upload: Upload) -> Result:
        """Make the upload its photo, unless the photo has one already or is deleted.

        Raises:
            BotoCoreError, ClientError: AWS failed. Calling again, at any time, is safe.
        """
        photo_id = upload.photo_id
        if photo_id is None:
            return Result(Outcome.IGNORED, "the key is not an upload's")
        photo = self._find(photo_id)
        if not _is_pending(photo):
            return self._turn_away(photo_id, upload, photo)
        renditions: dict[str, Rendition] = {}
        try:
            data = self._read(upload)
            rendered = render(data)
        except _UploadGoneError:
            # Its owner may have deleted the photo since the first look. Then no other event need
            # come, and what a crashed run of this one left is this run's to remove.
            photo = self._find(photo_id)
            if not _is_pending(photo):
                return self._turn_away(photo_id, upload, photo)
            return Result(Outcome.IGNORED, "the upload was overwritten or deleted")
        except UnusablePhotoError as error:
            result = Result(Outcome.FAILED, str(error))
            values: dict[str, Any] = {"status": Status.FAILED, "error": result.reason}
        else:
            result = Result(Outcome.READY, f"{rendered.content_type}, {len(data)} bytes")
            renditions = self._put(photo_id, upload.etag, rendered)
            values = {
                "status": Status.READY,
                "content_type": rendered.content_type,
                "bytes": len(data),
                "width": rendered.width,
                "height": rendered.height,
                "color": rendered.color,
                "renditions": renditions,
                "ready_at": iso_milliseconds(self.clock()),
            }
        values |= {"etag": upload.etag, "uploaded_at": iso_milliseconds(upload.uploaded_at)}
        try:
            self._settle(photo_id, values)
        except self.dynamodb.exceptions.ConditionalCheckFailedException as error:
            old = cast("Mapping[str, AttributeValueTypeDef] | None", error.response.get("Item"))
            return self._turn_away(photo_id, upload, from_item(old, Photo) if old else None)
        self._sweep(photo_id, renditions.values())
        return result

    def _find(self, photo_id: str) -> Photo | None:
        answer = self.dynamodb.get_item(
            TableName=self.photos_table, Key=to_item({"photo_id": photo_id}), ConsistentRead=True
        )
        photo = from_item(answer["Item"], Photo) if "Item" in answer else None
        self.found(photo)
        return photo

    def _read(self, upload: Upload) -> bytes:
        try:
            answer = self.s3.get_object(
                Bucket=upload.bucket, Key=upload.key, IfMatch=f'"{upload.etag}"'
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in {"PreconditionFailed", "NoSuchKey"}:
                raise _UploadGoneError from error
            raise
        with answer["Body"] as body:
            if answer["ContentLength"] > MAX_UPLOAD_BYTES:
                raise UnusablePhotoError(
                    f"The file is too large: {answer['ContentLength'] / 2**20:.1f} MB, "
                    f"the limit is {MAX_UPLOAD_BYTES // 2**20}."
                )
            return body.read()

    def _put(self, photo_id: str, etag: str, photo: RenderedPhoto) -> dict[str, Rendition]:
        renditions = {}
        for name, encoded in photo.renditions.items():
            key = rendition_key(photo_id, etag, name)
            self.s3.put_object(
                Bucket=self.media_bucket,
                Key=key,
                Body=encoded.data,
                ContentType="image/webp",
                CacheControl=CACHE_CONTROL,
            )
            renditions[name] = Rendition(
                key=key, width=encoded.width, height=encoded.height, bytes=len(encoded.data)
            )
        return renditions

    def _settle(self, photo_id: str, values: Mapping[str, Any]) -> None:
        assignments = ", ".join(f"#{name} = :{name}" for name in values)
        self.dynamodb.update_item(
            TableName=self.photos_table,
            Key=to_item({"photo_id": photo_id}),
            UpdateExpression=f"SET #version = #version + :one, {assignments}",
            ConditionExpression="#status = :pending",
            ExpressionAttributeNames={f"#{name}": name for name in ("version", *values)},
            ExpressionAttributeValues=to_item(
                {":one": 1, ":pending": Status.PENDING}
                | {f":{name}": value for name, value in values.items()}
            ),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def _turn_away(self, photo_id: str, upload: Upload, photo: Photo | None) -> Result:
        if photo is None:
            self._sweep(photo_id, ())
            return Result(Outcome.IGNORED, "there is no such photo")
        self._sweep(photo_id, photo.renditions.values() if photo.status is Status.READY else ())
        if photo.etag == upload.etag and photo.status is not Status.DELETED:
            return Result(Outcome.REPEATED, f"this upload has made the photo {photo.status}")
        return Result(Outcome.IGNORED, f"the photo is {photo.status} already")

    def _sweep(self, photo_id: str, kept: Iterable[Rendition]) -> None:
        kept_keys = {rendition.key for rendition in kept}
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.media_bucket, Prefix=f"{MEDIA_PREFIX}{photo_id}/"
        )
        for stored in (stored for page in pages for stored in page.get("Contents", [])):
            if stored["Key"] not in kept_keys:
                self.s3.delete_object(Bucket=self.media_bucket, Key=stored["Key"])


def _is_pending(photo: Photo | None) -> bool:
    return photo is not None and photo.status is Status.PENDING
