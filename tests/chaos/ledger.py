"""What the clients of a run know: which requests were acknowledged, and which had no answer."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

type Record = tuple[str, bytes]
"""Partition key and data of a stream record."""


@dataclass
class Ledger:
    """Shared by all clients; every method may be called from any thread.

    `photos` has the photos whose creation was acknowledged. A creation without an answer may have
    made one more. A view or a PutRecords call without an answer may have put its records.
    """

    photos: set[str] = field(default_factory=set)
    unanswered_creations: int = 0
    clock_moves: int = 0  # an odd number while the clock jumps
    uploaded: set[str] = field(default_factory=set)
    unusable: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    put: dict[str, Record] = field(default_factory=dict)  # by sequence number
    maybe_put: list[Record] = field(default_factory=list)
    poison: set[Record] = field(default_factory=set)
    api_views: Counter[str] = field(default_factory=Counter)
    unanswered_views: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    renditions: dict[str, str] = field(default_factory=dict)  # a path of each photo that has some
    missing: dict[str, str] = field(default_factory=dict)  # photos that a reader did not find
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._listed: list[str] = []

    def views(self) -> int:
        """How many records were acknowledged, poison included."""
        with self._lock:
            return len(self.put) + self.api_views.total()

    def clear_answers(self) -> None:
        """Reset the counts of answers before the next run."""
        with self._lock:
            self.answers.clear()
            self.unanswered.clear()

    def note_created(self, photo_id: str) -> None:
        with self._lock:
            self.photos.add(photo_id)

    def note_creation_without_answer(self) -> None:
        with self._lock:
            self.unanswered_creations += 1

    @contextlib.contextmanager
    def clock_jumping(self) -> Iterator[None]:
        """The block lasts until every process has noticed a jump of the clock."""
        with self._lock:
            self.clock_moves += 1
        yield
        with self._lock:
            self.clock_moves += 1

    def clock_has_jumped(self, since: int) -> bool:
        """Whether the clock may have jumped since `clock_moves` had this value."""
        return since % 2 == 1 or self.clock_moves != since

    def note_uploaded(self, photo_id: str, *, usable: bool) -> None:
        with self._lock:
            self.uploaded.add(photo_id)
            if not usable:
                self.unusable.add(photo_id)

    def note_deleted(self, photo_id: str) -> None:
        with self._lock:
            self.deleted.add(photo_id)

    def note_put(self, numbers: list[str], records: list[Record], poison: list[Record]) -> None:
        """PutRecords has answered with these sequence numbers."""
        with self._lock:
            self.put.update(zip(numbers, records, strict=True))
            self.poison.update(poison)

    def note_put_without_answer(self, records: list[Record], poison: list[Record]) -> None:
        with self._lock:
            self.maybe_put += records
            self.poison.update(poison)

    def note_view(self, photo_id: str, *, answered: bool) -> None:
        with self._lock:
            (self.api_views if answered else self.unanswered_views)[photo_id] += 1

    def note_answer(self, what: str) -> None:
        with self._lock:
            self.answers[what] += 1

    def note_no_answer(self, why: str) -> None:
        with self._lock:
            self.unanswered[why] += 1

    def note_listed(self, photos: list[dict[str, Any]]) -> None:
        """The public list has shown these photos: they can be viewed."""
        with self._lock:
            self._listed = [photo["photo_id"] for photo in photos]
            for photo in photos:
                self.renditions[photo["photo_id"]] = photo["renditions"]["thumb"]["path"]

    def note_missing(self, photo_id: str, how: str) -> None:
        """A reader did not find a photo. It may be deleted, or its deletion has begun."""
        with self._lock:
            self.missing[photo_id] = how

    def note_violation(self, what: str) -> None:
        with self._lock:
            self.violations.append(what)

    def listed(self) -> list[str]:
        """The photos of the latest public list."""
        with self._lock:
            return list(self._listed)
