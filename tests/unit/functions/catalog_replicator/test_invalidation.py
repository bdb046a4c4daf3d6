from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from catalog_replicator.catalog import Change, cached_paths, invalidation_batch, plan
from shared.dynamodb import to_item
from shared.photos import Photo, Rendition, Status
from tests.support.photo_stream import PhotosTable, batch

NOW = datetime(2026, 11, 20, 12, 35, tzinfo=UTC)
PATHS = {"/photo.html?id=a", "/photos/a/abc/thumb.webp", "/photos/a/abc/large.webp"}


def deletion(photo_id: str, **values: Any) -> tuple[dict[str, Any], Photo]:
    """The record of a READY photo's deletion, and the photo after it."""
    photos = PhotosTable()
    photos.create(photo_id)
    photos.settle(photo_id)
    return photos.delete(photo_id, **values), photos.rows[photo_id]


def changes(*records: dict[str, Any]) -> list[Change]:
    return [step for step in plan(batch(list(records)), NOW) if isinstance(step, Change)]


def test_photo_that_lives_has_nothing_to_be_forgotten():
    photos = PhotosTable()
    created, ready = photos.create("a"), photos.settle("a")
    assert cached_paths(photos.rows["a"]) == set()
    [change] = changes(created, ready)
    assert change.cached_paths == set()


def test_photo_that_was_never_ready_has_its_page_forgotten():
    photos = PhotosTable()
    photos.create("a")
    [change] = changes(photos.delete("a"))
    assert change.cached_paths == {"/photo.html?id=a"}


@pytest.mark.parametrize("image", ["NewImage", "OldImage"])
def test_renditions_are_found_in_either_image(image: str):
    record, _ = deletion("a")
    del record["dynamodb"][image]["renditions"]
    [change] = changes(record)
    assert change.cached_paths == PATHS


def test_old_image_that_nobody_could_read_does_not_keep_a_photo_from_being_deleted():
    record, _ = deletion("a")
    record["dynamodb"]["OldImage"] |= {"version": {"S": "two"}, "renditions": {"L": []}}
    [change] = changes(record)
    assert change.cached_paths == PATHS


def test_paths_are_quoted_so_that_none_means_more_than_itself():
    _, photo = deletion("a")
    strange = {"thumb": Rendition(key="photos/a/ü 1?/*", width=1, height=1, bytes=1)}
    photo = msgspec.structs.replace(photo, photo_id="a&b*", renditions=strange)
    assert cached_paths(photo) == {"/photo.html?id=a%26b%2A", "/photos/a/%C3%BC%201%3F/%2A"}


def test_one_request_is_for_all_deletions():
    request = invalidation_batch(changes(deletion("a")[0], deletion("b")[0]))
    paths = [*PATHS, *(path.replace("/a/", "/b/").replace("=a", "=b") for path in PATHS)]
    assert request["Paths"] == {"Quantity": 6, "Items": sorted(paths)}


def test_same_records_make_the_same_request_and_others_another():
    first, second = deletion("a")[0], deletion("b")[0]
    second["dynamodb"]["SequenceNumber"] += "0"
    again = deletion("a")[0]
    again["dynamodb"]["SequenceNumber"] += "1"  # as if the table had been restored
    requests = [
        invalidation_batch(changes(*records))
        for records in ([first], [first], [second], [first, second], [again])
    ]
    references = [request["CallerReference"] for request in requests]
    assert requests[0] == requests[1]
    assert len(set(references)) == 4


def test_request_of_another_release_for_the_same_records_has_another_reference():
    [change] = changes(deletion("a")[0])
    fewer = msgspec.structs.replace(change, cached_paths={"/photo.html?id=a"})
    references = [invalidation_batch([each])["CallerReference"] for each in (change, fewer)]
    assert references[0] != references[1]


def test_tombstone_shows_none_of_the_paths():
    record, photo = deletion("a")
    assert photo.status is Status.DELETED
    [change] = changes(record)
    assert change.row.keys() == {"photo_id", "version", "status", "expires_at", "replicated_at"}
    assert change.row["version"] == to_item({"version": 3})["version"]
