"""The state that one step passes to the next: positions, counts, findings to repair."""

import heapq
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from daily_report.reconciliation import Pairs
from daily_report.shares import PHOTOS_PER_SHARE, Positions, Share

MOST_VIEWED: Final = 10
MOST_REMOVED: Final = 1000  # of a kind, in a share: an emptied table must not empty the buckets
_EXAMPLES: Final = 20

type Time = Annotated[datetime, msgspec.Meta(tz=True)]
type Finding = tuple[str, str]  # the name that it is counted under; a photo's id or an object's key

_READING: Final = ("begin", "photos", "views", "objects")


class Part(msgspec.Struct):
    """What one reader has read in one step.

    A photo's totals, one for each of its partition keys, are adjacent. `last_total` is the sum of
    those that were read last: the next page may have more of them.
    """

    positions: Positions
    last_total: tuple[int, str] | None = None
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    findings: list[Finding] = []
    pairs: Pairs = msgspec.field(default_factory=Pairs)
    views: list[tuple[int, str]] = []

    def move(self, source: str, next_position: str | None) -> None:
        """Continue a table or listing at `next_position`; None means that it is read to its end."""
        if next_position is None:
            del self.positions[source]
        else:
            self.positions[source] = next_position

    def add_total(self, views: int, photo_id: str) -> None:
        """Add the total of one partition key of a photo."""
        if self.last_total and self.last_total[1] == photo_id:
            self.last_total = (self.last_total[0] + views, photo_id)
        else:
            self.close_total()
            self.last_total = (views, photo_id)

    def close_total(self) -> None:
        """Rank the photo that was read last: all its totals have been read."""
        if self.last_total:
            self.views = heapq.nlargest(MOST_VIEWED, [*self.views, self.last_total])
            self.last_total = None


class Found(msgspec.Struct, frozen=True):
    """What a share has found, as its execution stores it for the report."""

    execution: str
    counts: dict[str, int]
    examples: dict[str, list[str]]
    top_photos: list[tuple[int, str]]


class Run(msgspec.Struct, frozen=True):
    """The execution of the state machine. Every step judges as of its start."""

    execution: str
    started_at: Time


class State(msgspec.Struct):
    """The state of an execution; its size does not depend on the size of the tables.

    A step repairs only what an earlier step has found and counted. A step that is killed and
    repeated finds what is repaired already, so each finding is counted exactly once.
    """

    run: Run
    scheduled_at: Time | None = None
    phase: str = "begin"
    photos_per_share: Annotated[int, msgspec.Meta(ge=1)] = PHOTOS_PER_SHARE
    shares: list[Share] = []  # the state machine runs one execution for each
    share: Share | None = None  # of such an execution
    cursor: dict[str, Positions] = {}  # by reader, until it has read everything
    counts: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    top_photos: list[tuple[int, str]] = []
    last_totals: dict[str, tuple[int, str]] = {}  # `Part.last_total` by reader
    todo: list[Finding] = []
    part: str | None = None  # the key of what a share has found
    report: str | None = None
    skipped: str | None = None

    @property
    def date(self) -> str:
        """The date of the report, in UTC."""
        return (self.scheduled_at or self.run.started_at).astimezone(UTC).date().isoformat()

    @property
    def done(self) -> bool:
        """Whether there is no further step."""
        return bool(self.part or self.report or self.skipped)

    def enter_next_phase(self) -> None:
        """Enter the phase that follows one whose readers have read everything."""
        share = self.share or Share()
        *_, last = _READING
        if self.phase == last:
            self.phase = "part" if self.share else "report"
        else:
            self.phase = _READING[_READING.index(self.phase) + 1]
            self.cursor = share.readers(self.phase)

    def merge(self, part: Found) -> None:
        """Add what a share has found."""
        self.counts = dict(Counter(self.counts) + Counter(part.counts))
        self.top_photos = heapq.nlargest(MOST_VIEWED, self.top_photos + part.top_photos)
        for name, subjects in part.examples.items():
            self.examples[name] = sorted(self.examples.get(name, []) + subjects)[:_EXAMPLES]

    def take(self, reader: str, part: Part) -> None:
        """Add what a reader has read in this step."""
        self.cursor[reader] = part.positions
        self.last_totals.pop(reader, None)
        if not part.positions:
            del self.cursor[reader]
            part.close_total()
        elif part.last_total:
            self.last_totals[reader] = part.last_total
        self.counts = dict(Counter(self.counts) + part.counts)
        self.top_photos = heapq.nlargest(MOST_VIEWED, self.top_photos + part.views)
        # A photo and its row may be in different segments, so both may report the same finding.
        for found, subject in sorted({*part.findings} - {*self.todo}):
            is_over_limit = (
                found.startswith("orphans.") and self.counts.get(found, 0) >= MOST_REMOVED
            )
            if is_over_limit:
                name = "orphans.left"
            else:
                name = found
                self.todo.append((found, subject))
            self.counts[name] = self.counts.get(name, 0) + 1
            # The lowest ones, so that the examples do not depend on the order of the findings.
            self.examples[name] = sorted([*self.examples.get(name, []), subject])[:_EXAMPLES]
