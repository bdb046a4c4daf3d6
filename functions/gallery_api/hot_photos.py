"""Photos with more views than one shard of the stream takes, and the partition keys of their views.

Nothing outside of the execution environment knows which photos these are. Each environment learns
it when the stream refuses a view, and forgets it after `_SPREAD_FOR`.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from shared.view_rows import SUFFIXES

_SPREAD_FOR: Final = timedelta(seconds=30)


class HotPhotos(msgspec.Struct, frozen=True):
    """The photos whose views are spread, each until the time given."""

    clock: Callable[[], datetime]
    until: dict[str, datetime] = {}

    def partition_key(self, photo_id: str) -> str:
        """The key for the next view of a photo."""
        if self.until.get(photo_id, self.clock()) <= self.clock():
            return photo_id
        suffix = random.choice(SUFFIXES[1:])  # noqa: S311 - it need not be unpredictable
        return f"{photo_id}{suffix}"

    def spread(self, photo_id: str) -> None:
        """Spread the views of a photo from now on: its shard takes no more of them."""
        now = self.clock()
        for other in [each for each, end in self.until.items() if end <= now]:
            del self.until[other]
        self.until[photo_id] = now + _SPREAD_FOR
