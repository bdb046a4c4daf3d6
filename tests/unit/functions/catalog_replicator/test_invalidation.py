from datetime import UTC, datetime
from typing import Any

import msgspec

from catalog_replicator.catalog import CatalogWrite, invalidation_batch, plan
from shared.dynamodb import to_item
from shared.photos import Photo, Status
from tests.support.photo_stream import PhotosTable, batch

NOW = datetime(2026, 11, 20, 12, 35, tzinfo=UTC)


def deletion(photo_id: str, **values: Any) -> tuple[dict[str, Any], Photo]:
    """The record of a READY photo's deletion, and the photo after it."""
    photos = PhotosTable()
    photos.create(photo_id)
    photos.settle(photo_id)
    return photos.delete(photo_id, **values), photos.rows[photo_id]


def writes(*records: dict[str, Any]) -> list[CatalogWrite]:
    return [step for step in plan(batch(list(records)), NOW) if isinstance(step, CatalogWrite)]


def test_photo_that_is_not_deleted_is_not_invalidated():
    photos = PhotosTable()
    created, ready = photos.create("a"), photos.settle("a")
    [write] = writes(created, ready)
    assert write.deleted_tag is None


def test_photo_that_was_never_ready_is_invalidated_too():
    photos = PhotosTable()
    photos.create("a")
    [write] = writes(photos.delete("a"))
    assert write.deleted_tag == "photo-a"


def test_old_image_that_cannot_be_read_does_not_prevent_the_invalidation():
    record, _ = deletion("a")
    record["dynamodb"]["OldImage"] |= {"version": {"S": "two"}, "renditions": {"L": []}}
    [write] = writes(record)
    assert write.deleted_tag == "photo-a"


def test_tag_has_only_characters_that_cloudfront_accepts():
    with_other_characters = writes(deletion("a-1ü, *")[0])
    assert invalidation_batch(with_other_characters)["Paths"]["Items"] == ["#photo-a-1____"]


def test_one_request_is_for_all_deletions():
    request = invalidation_batch(writes(deletion("a")[0], deletion("b")[0]))
    assert request["Paths"] == {"Quantity": 2, "Items": ["#photo-a", "#photo-b"]}


def test_same_records_make_the_same_request_and_other_records_a_new_one():
    first, second = deletion("a")[0], deletion("b")[0]
    second["dynamodb"]["SequenceNumber"] += "0"
    again = deletion("a")[0]
    again["dynamodb"]["SequenceNumber"] += "1"  # as if the table had been restored
    requests = [
        invalidation_batch(writes(*records))
        for records in ([first], [first], [second], [first, second], [again])
    ]
    references = [request["CallerReference"] for request in requests]
    assert requests[0] == requests[1]
    assert len(set(references)) == 4


def test_request_of_another_release_for_the_same_records_has_another_reference():
    [write] = writes(deletion("a")[0])
    other = msgspec.structs.replace(write, deleted_tag="a")
    references = [invalidation_batch([each])["CallerReference"] for each in (write, other)]
    assert references[0] != references[1]


def test_tombstone_shows_no_renditions():
    record, photo = deletion("a")
    assert photo.status is Status.DELETED
    [write] = writes(record)
    assert write.row.keys() == {"photo_id", "version", "status", "expires_at", "replicated_at"}
    assert write.row["version"] == to_item({"version": 3})["version"]
