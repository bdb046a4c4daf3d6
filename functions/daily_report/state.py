"""The state that one step passes to the next: positions, counts, findings to repair."""

import heapq
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from daily_report.ranking import RANK_GROUPS, RANKING, RankedPage
from daily_report.reconciliation import Pairs
from daily_report.shares import PHOTOS_PER_SHARE, Positions, Share

MOST_VIEWED: Final = 10
MAX_RANKED: Final = 10_000
"""The ranking ends incomplete after this many entries.

With a billion views a day, it reads about 400 entries until it is complete.
"""
_REPAIRED: Final = ("drift.", "abandoned.resent", "abandoned.failed", "orphans.")
"""A later step repairs findings whose names begin like this. Other findings are only counted.

Orphans over `MAX_REMOVED` are only counted too.
"""
MAX_REMOVED: Final = 1000  # of a kind, in a share: an emptied table must not empty the buckets
_EXAMPLES: Final = 20

type Time = Annotated[datetime, msgspec.Meta(tz=True)]
type Finding = tuple[str, str]  # the name that it is counted under; a photo's id or an object's key

_NEXT: Final = {"begin": "photos", "photos": "views", "views": "objects"}


class Progress(msgspec.Struct):
    """What one reader has read in one step."""

    positions: Positions
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    findings: list[Finding] = []
    pairs: Pairs = msgspec.field(default_factory=Pairs)

    def move(self, source: str, next_position: str | None) -> None:
        """Continue a table or listing at `next_position`; None means that it is read to its end."""
        if next_position is None:
            del self.positions[source]
        else:
            self.positions[source] = next_position


class Found(msgspec.Struct, frozen=True):
    """What a share has found, as its execution stores it for the report."""

    execution: str
    counts: dict[str, int]
    examples: dict[str, list[str]]


class Run(msgspec.Struct, frozen=True):
    """The execution of the state machine; each step judges as of `started_at`."""

    execution: str
    started_at: Time


class State(msgspec.Struct):
    """The state of an execution. Each part of it has a limit, however large the tables are.

    A step repairs only what an earlier step has found and counted. A step that is killed is
    repeated from the state that it began with: what it had counted is lost, and what it had
    repaired is still counted, because the earlier step counted it. So each finding is counted once.
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
    is_ranking_complete: bool = True
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
        """Enter the next phase, after the readers of the current one have read everything."""
        if self.phase in _NEXT:
            self.phase = _NEXT[self.phase]
            self.cursor = (self.share or Share()).readers(self.phase)
        elif self.share:
            self.phase = "part"
        elif self.phase == RANKING:
            self.phase = "report"
        else:
            self.phase = RANKING
            self.cursor = {group: {RANKING: ""} for group in RANK_GROUPS}

    def merge(self, part: Found) -> None:
        """Add what a share has found."""
        self.counts = dict(Counter(self.counts) + Counter(part.counts))
        for name, subjects in part.examples.items():
            self.examples[name] = sorted(self.examples.get(name, []) + subjects)[:_EXAMPLES]

    def take(self, reader: str, progress: Progress) -> None:
        """Add what a reader has read in this step."""
        self.cursor[reader] = progress.positions
        if not progress.positions:
            del self.cursor[reader]
        self.counts = dict(Counter(self.counts) + progress.counts)
        for found, subject in sorted({*progress.findings} - {*self.todo}):
            is_over_limit = (
                found.startswith("orphans.") and self.counts.get(found, 0) >= MAX_REMOVED
            )
            if is_over_limit:
                name = "orphans.left"
            else:
                name = found
                if found.startswith(_REPAIRED):
                    self.todo.append((found, subject))
            self.counts[name] = self.counts.get(name, 0) + 1
            # The lowest ones, so that the examples do not depend on the order of the findings.
            self.examples[name] = sorted([*self.examples.get(name, []), subject])[:_EXAMPLES]

    def rank(self, pages: Mapping[str, RankedPage]) -> None:
        """Rank the photos of `pages`, which has one page of each rank group that is still read.

        A group is read until no photo in the rest of it can be among the most viewed.
        """
        views = {photo_id: number for number, photo_id in self.top_photos}
        for page in pages.values():
            views |= page.views
        self.top_photos = heapq.nlargest(
            MOST_VIEWED, ((number, photo_id) for photo_id, number in views.items())
        )
        is_full = len(self.top_photos) == MOST_VIEWED
        for group, page in pages.items():
            if page.next_position and not (is_full and self.top_photos[-1][0] > page.most_unread):
                self.cursor[group] = {RANKING: page.next_position}
            else:
                del self.cursor[group]
        entries = sum(page.entries for page in pages.values())
        self.counts["ranking.entries"] = self.counts.get("ranking.entries", 0) + entries
        if self.cursor and self.counts["ranking.entries"] >= MAX_RANKED:
            self.is_ranking_complete = False
            self.cursor = {}
