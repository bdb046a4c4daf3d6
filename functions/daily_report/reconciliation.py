"""Source and replica, compared by key and version: what differs, and how."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from shared.photos import TOMBSTONE_LIFETIME, Photo, Status
from shared.timestamps import iso_milliseconds

UNDER_WAY: Final = timedelta(minutes=5)  # what was written since may still be in the stream
REPLICATED: Final = {Status.READY, Status.DELETED}


class Record(msgspec.Struct, frozen=True, gc=False):
    """What is read of a photo, or of its row in the catalog."""

    photo_id: str
    version: int
    status: Status
    bytes: int = 0
    created_at: str = ""
    ready_at: str | None = None
    expires_at: int | None = None


class Drift(StrEnum):
    """How the catalog differs from a photo, by the name that it is counted under."""

    MISSING = "drift.missing"
    STALE = "drift.stale"
    EXTRA = "drift.extra"


def is_gone(record: Record | Photo, now: datetime) -> bool:
    """Whether its time to live is over, though the table may still hold it."""
    return record.expires_at is not None and record.expires_at <= now.timestamp()


def drift(photo: Record | Photo | None, row: Record | None, now: datetime) -> Drift | None:
    """The difference, if there is one; `row` was read before `photo`, so it cannot be newer."""
    if row and is_gone(row, now):
        row = None
    if photo is None or is_gone(photo, now):
        # A tombstone that outlives its photo harms nobody, and goes by itself.
        return Drift.EXTRA if row and row.status is not Status.DELETED else None
    if photo.status not in REPLICATED or (row and row.version > photo.version):
        return Drift.EXTRA if row else None
    if (row and row.version == photo.version) or _is_under_way(photo, now - UNDER_WAY):
        return None
    return Drift.STALE if row else Drift.MISSING


def _is_under_way(photo: Record | Photo, since: datetime) -> bool:
    if photo.status is Status.DELETED:
        return (photo.expires_at or 0) > (since + TOMBSTONE_LIFETIME).timestamp()
    return (photo.ready_at or "") > iso_milliseconds(since)


class Pairs:
    """Pairs photos and rows of one version while both tables are scanned side by side.

    DynamoDB scans in the order of the keys' hashes, but does not promise one order for all tables.
    While it is the same one, few records wait for their counterpart. Who waits too long is to be
    looked up, so what is found does not depend on it.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, dict[str, int]] = {"photos": {}, "catalog": {}}

    def add(self, table: str, record: Record) -> None:
        """A record that pairs with the one of the other table, or waits."""
        other = self.waiting["catalog" if table == "photos" else "photos"]
        if other.get(record.photo_id) == record.version:
            del other[record.photo_id]
        else:
            self.waiting[table][record.photo_id] = record.version

    def give_up(self, kept: int) -> list[str]:
        """Ids that have waited too long, and no longer do, because more than `kept` are waiting."""
        given_up: set[str] = set()
        while sum(map(len, self.waiting.values())) > kept:
            longest = max(self.waiting.values(), key=len)
            photo_id = next(iter(longest))
            del longest[photo_id]
            given_up.add(photo_id)
        return sorted(given_up)
