"""Totals of photos for the answers to views.

An execution environment reads each at most once in `KEPT_FOR`. Every view would otherwise read the
photo's partition of the views table, and the views of a single photo could make DynamoDB throttle
it for view_counter, too. CloudFront keeps the answers of `GET /photos/{photo_id}/views` for the
same time.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

KEPT_FOR: Final = timedelta(seconds=2)
_PAUSE: Final = timedelta(seconds=5)

type Totals = list[Mapping[str, Any]]


class RecentTotals(msgspec.Struct):
    """The totals that `read` has found, by photo, with the time until which they are kept."""

    read: Callable[[str], Totals]
    clock: Callable[[], datetime]
    found: dict[str, tuple[datetime, Totals]] = {}
    paused_until: datetime = datetime.min.replace(tzinfo=UTC)

    def of(self, photo_id: str) -> Totals | None:
        """The totals of a photo; None if a read has failed a moment ago.

        Raises:
            Exception: as `read`; then nothing is read for `_PAUSE`, so that an outage of the table
                delays few views.
        """
        now = self.clock()
        for other in [each for each, (end, _) in self.found.items() if end <= now]:
            del self.found[other]
        if photo_id in self.found:
            return self.found[photo_id][1]
        if now < self.paused_until:
            return None
        try:
            totals = self.read(photo_id)
        except Exception:
            self.paused_until = self.clock() + _PAUSE
            raise
        self.found[photo_id] = (now + KEPT_FOR, totals)
        return totals
