from datetime import UTC, datetime, timedelta

import pytest

from daily_report.abandoned import (
    AbandonedOutcome,
    is_abandoned,
    is_orphan,
    outcome,
    photo_id_of,
)
from daily_report.reconciliation import ScannedRecord
from shared.photos import Photo, Rendition, Status, rendition_key, upload_key
from shared.timestamps import iso_milliseconds

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


def pending(age: timedelta, status: Status = Status.PENDING) -> ScannedRecord:
    return ScannedRecord("a", 1, status, created_at=iso_milliseconds(NOW - age))


def test_photo_is_abandoned_after_a_day():
    assert is_abandoned(pending(DAY + SECOND), NOW)
    assert not is_abandoned(pending(DAY - SECOND), NOW)


@pytest.mark.parametrize("status", [Status.READY, Status.FAILED, Status.DELETED])
def test_settled_photo_is_not_abandoned(status: Status):
    assert not is_abandoned(pending(9 * DAY, status), NOW)


def test_row_without_a_time_of_creation_is_not_abandoned():
    assert not is_abandoned(ScannedRecord("a", 1, Status.PENDING), NOW)


@pytest.mark.parametrize(
    ("age", "uploaded", "expected"),
    [
        (2 * DAY, None, AbandonedOutcome.FAILED),
        (9 * DAY, None, AbandonedOutcome.FAILED),
        (2 * DAY, 2 * DAY, AbandonedOutcome.RESENT),
        (2 * DAY, 12 * HOUR + SECOND, AbandonedOutcome.RESENT),
        (2 * DAY, 12 * HOUR - SECOND, None),
        (3 * DAY - SECOND, DAY, AbandonedOutcome.RESENT),
        (3 * DAY + SECOND, DAY, AbandonedOutcome.STUCK),
        (3 * DAY + SECOND, HOUR, AbandonedOutcome.STUCK),
    ],
)
def test_outcome_by_age_and_upload(
    age: timedelta, uploaded: timedelta | None, expected: AbandonedOutcome | None
):
    assert outcome(pending(age), uploaded and NOW - uploaded, NOW) == expected


NAMED = rendition_key("a", "etag", "thumb")


def photo(status: Status) -> Photo:
    return Photo(
        photo_id="a",
        version=2,
        status=status,
        owner="maria",
        title="Dusk",
        content_type="image/jpeg",
        bytes=1,
        created_at="2026-11-20T12:34:50.000Z",
        renditions={"thumb": Rendition(NAMED, 1, 1, 1)} if status is Status.READY else {},
    )


@pytest.mark.parametrize(
    ("status", "upload", "named", "other"),
    [
        (None, True, True, True),
        (Status.DELETED, True, True, True),
        (Status.FAILED, False, True, True),
        (Status.PENDING, False, False, False),
        (Status.READY, False, False, True),
    ],
)
def test_orphans_by_status_of_the_photo(
    status: Status | None, upload: bool, named: bool, other: bool
):
    owner = photo(status) if status else None
    assert is_orphan(upload_key("a"), owner) == upload
    assert is_orphan(NAMED, owner) == named
    assert is_orphan(rendition_key("a", "another", "thumb"), owner) == other


@pytest.mark.parametrize(
    ("key", "photo_id"),
    [
        (upload_key("a"), "a"),
        (NAMED, "a"),
        ("uploads/", None),
        ("uploads/a/b", None),
        ("uploads", None),
        ("photos/a", None),
        ("photos//etag/thumb.webp", None),
        ("photos/a/etag/more/thumb.webp", None),
        ("others/a", None),
    ],
)
def test_photo_id_of_a_key(key: str, photo_id: str | None):
    assert photo_id_of(key) == photo_id
