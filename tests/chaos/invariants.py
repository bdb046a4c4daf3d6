"""The invariants at the end of a run: nothing is lost, duplicated or left over.

These are the invariants of tests/simulation, on the tables of a deployed gallery.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fakes.view_records import minutes, totals
from shared.photos import Status, upload_key
from shared.view_rows import split_key
from tests.chaos.found import Found
from tests.chaos.ledger import Ledger
from tests.simulation.photos_world import row_of


def violations(ledger: Ledger, found: Found) -> list[str]:
    """One sentence per difference between what clients were told and what was found."""
    return [
        *ledger.violations,
        *_stream(ledger, found),
        *_counts(ledger, found),
        *_poison(ledger, found),
        *_photos(ledger, found),
        *_catalog(found),
        *_objects(found),
        *_failures(found),
    ]


def _stream(ledger: Ledger, found: Found) -> Iterator[str]:
    """The stream has all acknowledged records, and no record that no client put."""
    lost = {number for number, record in ledger.put.items() if found.stream.get(number) != record}
    if lost:
        yield f"{len(lost)} records that PutRecords acknowledged are not in the stream"
    others = Counter(found.stream[number] for number in found.stream.keys() - ledger.put.keys())
    maybe = Counter(ledger.maybe_put)
    by_api = Counter[str]()
    for record, count in others.items():
        photo_id, _ = split_key(record[0])
        by_api[photo_id] += max(count - maybe[record], 0)
    for photo_id in by_api.keys() | ledger.api_views.keys():
        least = ledger.api_views[photo_id]
        most = least + ledger.unanswered_views[photo_id]
        # A record of an unanswered PutRecords call can equal one of the API, in theory only.
        if not least <= by_api[photo_id] <= most:
            yield (
                f"{photo_id}: {by_api[photo_id]} views were put by the API,"
                f" of {least} acknowledged and {most - least} without an answer"
            )


def _counts(ledger: Ledger, found: Found) -> Iterator[str]:
    """Totals and minutes are those of the views in the stream; a deleted photo's rows expire."""
    kept = {id_ for id_, photo in found.photos.items() if photo.status is not Status.DELETED}
    good = [record for record in found.stream.values() if record not in ledger.poison]
    views = [json.loads(data) for key, data in good if split_key(key)[0] in kept]
    items = [item for item in found.views if item["photo_id"]["S"] in kept]
    yield from _differences(
        "total", Counter(view["photo_id"] for view in views), Counter(totals(items))
    )
    expected = Counter((view["photo_id"], _period(view["viewed_at"])) for view in views)
    yield from _differences("minute", expected, Counter(minutes(items)))
    for item in found.views:
        photo_id, period = item["photo_id"]["S"], item["period"]["S"]
        if photo_id not in found.photos:
            yield f"the views table has a row of {photo_id}, which is not a photo"
        elif photo_id not in kept and "expires_at" not in item:
            yield f"row {period} of the deleted photo {photo_id} has no TTL"


def _period(viewed_at: str) -> str:
    return f"minute#{viewed_at[:16]}Z"


def _differences(what: str, expected: Mapping[Any, int], counted: Mapping[Any, int]) -> list[str]:
    return [
        f"{what} of {key}: {counted.get(key, 0)} views are counted, {expected.get(key, 0)} were put"
        for key in expected.keys() | counted.keys()
        if counted.get(key, 0) != expected.get(key, 0)
    ]


def _poison(ledger: Ledger, found: Found) -> Iterator[str]:
    """Quarantine has exactly the poison that is in the stream, each record as it was put."""
    poison = {number: each for number, each in found.stream.items() if each in ledger.poison}
    if lost := poison.keys() - found.quarantine.keys():
        yield f"{len(lost)} poison records are not in quarantine"
    if good := found.quarantine.keys() - poison.keys():
        yield f"{len(good)} records in quarantine are not poison"
    for number in poison.keys() & found.quarantine.keys():
        if poison[number] != found.quarantine[number]:
            yield f"{number} is in quarantine with other contents"


def _photos(ledger: Ledger, found: Found) -> Iterator[str]:
    """Every photo has the status that its client was told."""
    if lost := ledger.photos - found.photos.keys():
        yield f"{len(lost)} photos were created and do not exist"
    extra = found.photos.keys() - ledger.photos
    if len(extra) > ledger.unanswered_creations:
        yield (
            f"{len(extra)} photos exist without a client that knows their id,"
            f" after {ledger.unanswered_creations} requests without an answer"
        )
    for photo_id in extra:
        if found.photos[photo_id].status is not Status.PENDING:
            yield f"{photo_id} is {found.photos[photo_id].status}, and was never uploaded"
    for photo_id in ledger.photos & found.photos.keys():
        status, expected = found.photos[photo_id].status, _expected(ledger, photo_id)
        if status is not expected:
            yield f"{photo_id} is {status}, not {expected}"
    if gone := ledger.missing.keys() - ledger.deleted:
        yield f"readers did not find {len(gone)} photos: {ledger.missing[min(gone)]}"


def _expected(ledger: Ledger, photo_id: str) -> Status:
    if photo_id in ledger.deleted:
        return Status.DELETED
    if photo_id not in ledger.uploaded:
        return Status.PENDING
    return Status.FAILED if photo_id in ledger.unusable else Status.READY


def _catalog(found: Found) -> Iterator[str]:
    """The catalog has exactly the rows of READY and DELETED photos."""
    expected = {
        photo_id: row_of(photo)
        for photo_id, photo in found.photos.items()
        if photo.status in {Status.READY, Status.DELETED}
    }
    rows = {
        photo_id: {name: row[name] for name in row if name != "replicated_at"}
        for photo_id, row in found.catalog.items()
    }
    for photo_id in expected.keys() | rows.keys():
        if expected.get(photo_id) != rows.get(photo_id):
            yield f"the catalog row of {photo_id} differs from its photo: {rows.get(photo_id)}"


def _objects(found: Found) -> Iterator[str]:
    """Each photo has its original and its renditions, and there are no others."""
    settled = {Status.READY, Status.FAILED}
    originals = {upload_key(id_) for id_, each in found.photos.items() if each.status in settled}
    renditions = {
        rendition.key
        for photo in found.photos.values()
        if photo.status is Status.READY
        for rendition in photo.renditions.values()
    }
    for what, expected, stored in (
        ("originals", originals, found.uploads),
        ("renditions", renditions, found.media),
    ):
        if lost := expected - stored:
            yield f"{len(lost)} {what} are lost: {min(lost)}"
        if orphans := stored - expected:
            yield f"{len(orphans)} {what} belong to no photo: {min(orphans)}"


def _failures(found: Found) -> Iterator[str]:
    if found.failed_batches:
        yield f"{len(found.failed_batches)} failed batches wait after the redrive"
    if found.failed_events:
        yield f"{found.failed_events} failed events wait after the redrive"
