"""Shares of the tables and buckets, which child executions read in parallel.

A share has segments of the tables, and the objects of a range of photo ids.
"""

import itertools
import math
from datetime import datetime
from typing import Final

import msgspec

from shared.photo_ids import id_prefix
from shared.photos import MEDIA_PREFIX, UPLOAD_PREFIX

PHOTOS_PER_SHARE: Final = 1_000_000
MAX_SHARES: Final = 1000  # their list stays below the 256 KB of Step Functions
_SEGMENTS: Final = 4  # of each table in one share

# Where to continue, by what has not ended: a table's name, `objects` (a listing), or `ranking`.
type Positions = dict[str, str]


class Share(msgspec.Struct, frozen=True):
    """One of `total` shares. The defaults describe a single share, which has all photos."""

    number: int = 0
    total: int = 1
    first_id: str = ""
    end_id: str | None = None

    def readers(self, phase: str) -> dict[str, Positions]:
        """The readers of a phase by name, and the positions where each begins.

        Each reader is run in a thread of its own. It reads a segment, such as `2/4`, of one table
        or of two, or a listing of a bucket, such as `uploads`.
        """
        first = self.number * _SEGMENTS
        segments = [f"{first + at}/{self.total * _SEGMENTS}" for at in range(_SEGMENTS)]
        if phase == "photos":
            return {segment: {"photos": "", "catalog": ""} for segment in segments}
        if phase == "views":
            return {segment: {"views": ""} for segment in segments}
        starts = {"uploads": UPLOAD_PREFIX, "renditions": MEDIA_PREFIX}
        listings = {
            listing: {"objects": prefix + self.first_id if self.first_id else ""}
            for listing, prefix in starts.items()
        }
        if self.number == 0:  # these are few
            listings |= {"failed_batches": {"objects": ""}, "quarantine": {"objects": ""}}
        return listings

    def end_of(self, listing: str) -> str | None:
        """The key with which the share ends in a listing; None for the end of the listing."""
        prefix = {"uploads": UPLOAD_PREFIX, "renditions": MEDIA_PREFIX}.get(listing)
        return prefix + self.end_id if prefix and self.end_id else None


def make_shares(photos: int, per_share: int, oldest: datetime, newest: datetime) -> list[Share]:
    """As many shares as this number of photos needs; none if one execution can read them.

    The id of a photo begins with the time of its creation. The shares divide the time from `oldest`
    to `newest` evenly.
    """
    total = min(MAX_SHARES, math.ceil(photos / per_share))
    if total <= 1:
        return []
    step = (newest - oldest) / total
    bounds = ["", *(id_prefix(oldest + number * step) for number in range(1, total)), None]
    return [
        Share(number, total, first or "", end)
        for number, (first, end) in enumerate(itertools.pairwise(bounds))
    ]
