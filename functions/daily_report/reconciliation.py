"""Differences between photos and their catalog rows, by key and version."""

from collections import defaultdict
from collections.abc import Container
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from shared.photos import TOMBSTONE_LIFETIME, Photo, Status
from shared.timestamps import iso_milliseconds

REPLICATION_TIME: Final = timedelta(minutes=5)  # a change may be in the stream for so long
REPLICATED: Final = {Status.READY, Status.DELETED}


class ScannedRecord(msgspec.Struct, frozen=True, gc=False):
    """The attributes that are read of a photo or of its catalog row."""

    photo_id: str
    version: int
    status: Status
    bytes: int = 0
    created_at: str = ""
    ready_at: str | None = None
    expires_at: int | None = None


class Drift(StrEnum):
    """How a catalog row differs from its photo, by the name that it is counted under."""

    MISSING = "drift.missing"
    STALE = "drift.stale"
    EXTRA = "drift.extra"


def is_counted_for(name: str, tables: Container[str]) -> bool:
    """Whether a reader counts a finding of this name.

    `tables` are the tables in which this reader has found a record of the photo without its pair.
    A photo and its catalog row may be in two segments, whose readers then both find the difference.
    An extra row is counted by the reader that has read the row, all else by the reader that has
    read the photo.
    """
    return ("catalog" if name == Drift.EXTRA else "photos") in tables


def is_expired(record: ScannedRecord | Photo, now: datetime) -> bool:
    """Whether its time to live has ended; DynamoDB may delete it later."""
    return record.expires_at is not None and record.expires_at <= now.timestamp()


def drift(
    photo: ScannedRecord | Photo | None, row: ScannedRecord | None, now: datetime
) -> Drift | None:
    """The difference, or None.

    `row` must be read before `photo`. Then a row with a higher version is an error, not a change
    between the two reads.
    """
    if row and is_expired(row, now):
        row = None
    if photo is None or is_expired(photo, now):
        # A tombstone that outlives its photo is harmless, and its TTL deletes it.
        return Drift.EXTRA if row and row.status is not Status.DELETED else None
    if photo.status not in REPLICATED or (row and row.version > photo.version):
        return Drift.EXTRA if row else None
    if (row and row.version == photo.version) or _changed_since(photo, now - REPLICATION_TIME):
        return None
    return Drift.STALE if row else Drift.MISSING


def _changed_since(photo: ScannedRecord | Photo, since: datetime) -> bool:
    if photo.status is Status.DELETED:
        return (photo.expires_at or 0) > (since + TOMBSTONE_LIFETIME).timestamp()
    return (photo.ready_at or "") > iso_milliseconds(since)


class Pairs:
    """Pairs photos and rows of one version while both tables are scanned at the same time.

    DynamoDB scans in the order of the keys' hashes, but does not promise the same order for two
    tables. While the order is the same, few records wait for their counterpart. A record that waits
    too long is read by its key, so the findings do not depend on the order.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, dict[str, int]] = {"photos": {}, "catalog": {}}

    def add(self, table: str, record: ScannedRecord) -> None:
        """Pair the record with the waiting one of the other table, or let it wait."""
        other = self.waiting["catalog" if table == "photos" else "photos"]
        if other.get(record.photo_id) == record.version:
            del other[record.photo_id]
        else:
            self.waiting[table][record.photo_id] = record.version

    def give_up(self, kept: int) -> dict[str, set[str]]:
        """Remove waiting records until at most `kept` are left.

        Each time, the table that has more of them gives up the one that has waited longest.

        Returns:
            The tables of the removed records, by photo id.
        """
        given_up: dict[str, set[str]] = defaultdict(set)
        while sum(map(len, self.waiting.values())) > kept:
            table = max(self.waiting, key=lambda table: len(self.waiting[table]))
            photo_id = next(iter(self.waiting[table]))
            del self.waiting[table][photo_id]
            given_up[photo_id].add(table)
        return dict(sorted(given_up.items()))
