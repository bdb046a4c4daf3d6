"""The record of a photo, the keys of its objects, and limits that several functions share."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

import msgspec

UPLOAD_PREFIX: Final = "uploads/"
MEDIA_PREFIX: Final = "photos/"
MAX_UPLOAD_BYTES: Final = 25_000_000
TOMBSTONE_LIFETIME: Final = timedelta(days=30)  # longer than failed events are kept for replay
FEED: Final = "photos"  # the only partition of the catalog's index `feed`


class Status(StrEnum):
    """The status of a photo: PENDING, then READY or FAILED; DELETED after any of these."""

    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"
    DELETED = "DELETED"


class Rendition(msgspec.Struct, frozen=True):
    """One size of a photo, as stored in the media bucket; sizes in pixels and bytes."""

    key: str
    width: int
    height: int
    bytes: int


class Photo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A photo's record: an item of the photos table.

    Times are ISO 8601 UTC with milliseconds. `version` grows by one with every write; replicas
    compare it. `bytes` is the announced size until the photo is READY, then the real size.
    `correlation_id` is that of the API request that created the photo or, later, deleted it.
    """

    photo_id: str
    version: int
    status: Status
    owner: str
    title: str
    content_type: str
    bytes: int
    created_at: str
    error: str | None = None
    width: int | None = None
    height: int | None = None
    color: str | None = None
    etag: str | None = None
    renditions: dict[str, Rendition] = {}
    uploaded_at: str | None = None
    ready_at: str | None = None
    expires_at: int | None = None
    correlation_id: str | None = None


def upload_key(photo_id: str) -> str:
    """The key of a photo's upload in the uploads bucket."""
    return f"{UPLOAD_PREFIX}{photo_id}"


def rendition_key(photo_id: str, etag: str, name: str) -> str:
    """The key in the media bucket; `etag`, without quotes, is that of the upload."""
    return f"{MEDIA_PREFIX}{photo_id}/{etag}/{name}.webp"
