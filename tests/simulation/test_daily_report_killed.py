"""Reports on up to 100,000 photos, whose steps run out of time or are killed at any call."""

import itertools
import json
import random
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from daily_report import reading
from daily_report import steps as report_steps
from daily_report.state import State
from fakes.large_gallery import COUNTED, LargeGallery, view_row
from fakes.stores import NOW, photo_id, steps
from fakes.view_records import NOW as VIEWS_NOW
from fakes.view_records import record
from tests.support.faults import CrashError
from view_counter.counting import ViewCounter
from view_counter.view_records import read_batch

EVENT = {"run": {"execution": "one", "started_at": NOW.isoformat()}}


def enough_time() -> float:
    return 1.0


def step_of(gallery: LargeGallery, time_left: Callable[[], float]) -> Callable[..., dict[str, Any]]:
    """A step of the report on that gallery, with the interface of the handler."""

    def step(event: dict[str, Any]) -> dict[str, Any]:
        state = msgspec.convert(event, State)
        gallery.report.step(state, time_left)
        return {**msgspec.to_builtins(state), "done": state.done}

    return step


class Interruptions:
    """A step that often runs out of time, and is sometimes killed before or after a call.

    Like the state machine it begins again with the state that it began with, until there is an
    answer.
    """

    def __init__(self, gallery: LargeGallery, *, most_checks: int, risk: float) -> None:
        seed = random.randrange(2**32)  # noqa: S311
        print(f"seed {seed}")
        self._chance = random.Random(seed)  # noqa: S311
        self._step = step_of(gallery, self._time_left)
        self._checks, self._most_checks, self._risk = 0, most_checks, risk
        self.kills = 0
        for client in (gallery.tables, gallery.buckets):
            client.before = client.after = self._kill

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        while True:
            self._checks = self._chance.randrange(self._most_checks)
            try:
                return self._step(event)
            except CrashError:
                self.kills += 1

    def _time_left(self) -> float:
        self._checks -= 1
        return self._checks

    def _kill(self, operation: str, _: object) -> None:
        """The ranking makes hundreds of queries at a time."""
        risk = self._risk / 20 if operation == "Query" else self._risk
        if self._chance.random() < risk:
            raise CrashError


def make(
    gallery: LargeGallery, step: Callable[..., dict[str, Any]], event: dict[str, Any] = EVENT
) -> tuple[dict[str, Any], int]:
    """The report, and how many steps it took."""
    *before, last = steps(step, event)
    return json.loads(gallery.buckets.body("reports-bucket", last["report"])), len(before) + 1


def findings(report: dict[str, Any]) -> dict[str, int]:
    """How often each was found, if at all."""
    counts = {name: report.get(name.split(".")[0], {}).get(name.split(".")[1]) for name in COUNTED}
    return {name: count for name, count in counts.items() if count}


def writes(gallery: LargeGallery) -> dict[tuple[str, str], int]:
    """How often each item and object was written or deleted, without the claim and the parts."""
    written = gallery.tables.writes + gallery.buckets.writes
    return {
        key: number
        for key, number in written.items()
        if key[0] != "idempotency" and not key[1].startswith("parts/")
    }


@pytest.mark.parametrize("photos", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_every_photo_is_visited_and_repaired_once(photos: int):
    gallery = LargeGallery(photos)
    interruptions = Interruptions(gallery, most_checks=200, risk=70 / photos)
    report, number = make(gallery, interruptions)
    assert number > photos / 5_000, "steps"
    assert interruptions.kills
    with_record = gallery.size - len(gallery.inserted["extra"])
    statuses = ("PENDING", "READY", "FAILED", "DELETED")
    assert sum(report["photos"][status] for status in statuses) == with_record
    assert findings(report) == gallery.expected()
    written = writes(gallery)
    assert set(written.values()) == {1}
    acted = gallery.expected().total() - len(gallery.inserted["stuck"])
    assert len(written) == acted + 1, "the report itself"


@pytest.mark.parametrize("photos_per_share", [10_000_000, 700])
@pytest.mark.parametrize("order", ["", "an order of the catalog's own"])
def test_report_does_not_depend_on_interruptions_of_its_steps(order: str, photos_per_share: int):
    """It does not depend on the number of shares either: the uninterrupted report has one share."""
    faulty = LargeGallery(10_000, salts={"catalog": order})
    uninterrupted = LargeGallery(like=faulty)
    report, _ = make(uninterrupted, step_of(uninterrupted, enough_time))
    interruptions = Interruptions(faulty, most_checks=40, risk=0.005)
    assert make(faulty, interruptions, {**EVENT, "photos_per_share": photos_per_share})[0] == report
    assert [top["views"] for top in report["top_photos"][:2]] == [2 * 9990, 2 * 9980]
    assert interruptions.kills
    assert writes(faulty) == writes(uninterrupted)
    for table in ("photos", "catalog"):
        assert list(faulty.tables.items(table)) == list(uninterrupted.tables.items(table))

    healthy = LargeGallery(like=uninterrupted)
    tomorrow = {**EVENT, "scheduled_at": "2026-11-22T03:00:00Z"}
    report, _ = make(healthy, step_of(healthy, enough_time), tomorrow)
    assert findings(report) == {"abandoned.stuck": len(uninterrupted.inserted["stuck"])}
    assert writes(healthy) == {("reports-bucket", "reports/2026-11-22.json"): 1}


def test_ranking_follows_the_views_as_they_are_counted():
    """Of spread, new, deleted and replayed photos, and of totals of an earlier release."""
    gallery = LargeGallery(100)
    tables: Any = gallery.tables
    counter = ViewCounter(tables, "views", lambda: VIEWS_NOW, lambda _: None)
    old, spread, deleted = photo_id(90), photo_id(95), photo_id(80)
    for period in ("total", "total#3"):
        gallery.tables.put("views", without_magnitude(view_row(90, period, 90)))
        tombstone = {"views": {"N": "0"}, "expires_at": {"N": "1797776096"}}
        item = {"photo_id": {"S": deleted}, "period": {"S": period}}
        gallery.tables.put("views", item | tombstone)

    def top() -> dict[str, int]:
        day = 21 + len(gallery.buckets.keys("reports-bucket"))
        event = EVENT | {"scheduled_at": f"2026-11-{day}T03:00:00Z"}
        report, _ = make(gallery, step_of(gallery, enough_time), event)
        assert report["ranking"]["complete"]
        return {each["photo_id"]: each["views"] for each in report["top_photos"]}

    assert top() == {photo_id(10 * number): 20 * number for number in range(1, 8)}
    sequence = itertools.count()
    for photo, suffix, number in (
        (old, "#3", 1),
        (spread, "", 15),
        (spread, "#0", 100),
        (spread, "#f", 30),
        (spread, "#f", 30),
        (deleted, "", 300),
    ):
        records = [record(next(sequence), photo, key=photo + suffix) for _ in range(number)]
        result = counter.count(read_batch(records).views, enough_time)
        assert result.new == number
        counter.count(read_batch(records).views, enough_time, replay=True)
    assert top() == {
        old: 181,
        spread: 175,
        **{photo_id(10 * number): 20 * number for number in range(1, 8)},
    }


def without_magnitude(row: dict[str, Any]) -> dict[str, Any]:
    """A total of the release before the index, which is ranked once a view of it is counted."""
    guard = {"version": {"N": "7"}, "last_sequence": {"S": ""}, "recent": {"S": ""}}
    return {name: row[name] for name in ("photo_id", "period", "views")} | guard


def test_memory_does_not_grow_with_the_tables(monkeypatch: pytest.MonkeyPatch):
    """Pages have a limit; here it is one that the smaller gallery reaches, too."""
    monkeypatch.setattr(reading, "LISTED_KEYS", 50)
    monkeypatch.setattr(report_steps, "VIEWS_PAGE_SIZE", 50)

    def peak(size: int) -> int:
        gallery = LargeGallery(size, shares={})
        step = step_of(gallery, enough_time)
        tracemalloc.start()
        try:
            make(gallery, step)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # The readers are threads: how many pages are in memory at once depends on how they overlap, and
    # the simulated services note each call. To keep all photos would take ten times as much.
    assert peak(20_000) < 4 * peak(2_000)


def test_complete_catalog_is_restored_with_states_within_the_limit_of_step_functions():
    gallery = LargeGallery(5_000, shares={"missing": 1000})
    report, number = make(gallery, step_of(gallery, enough_time))
    assert findings(report) == {"drift.missing": 5_000}
    assert number > 2
    assert len(list(gallery.tables.items("catalog"))) == 5_000


def test_types_that_threads_read_are_prepared_before(monkeypatch: pytest.MonkeyPatch):
    """msgspec crashes the process if two threads use a type for the first time at once."""
    read: set[object] = set()

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(data: object, type: Any, **options: Any) -> Any:  # noqa: A002 - msgspec's name
            if threading.current_thread() is not threading.main_thread():
                read.add(type)
            return function(data, type=type, **options)

        return call

    monkeypatch.setattr(msgspec, "convert", noting(msgspec.convert))
    monkeypatch.setattr(msgspec.json, "decode", noting(msgspec.json.decode))
    gallery = LargeGallery(1_000)
    make(gallery, step_of(gallery, enough_time), {**EVENT, "photos_per_share": 300})
    assert read == set(report_steps.READ_BY_THREADS)
