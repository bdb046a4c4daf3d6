"""The report of a day, from what the steps have counted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from daily_report.state import State
from shared.timestamps import iso_milliseconds

# Each headline is the sum of the counts whose names begin like this.
_HEADLINES: Final = {
    "Drift": ("drift.",),
    "EventsResent": ("abandoned.resent",),
    "UploadsAbandoned": ("abandoned.failed",),
    "PhotosStuck": ("abandoned.stuck",),
    "OrphansRemoved": ("orphans.uploads", "orphans.renditions"),
    "OrphansLeft": ("orphans.left",),
    "RecordsMalformed": ("malformed.",),
    "FailedEventsWaiting": ("failed_events.count", "failed_batches.count", "quarantine.count"),
}


def report_key(date: str) -> str:
    """The key of a day's report in the reports bucket."""
    return f"reports/{date}.json"


def part_key(date: str, number: int) -> str:
    """The key of what a share has found, in the reports bucket."""
    return f"parts/{date}/{number}.json"


def make_report(state: State, made_at: datetime) -> dict[str, Any]:
    """Counts by subject, up to twenty ids or keys per name of findings, and the most viewed photos.

    If the ranking is not complete, it has ended after `MAX_RANKED` totals: a photo that has not
    been read may be among the most viewed. `ranking.entries` is the number of totals that have been
    read, in each rank group those with the largest magnitudes.
    Photos are counted in the status in which they were read, before any repair.
    """
    report: dict[str, Any] = {
        "date": state.date,
        "made_at": iso_milliseconds(made_at),
        "headlines": headlines(state.counts),
        "examples": state.examples,
        "ranking": {"complete": state.is_ranking_complete},
        "top_photos": [{"photo_id": photo_id, "views": n} for n, photo_id in state.top_photos],
    }
    for name, number in state.counts.items():
        subject, _, what = name.partition(".")
        report.setdefault(subject, {})[what] = number
    return report


def headlines(counts: Mapping[str, int]) -> dict[str, int]:
    """The numbers that are also metrics, zeros included."""
    return {
        metric: sum(number for name, number in counts.items() if name.startswith(prefixes))
        for metric, prefixes in _HEADLINES.items()
    }
