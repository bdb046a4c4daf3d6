from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_report.reconciliation import Drift, Pairs, ScannedRecord, drift
from shared.photos import Status
from shared.timestamps import iso_milliseconds

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
MONTH = timedelta(days=30)


def record(status: str, version: int = 2, *, age: timedelta = timedelta(days=1)) -> ScannedRecord:
    """A record that has had that status for the given time."""
    then = NOW - age
    values: dict[str, Any] = {}
    if status == "READY":
        values["ready_at"] = iso_milliseconds(then)
    if status == "DELETED":
        values["expires_at"] = int((then + MONTH).timestamp())
    return ScannedRecord("a", version, Status(status), **values)


YOUNG, GONE = {"age": timedelta(minutes=4)}, {"age": timedelta(days=31)}


@pytest.mark.parametrize(
    ("photo", "row", "expected"),
    [
        (None, None, None),
        (record("READY"), record("READY"), None),
        (record("DELETED"), record("DELETED"), None),
        (record("READY"), None, Drift.MISSING),
        (record("DELETED"), None, Drift.MISSING),
        (record("READY", 3), record("READY"), Drift.STALE),
        (record("DELETED", 3), record("READY"), Drift.STALE),
        (None, record("READY"), Drift.EXTRA),
        (record("PENDING", 1), None, None),
        (record("FAILED"), None, None),
        (record("PENDING", 1), record("READY"), Drift.EXTRA),
        (record("FAILED", 9), record("READY"), Drift.EXTRA),
        (record("FAILED"), record("DELETED"), Drift.EXTRA),
        (record("READY"), record("READY", 3), Drift.EXTRA),
        (record("READY", **YOUNG), None, None),
        (record("DELETED", 3, **YOUNG), record("READY"), None),
        (record("READY", **YOUNG), record("READY", 3), Drift.EXTRA),
        (record("DELETED", **GONE), None, None),
        (record("DELETED", **GONE), record("READY"), Drift.EXTRA),
        (record("DELETED", **GONE), record("DELETED", **GONE), None),
        (record("PENDING", 1), record("DELETED", **GONE), None),
        (record("READY"), record("DELETED", 3, **GONE), Drift.MISSING),
        (None, record("DELETED"), None),
        (None, record("DELETED", **GONE), None),
    ],
)
def test_drift_by_status_and_version_of_photo_and_row(
    photo: ScannedRecord | None, row: ScannedRecord | None, expected: Drift | None
):
    assert drift(photo, row, NOW) == expected


def test_changes_of_the_last_five_minutes_are_not_drift():
    late = timedelta(minutes=5, seconds=1)
    for status in ("READY", "DELETED"):
        assert drift(record(status, age=timedelta(minutes=5, seconds=-1)), None, NOW) is None
        assert drift(record(status, age=late), None, NOW) is Drift.MISSING


NUMBERED = st.dictionaries(st.integers(0, 30), st.integers(1, 3))


@given(
    photos=NUMBERED,
    rows=NUMBERED,
    disorder=st.randoms(use_true_random=True),
    kept=st.integers(0, 10),
)
def test_pairs_give_up_every_difference_in_any_order(
    photos: dict[int, int], rows: dict[int, int], disorder: Any, kept: int
):
    both = [("photos", *item) for item in photos.items()]
    both += [("catalog", *item) for item in rows.items()]
    disorder.shuffle(both)
    pairs, given_up = Pairs(), set[str]()
    for table, number, version in both:
        pairs.add(table, ScannedRecord(str(number), version, Status.READY))
        given_up |= {*pairs.give_up(kept)}
        assert sum(map(len, pairs.waiting.values())) <= kept
    given_up |= {*pairs.give_up(0)}
    differing = {str(n) for n in photos.keys() | rows.keys() if photos.get(n) != rows.get(n)}
    assert given_up >= differing
    if kept == 10 and len(both) <= 10:
        assert given_up == differing


def test_oldest_record_of_the_table_with_more_waiting_records_is_given_up_first():
    pairs = Pairs()
    for photo_id in ("c", "a", "b"):
        pairs.add("photos", ScannedRecord(photo_id, 1, Status.READY))
    pairs.add("catalog", ScannedRecord("d", 1, Status.READY))
    assert pairs.give_up(2) == {"a": {"photos"}, "c": {"photos"}}
    assert pairs.waiting == {"photos": {"b": 1}, "catalog": {"d": 1}}
