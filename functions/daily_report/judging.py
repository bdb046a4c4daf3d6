"""Finds what is wrong with photos, rows and objects."""

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from daily_report import abandoned
from daily_report.reading import Storage
from daily_report.reconciliation import ScannedRecord, drift, is_counted_for
from daily_report.settings import Settings
from daily_report.state import Finding
from shared.photos import Photo, upload_key

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef


class Discrepancy(msgspec.Struct, frozen=True):
    """The name under which a fault of a photo is counted, and what was read as evidence of it."""

    name: str
    photo_id: str
    photo: Photo | None
    row: ScannedRecord | None
    upload: "HeadObjectOutputTypeDef | None"


class Judge(msgspec.Struct, frozen=True):
    """Judges photos, rows and objects by what is stored when it reads them.

    `now` is the start of the execution: photos and rows are judged by their age at that time.
    """

    storage: Storage
    settings: Settings

    def findings(self, unpaired: Mapping[str, Container[str]], now: datetime) -> list[Finding]:
        """What is wrong with these photos, confirmed by consistent reads.

        `unpaired` has, by photo id, the tables whose record of the photo has no counterpart.
        Eventually consistent reads come first: they cost half, and nearly all photos are right.
        """
        suspects = [each.photo_id for each in self.discrepancies(unpaired, now, consistent=False)]
        confirmed = self.discrepancies(suspects, now, consistent=True)
        return [
            (each.name, each.photo_id)
            for each in confirmed
            if is_counted_for(each.name, unpaired[each.photo_id])
        ]

    def discrepancies(
        self, photo_ids: Iterable[str], now: datetime, *, consistent: bool
    ) -> Iterator[Discrepancy]:
        """The photos that differ from their catalog row, or that are abandoned.

        Malformed records are left out: they are findings of their own.
        """
        ids = list(photo_ids)
        # The rows first, see `drift`. Only consistent reads confirm that a row is newer.
        rows = self.storage.get(
            self.settings.catalog_table, ids, ScannedRecord, consistent=consistent
        )
        photos = self.storage.get(self.settings.photos_table, ids, Photo, consistent=consistent)
        malformed = rows.malformed_ids | photos.malformed_ids
        for photo_id in ids:
            if photo_id in malformed:
                continue
            photo, row = photos.found.get(photo_id), rows.found.get(photo_id)
            difference = drift(photo, row, now)
            if difference:
                yield Discrepancy(difference, photo_id, photo, row, None)
            elif photo and abandoned.is_abandoned(photo, now):
                upload = self.storage.head_object(
                    self.settings.uploads_bucket, upload_key(photo_id)
                )
                uploaded_at = upload["LastModified"] if upload else None
                outcome = abandoned.outcome(photo, uploaded_at, now)
                if outcome:
                    yield Discrepancy(outcome, photo_id, photo, row, upload)

    def orphans(self, keys: Iterable[str], *, consistent: bool) -> list[str]:
        """The keys of objects that no record needs."""
        photo_ids: dict[str, str] = {}
        for key in keys:
            photo_id = abandoned.photo_id_of(key)
            if photo_id:
                photo_ids[key] = photo_id
        photos = self.storage.get(
            self.settings.photos_table, set(photo_ids.values()), Photo, consistent=consistent
        )
        return [
            key
            for key, photo_id in photo_ids.items()
            if photo_id not in photos.malformed_ids
            and abandoned.is_orphan(key, photos.found.get(photo_id))
        ]
