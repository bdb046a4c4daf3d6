"""A gallery of any size with inserted faults, and the findings that they must lead to."""

import dataclasses
import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from daily_report.settings import Settings
from daily_report.steps import DailyReport
from fakes.stores import (
    NAMES,
    NOW,
    Buckets,
    ScannedTables,
    ago,
    photo_id,
    queue,
)
from fakes.tables import Item
from shared.view_rows import magnitude

IN_A_MONTH = int((NOW + timedelta(days=20)).timestamp())
# How many of a thousand photos have each fault. All others are READY and correct.
SHARES = {
    "pending": 10,
    "failed": 10,
    "deleted": 20,
    "missing": 3,
    "missing_tombstone": 1,
    "stale": 2,
    "undeleted": 2,
    "extra": 3,
    "extra_of_pending": 1,
    "never_uploaded": 3,
    "event_lost": 2,
    "stuck": 1,
    "left_upload": 1,
    "left_rendition": 1,
}
COUNTED = {
    "drift.missing": ("missing", "missing_tombstone"),
    "drift.stale": ("stale", "undeleted"),
    "drift.extra": ("extra", "extra_of_pending"),
    "abandoned.failed": ("never_uploaded",),
    "abandoned.resent": ("event_lost",),
    "abandoned.stuck": ("stuck",),
    "orphans.uploads": ("left_upload",),
    "orphans.renditions": ("left_rendition",),
}


def photo(
    number: int,
    status: str,
    version: int = 2,
    *,
    created_at: str = "",
    expires_at: int | None = None,
) -> Item:
    """A record in DynamoDB's form."""
    item = {
        "photo_id": {"S": photo_id(number)},
        "version": {"N": str(version)},
        "status": {"S": status},
        "owner": {"S": "maria"},
        "title": {"S": "Harbour at dusk"},
        "content_type": {"S": "image/jpeg"},
        "bytes": {"N": "1000"},
        "created_at": {"S": created_at},
    }
    if status == "READY":
        item["ready_at"] = {"S": ago(days=9)}
    if expires_at:
        item["expires_at"] = {"N": str(expires_at)}
    return item


def row(number: int, status: str = "READY", version: int = 2) -> Item:
    """A row of the catalog."""
    return {
        "photo_id": {"S": photo_id(number)},
        "version": {"N": str(version)},
        "status": {"S": status},
        "replicated_at": {"S": ago(days=9)},
    }


def view_row(number: int, period: str, views: int, **more: Any) -> Item:
    """A row of the views table, as view_counter has written it."""
    item = {"photo_id": {"S": photo_id(number)}, "period": {"S": period}}
    if views and period.startswith("total"):
        item["rank_group"] = {"S": photo_id(number)[-1]}
        item["magnitude"] = {"N": str(magnitude(views))}
    return item | {"views": {"N": str(views)}} | more


@dataclasses.dataclass
class LargeGallery:
    """A gallery of `size` photos; with `like` it starts as a copy of another gallery."""

    size: int = 0
    seed: int = 1
    salts: dict[str, str] | None = None
    bills: bool = False
    shares: dict[str, int] = dataclasses.field(default_factory=lambda: SHARES)
    like: "LargeGallery | None" = None
    now: datetime = NOW

    def __post_init__(self) -> None:
        if self.like:
            self.salts = self.like.salts
        self.tables = ScannedTables(salts=self.salts, bills=self.bills)
        self.buckets = Buckets(lambda: self.now)
        self.inserted: dict[str, set[str]] = defaultdict(set)
        self.report = DailyReport(
            dynamodb=self.tables,  # type: ignore[arg-type]
            s3=self.buckets,  # type: ignore[arg-type]
            sqs=queue(3),
            settings=Settings(**NAMES),
            clock=lambda: self.now,
            log=lambda *_args, **_kwargs: None,
        )
        if self.like:
            self.tables.copy_from(self.like.tables)
            self.buckets.copy_from(self.like.buckets)
            self.inserted = self.like.inserted
        chance = random.Random(self.seed)  # noqa: S311
        weights = [*self.shares.values(), 1000 - sum(self.shares.values())]
        kinds = chance.choices([*self.shares, "ready"], weights, k=self.size)
        for number, kind in enumerate(kinds):
            self.inserted[kind].add(photo_id(number))
            self._insert(number, kind)
            if number % 10 == 0:
                for period, views in (
                    ("total", number),
                    ("total#3", number),
                    (f"minute#{ago(days=1)[:16]}Z", 1),
                ):
                    self.tables.put("views", view_row(number, period, views))

    def expected(self) -> Counter[str]:
        """How often each finding must be counted."""
        return Counter(
            {
                name: number
                for name, kinds in COUNTED.items()
                if (number := sum(len(self.inserted[kind]) for kind in kinds))
            }
        )

    def _insert(self, number: int, kind: str) -> None:
        is_old, expires_at = {"created_at": ago(days=9)}, IN_A_MONTH
        deleted = photo(number, "DELETED", 3, expires_at=expires_at, **is_old)
        ready = photo(number, "READY", **is_old)
        hours = {"pending": 23, "extra_of_pending": 1, "never_uploaded": 25, "event_lost": 48}
        pending = photo(number, "PENDING", 1, created_at=ago(hours=hours.get(kind, 96)))
        unpaired = {"extra": None, "failed": photo(number, "FAILED", **is_old)}
        photos = unpaired | dict.fromkeys(("pending", *list(hours), "stuck"), pending)
        photos |= dict.fromkeys(
            ("deleted", "left_upload", "missing_tombstone", "undeleted"), deleted
        )
        photos["stale"] = photo(number, "READY", 3, **is_old)
        rows = {
            **dict.fromkeys(("deleted", "left_upload"), row(number, "DELETED", 3)),
            **dict.fromkeys(
                ("ready", "left_rendition", "stale", "undeleted", "extra", "extra_of_pending"),
                row(number),
            ),
        }
        if record := photos.get(kind, ready):
            self.tables.put("photos", record)
        if kind in rows:
            self.tables.put("catalog", rows[kind])
        if kind in {"event_lost", "stuck", "left_upload"} or (kind == "ready" and not number % 10):
            key = f"uploads/{photo_id(number)}"
            self.buckets.store("uploads-bucket", key, NOW - timedelta(days=2), b"photo")
        if kind == "left_rendition":
            key = f"photos/{photo_id(number)}/0123/thumb.webp"
            self.buckets.store("media-bucket", key, NOW - timedelta(days=2), b"left")
