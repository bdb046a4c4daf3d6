"""Each lost, duplicated or leftover item is a violation: proof that the chaos tests can fail."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from shared.catalog import catalog_row
from shared.dynamodb import from_item, to_item
from shared.photos import Photo, Rendition, Status, rendition_key, upload_key
from tests.chaos.found import Found
from tests.chaos.invariants import violations
from tests.chaos.ledger import Ledger

NOW = datetime(2026, 11, 20, 12, 34, tzinfo=UTC)
READY, DELETED, FAILED = "ready", "deleted", "failed"
STATUSES = (READY, DELETED, FAILED)
POISON = (READY, b"not JSON")


def photo(photo_id: str, status: Status, **more: Any) -> Photo:
    return Photo(photo_id, 2, status, "owner", "title", "image/png", 9, "2026-11-20", **more)


def view(photo_id: str) -> tuple[str, bytes]:
    return photo_id, json.dumps(
        {"photo_id": photo_id, "viewed_at": "2026-11-20T12:34:56Z"}
    ).encode()


def row(photo_id: str, period: str, views: int, **more: Any) -> dict[str, Any]:
    return to_item({"photo_id": photo_id, "period": period, "views": views, **more})


def good() -> tuple[Ledger, Found]:
    """A photo of each status; of three views, one was put by the API without an answer."""
    key = rendition_key(READY, "etag", "thumb")
    photos = [
        photo(READY, Status.READY, renditions={"thumb": Rendition(key, 1, 1, 1)}),
        photo(DELETED, Status.DELETED, expires_at=99),
        photo(FAILED, Status.FAILED, error="not a photo"),
    ]
    rows = [catalog_row(each, NOW) for each in photos]
    ledger = Ledger(
        photos={READY, DELETED, FAILED},
        uploaded={READY, DELETED, FAILED},
        unusable={FAILED},
        deleted={DELETED},
        put={"1": view(READY), "2": POISON, "3": view(DELETED)},
        poison={POISON},
    )
    ledger.note_view(READY, answered=True)
    ledger.note_view(READY, answered=False)
    found = Found(
        photos={each.photo_id: each for each in photos},
        catalog={each["photo_id"]: from_item(to_item(each), dict) for each in rows if each},
        views=[
            row(READY, "total", 3),
            row(READY, "minute#2026-11-20T12:34Z", 3),
            row(DELETED, "total", 1, expires_at=99),
        ],
        uploads={upload_key(READY), upload_key(FAILED)},
        media={key},
        stream={
            "1": view(READY),
            "2": POISON,
            "3": view(DELETED),
            "4": view(READY),
            "5": view(READY),
        },
        quarantine={"2": POISON},
        failed_batches=set(),
        failed_events=0,
    )
    return ledger, found


def test_complete_gallery_has_no_violation():
    assert violations(*good()) == []


def pending(found: Found) -> Found:
    photos = {**found.photos, READY: photo(READY, Status.PENDING)}
    return dataclasses.replace(found, photos=photos)


def without(name: str, key: str) -> Callable[[Found], Found]:
    def change(found: Found) -> Found:
        left = {each: value for each, value in getattr(found, name).items() if each != key}
        return dataclasses.replace(found, **{name: left})

    return change


def with_value(name: str, value: Any) -> Callable[[Found], Found]:
    return lambda found: dataclasses.replace(found, **{name: value})


def with_views(*changed: dict[str, Any]) -> Callable[[Found], Found]:
    """Rows in place of those with the same key."""

    def change(found: Found) -> Found:
        keys = [(each["photo_id"], each["period"]) for each in changed]
        kept = [each for each in found.views if (each["photo_id"], each["period"]) not in keys]
        return dataclasses.replace(found, views=[*kept, *changed])

    return change


def renamed(found: Found) -> Found:
    changed = msgspec.structs.replace(found.photos[READY], title="another", version=3)
    return dataclasses.replace(found, photos={**found.photos, READY: changed})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("stream", "1"), "acknowledged are not in the stream"),
        (without("stream", "4"), "3 views are counted, 2 were put"),
        (
            with_value("stream", {"1": view(READY)}),
            "0 views were put by the API, of 1 acknowledged",
        ),
        (with_value("stream", dict.fromkeys("13456", view(READY))), "3 views were put by the API"),
        (with_views(row(READY, "total", 4)), "4 views are counted, 3 were put"),
        (with_views(row(READY, "total", 2)), "2 views are counted, 3 were put"),
        (with_views(row(READY, "minute#2026-11-20T12:34Z", 2)), "minute of"),
        (with_views(row(DELETED, "total", 1)), "has no TTL"),
        (with_views(row("stranger", "total", 1)), "which is not a photo"),
        (without("quarantine", "2"), "poison records are not in quarantine"),
        (with_value("quarantine", {"2": POISON, "1": view(READY)}), "are not poison"),
        (with_value("quarantine", {"2": (READY, b"other")}), "with other contents"),
        (without("photos", FAILED), "1 photos were created and do not exist"),
        (pending, "ready is PENDING, not READY"),
        (without("catalog", READY), "the catalog row of ready differs from its photo: None"),
        (renamed, "the catalog row of ready differs from its photo"),
        (with_value("uploads", {upload_key(READY)}), "1 originals are lost"),
        (with_value("uploads", {upload_key(each) for each in STATUSES}), "1 originals belong to"),
        (with_value("media", set()), "1 renditions are lost"),
        (with_value("failed_batches", {"aws/lambda/1"}), "1 failed batches wait"),
        (with_value("failed_events", 2), "2 failed events wait"),
    ],
)
def test_lost_duplicated_or_leftover_item_is_a_violation(
    change: Callable[[Found], Found], message: str
):
    ledger, found = good()
    assert any(message in each for each in violations(ledger, change(found)))
