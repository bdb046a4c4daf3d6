"""The uploads that an S3 event notification names."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import unquote_plus

import msgspec

from shared.events import check_event
from shared.photos import UPLOAD_PREFIX


class UploadedObject(msgspec.Struct, frozen=True):
    """One object created in the uploads bucket; `etag` as in the event, without quotes."""

    bucket: str
    key: str
    etag: str
    uploaded_at: datetime

    @property
    def photo_id(self) -> str | None:
        """The photo that it belongs to; None if the key does not have the form of an upload's."""
        photo_id = self.key.removeprefix(UPLOAD_PREFIX)
        return None if photo_id in {"", self.key} or "/" in photo_id else photo_id


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct, rename="camel"):
    key: str
    e_tag: str


class _S3(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _S3Record(msgspec.Struct, rename="camel"):
    event_name: Annotated[str, msgspec.Meta(pattern="^ObjectCreated:")]
    event_time: Annotated[datetime, msgspec.Meta(tz=True)]
    s3: _S3


class _Notification(msgspec.Struct, rename="pascal"):
    records: list[_S3Record]


def uploads_in(event: Mapping[str, Any]) -> list[UploadedObject]:
    """The uploads that a notification names.

    Raises:
        UnexpectedEventError: the event is something else, or a notification about other events of
            S3. S3 sends its `s3:TestEvent` to queues and topics, never to a function.
    """
    expected = "S3 notifications of created objects"
    notification = check_event("thumbnailer", expected, event, _Notification)
    return [
        UploadedObject(
            bucket=record.s3.bucket.name,
            key=unquote_plus(record.s3.object.key),
            etag=record.s3.object.e_tag,
            uploaded_at=record.event_time,
        )
        for record in notification.records
    ]
