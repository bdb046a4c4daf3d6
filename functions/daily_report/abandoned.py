"""Photos that stay PENDING, and objects that no record needs."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from daily_report.reconciliation import ScannedRecord
from shared.photos import UPLOAD_PREFIX, Photo, Status
from shared.timestamps import iso_milliseconds

# PENDING photos and objects that are younger are left alone: an upload or its event may still be on
# its way, or a record may be about to name the object.
ABANDONED_AFTER: Final = timedelta(hours=24)
EVENT_LIFETIME: Final = timedelta(hours=12)  # Lambda retries an upload's event for a shorter time
GIVEN_UP_AFTER: Final = timedelta(days=3)
NEVER_UPLOADED: Final = "never uploaded"


class AbandonedOutcome(StrEnum):
    """What happens to an abandoned photo, by the name that it is counted under."""

    RESENT = "abandoned.resent"
    FAILED = "abandoned.failed"
    STUCK = "abandoned.stuck"


def is_abandoned(photo: ScannedRecord | Photo, now: datetime) -> bool:
    """Whether the photo has been PENDING for longer than `ABANDONED_AFTER`."""
    since = iso_milliseconds(now - ABANDONED_AFTER)
    return photo.status is Status.PENDING and "" < photo.created_at < since


def outcome(
    photo: ScannedRecord | Photo, uploaded_at: datetime | None, now: datetime
) -> AbandonedOutcome | None:
    """What happens to an abandoned photo; None while its upload is recent.

    An upload whose event is sent again is recent again. If a photo with an upload is still PENDING
    and older than `GIVEN_UP_AFTER`, it is stuck: an operator must look at it.
    """
    if uploaded_at is None:
        return AbandonedOutcome.FAILED
    if photo.created_at < iso_milliseconds(now - GIVEN_UP_AFTER):
        return AbandonedOutcome.STUCK
    return AbandonedOutcome.RESENT if uploaded_at < now - EVENT_LIFETIME else None


def photo_id_of(key: str) -> str | None:
    """The photo that an upload or rendition belongs to; None for a key of another form."""
    match key.split("/"):
        case ["uploads", photo_id] | ["photos", photo_id, _, _] if photo_id:
            return photo_id
    return None


def is_orphan(key: str, photo: Photo | None) -> bool:
    """Whether the photo, as it is now, does not need the object.

    An original is kept until its photo's record is a tombstone or is gone. A rendition is kept if
    the record names it, or while the photo is PENDING: an invocation of the thumbnailer may be
    about to name it.
    """
    if photo is None or photo.status is Status.DELETED:
        return True
    if key.startswith(UPLOAD_PREFIX) or photo.status is Status.PENDING:
        return False
    return key not in {rendition.key for rendition in photo.renditions.values()}
