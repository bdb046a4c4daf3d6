"""Process an upload: its photo becomes READY or FAILED, or the upload is ignored.

S3 delivers events more than once, out of order and concurrently, and invocations crash. Two rules
lead to the same end state, without orphaned renditions:

- The status of a photo changes from PENDING once, by one conditional write. The upload whose write
  succeeds becomes the photo.
- An invocation that sees a READY photo deletes the renditions that the photo's record does not
  list. If the photo is FAILED, DELETED or missing, it deletes all renditions. In each of these
  cases it also deletes the upload of its event, unless the photo is READY or FAILED because of
  this upload. While the photo is PENDING it deletes nothing: a concurrent invocation may be about
  to write the keys of its renditions into the record.

If an invocation crashes after it has stored renditions, Lambda invokes the function again with the
same event. That invocation settles the photo, or sees that it is settled and deletes what the
record does not list. If the upload was overwritten, the invocation for the newer upload settles the
photo and deletes the rest.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from botocore.exceptions import ClientError

from shared.cache_tags import METADATA_KEY, photo_tag
from shared.dynamodb import from_item, to_item
from shared.photos import MEDIA_PREFIX, Photo, Rendition, Status, rendition_key
from shared.timestamps import iso_milliseconds
from thumbnailer.decoding import check_size
from thumbnailer.notifications import RemovedObject, UploadedObject
from thumbnailer.renditions import RenderedPhoto, UnusablePhotoError, render

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_s3 import S3Client

# A rendition never changes: its key has the ETag of the upload. Shared caches keep it for a day
# only, as photos get deleted.
CACHE_CONTROL: Final = "public, max-age=31536000, s-maxage=86400, immutable"


class ThumbnailingError(ExceptionGroup[Exception]):
    """Some objects of an event failed; they may succeed when Lambda retries the event."""


class _UploadGoneError(Exception):
    """The upload was overwritten or deleted after its event."""


class UploadOutcome(StrEnum):
    """What happened to an upload, by the name of the metric that counts it."""

    READY = "PhotosReady"
    FAILED = "PhotosFailed"
    IGNORED = "UploadsIgnored"
    REPEATED = "UploadsRepeated"


class UploadResult(msgspec.Struct, frozen=True):
    """The outcome, and why."""

    outcome: UploadOutcome
    reason: str


class Thumbnailer(msgspec.Struct, frozen=True):
    """Processes uploads: from the uploads bucket to the media bucket and the photos table.

    `found` is called with each photo that is read from the table, or with None if it is missing.
    """

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    photos_table: str
    media_bucket: str
    clock: Callable[[], datetime]
    found: Callable[[Photo | None], None]

    def process(self, upload: UploadedObject) -> UploadResult:
        """Use this upload for its photo, unless the photo is settled.

        Raises:
            BotoCoreError, ClientError: a call to AWS failed. It is safe to call this again.
        """
        photo_id = upload.photo_id
        if photo_id is None:
            return UploadResult(UploadOutcome.IGNORED, "the key is not uploads/<photo_id>")
        photo = self._find(photo_id)
        if not _is_pending(photo):
            return self._clean_up(photo_id, upload, photo)
        renditions: dict[str, Rendition] = {}
        try:
            data = self._read(upload)
            rendered = render(data)
        except _UploadGoneError:
            # If the owner has deleted the photo, no event of a newer upload comes for it. Then this
            # invocation must delete the renditions that a crashed invocation may have left.
            photo = self._find(photo_id)
            if not _is_pending(photo):
                return self._clean_up(photo_id, upload, photo)
            return UploadResult(UploadOutcome.IGNORED, "the upload was overwritten or deleted")
        except UnusablePhotoError as error:
            result = UploadResult(UploadOutcome.FAILED, str(error))
            values: dict[str, Any] = {"status": Status.FAILED, "error": result.reason}
        else:
            result = UploadResult(
                UploadOutcome.READY, f"{rendered.content_type}, {len(data)} bytes"
            )
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
            return self._clean_up(photo_id, upload, from_item(old, Photo) if old else None)
        self._remove_renditions(photo_id, renditions.values())
        return result

    def is_missing(self, removed: RemovedObject) -> bool:
        """Whether a READY photo has lost its original.

        The API marks a photo DELETED before it removes the original. So if the photo is READY
        before and after S3 answers that the object does not exist, something else has removed it.

        Raises:
            BotoCoreError, ClientError: a call to AWS failed. It is safe to call this again.
        """
        photo_id = removed.photo_id
        return (
            photo_id is not None
            and _is_ready(self._find(photo_id))
            and not self._exists(removed)
            and _is_ready(self._find(photo_id))
        )

    def _exists(self, removed: RemovedObject) -> bool:
        try:
            self.s3.head_object(Bucket=removed.bucket, Key=removed.key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            return False
        return True

    def _find(self, photo_id: str) -> Photo | None:
        answer = self.dynamodb.get_item(
            TableName=self.photos_table, Key=to_item({"photo_id": photo_id}), ConsistentRead=True
        )
        photo = from_item(answer["Item"], Photo) if "Item" in answer else None
        self.found(photo)
        return photo

    def _read(self, upload: UploadedObject) -> bytes:
        try:
            answer = self.s3.get_object(
                Bucket=upload.bucket, Key=upload.key, IfMatch=f'"{upload.etag}"'
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in {"PreconditionFailed", "NoSuchKey"}:
                raise _UploadGoneError from error
            raise
        with answer["Body"] as body:
            check_size(answer["ContentLength"])
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
                Metadata={METADATA_KEY: photo_tag(photo_id)},
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

    def _clean_up(self, photo_id: str, upload: UploadedObject, photo: Photo | None) -> UploadResult:
        """Delete the renditions that a settled or missing photo does not need, and this upload.

        The upload that has made the photo READY or FAILED stays until the photo is DELETED.
        """
        if photo is None:
            self._remove_renditions(photo_id, ())
            self._remove_upload(upload)
            return UploadResult(UploadOutcome.IGNORED, "there is no such photo")
        self._remove_renditions(
            photo_id, photo.renditions.values() if photo.status is Status.READY else ()
        )
        if photo.etag == upload.etag and photo.status is not Status.DELETED:
            return UploadResult(
                UploadOutcome.REPEATED, f"this upload has made the photo {photo.status}"
            )
        self._remove_upload(upload)
        return UploadResult(UploadOutcome.IGNORED, f"the photo is {photo.status} already")

    def _remove_upload(self, upload: UploadedObject) -> None:
        """Remove the upload unless another has replaced it: that one has an event of its own."""
        try:
            self.s3.delete_object(Bucket=upload.bucket, Key=upload.key, IfMatch=f'"{upload.etag}"')
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"PreconditionFailed", "NoSuchKey"}:
                raise

    def _remove_renditions(self, photo_id: str, kept: Iterable[Rendition]) -> None:
        kept_keys = {rendition.key for rendition in kept}
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.media_bucket, Prefix=f"{MEDIA_PREFIX}{photo_id}/"
        )
        for page in pages:
            for stored in page.get("Contents", []):
                if stored["Key"] not in kept_keys:
                    self.s3.delete_object(Bucket=self.media_bucket, Key=stored["Key"])


def _is_pending(photo: Photo | None) -> bool:
    return photo is not None and photo.status is Status.PENDING


def _is_ready(photo: Photo | None) -> bool:
    return photo is not None and photo.status is Status.READY
