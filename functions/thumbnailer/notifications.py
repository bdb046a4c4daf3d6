"""The objects that an S3 event notification names."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import unquote_plus

import msgspec

from shared.events import check_event
from shared.photos import UPLOAD_PREFIX

_CREATED: Final = "ObjectCreated:"


class OriginalObject(msgspec.Struct, frozen=True):
    """A key of the uploads bucket."""

    bucket: str
    key: str

    @property
    def photo_id(self) -> str | None:
        """The photo that it belongs to; None if the key is not `uploads/<photo_id>`."""
        photo_id = self.key.removeprefix(UPLOAD_PREFIX)
        return None if photo_id in {"", self.key} or "/" in photo_id else photo_id


class UploadedObject(OriginalObject, frozen=True):
    """One object created in the uploads bucket; `etag` as in the event, without quotes."""

    etag: str
    uploaded_at: datetime


class RemovedObject(OriginalObject, frozen=True):
    """One object removed from the uploads bucket, and the principal that removed it."""

    removed_by: str | None


class _Identity(msgspec.Struct, frozen=True, rename="camel"):
    principal_id: str | None = None


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct, rename="camel"):
    key: str
    e_tag: str = ""  # a removed object has none


class _S3(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _S3Record(msgspec.Struct, rename="camel"):
    event_name: Annotated[str, msgspec.Meta(pattern="^Object(Created|Removed):")]
    event_time: Annotated[datetime, msgspec.Meta(tz=True)]
    s3: _S3
    user_identity: _Identity = _Identity()

    def __post_init__(self) -> None:
        if self.event_name.startswith(_CREATED) and not self.s3.object.e_tag:
            raise ValueError("a created object has no `eTag`")


class _Notification(msgspec.Struct, rename="pascal"):
    records: list[_S3Record]


def objects_in(event: Mapping[str, Any]) -> list[UploadedObject | RemovedObject]:
    """The objects that a notification names.

    Raises:
        UnexpectedEventError: the event is something else, or a notification about other events of
            S3. S3 sends its `s3:TestEvent` to queues and topics, never to a function.
    """
    expected = "S3 notifications of created and removed objects"
    notification = check_event("thumbnailer", expected, event, _Notification)
    return [_object(record) for record in notification.records]


def _object(record: _S3Record) -> UploadedObject | RemovedObject:
    bucket, key = record.s3.bucket.name, unquote_plus(record.s3.object.key)
    if record.event_name.startswith(_CREATED):
        return UploadedObject(bucket, key, record.s3.object.e_tag, record.event_time)
    return RemovedObject(bucket, key, record.user_identity.principal_id)
