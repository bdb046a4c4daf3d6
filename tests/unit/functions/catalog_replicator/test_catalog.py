import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from catalog_replicator import catalog
from catalog_replicator.catalog import CatalogWrite, log_fields, plan
from shared.catalog import catalog_row
from shared.dynamodb import from_item, to_item
from shared.events import UnexpectedEventError
from shared.photos import Photo, Status
from shared.quarantine import BrokenReleaseError, Poison
from tests.support.photos import READY_PHOTO
from tests.support.repository import ROOT

NOW = datetime(2026, 11, 20, 12, 35, 2, 345_678, tzinfo=UTC)
READY = msgspec.structs.replace(READY_PHOTO, error="never of a READY photo")


def event(name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "events" / f"dynamodb_{name}.json").read_text()))


def batch(*images: Any, name: str = "MODIFY") -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventName": name,
                "dynamodb": {
                    "SequenceNumber": str(number),
                    "ApproximateCreationDateTime": 1795178101.0,
                    "NewImage": image,
                },
            }
            for number, image in enumerate(images)
        ]
    }


def poisons(event: dict[str, Any]) -> list[Poison]:
    return [step for step in plan(event, NOW) if isinstance(step, Poison)]


def test_ready_photo_becomes_a_row_of_public_attributes_in_the_feed():
    assert catalog_row(READY, NOW) == {
        "photo_id": "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
        "version": 2,
        "status": "READY",
        "title": "Harbour at dawn",
        "content_type": "image/jpeg",
        "bytes": 1000,
        "created_at": "2026-11-20T12:34:56.789Z",
        "width": 4000,
        "height": 3000,
        "color": "#336699",
        "renditions": {
            "thumb": {"key": "photos/a/abc/thumb.webp", "width": 4, "height": 3, "bytes": 9}
        },
        "uploaded_at": "2026-11-20T12:35:00.000Z",
        "ready_at": "2026-11-20T12:35:01.000Z",
        "feed": "photos",
        "replicated_at": "2026-11-20T12:35:02.345Z",
    }


def test_deleted_photo_becomes_a_tombstone_outside_the_feed():
    deleted = msgspec.structs.replace(
        READY, version=3, status=Status.DELETED, expires_at=1797776096
    )
    assert catalog_row(deleted, NOW) == {
        "photo_id": "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
        "version": 3,
        "status": "DELETED",
        "expires_at": 1797776096,
        "replicated_at": "2026-11-20T12:35:02.345Z",
    }


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED])
def test_photo_that_is_not_public_has_no_row(status: Status):
    assert catalog_row(msgspec.structs.replace(READY, status=status), NOW) is None


def test_every_attribute_of_a_photo_is_public_or_known_to_be_private():
    row = catalog_row(READY, NOW)
    assert row
    assert set(Photo.__struct_fields__) - set(row) == {
        "owner",
        "error",
        "etag",
        "expires_at",
        "correlation_id",
    }, (
        "Left: fields of Photo that the row of a READY photo does not have. Add a public field to"
        " layers/shared/catalog.py and give READY_PHOTO a value of it; name a private one here."
    )


def test_event_of_a_ready_photo_becomes_a_write_with_its_position_and_time():
    [write] = plan(event("photo_ready"), NOW)
    assert isinstance(write, CatalogWrite)
    [record] = event("photo_ready")["Records"]
    assert write.position == record["dynamodb"]["SequenceNumber"]
    assert write.changed_at == record["dynamodb"]["ApproximateCreationDateTime"]
    photo = from_item(record["dynamodb"]["NewImage"], Photo)
    assert write.row == to_item(catalog_row(photo, NOW) or {})


def test_event_of_a_deleted_photo_is_a_tombstone():
    [write] = plan(event("photo_deleted"), NOW)
    assert isinstance(write, CatalogWrite)
    assert write.row["status"] == {"S": "DELETED"}
    assert "feed" not in write.row


@pytest.mark.parametrize("name", ["photo_created", "photo_expired"])
def test_event_without_a_public_change_writes_nothing(name: str):
    assert plan(event(name), NOW) == []


def test_removal_by_a_person_is_ignored_like_one_by_ttl():
    assert plan(batch({}, name="REMOVE"), NOW) == []


def test_writes_keep_the_order_of_their_records():
    versions = [3, 1, 2, 5, 4]
    images = [to_item(msgspec.structs.replace(READY, version=version)) for version in versions]
    steps = plan(batch(*images), NOW)
    assert [step.position for step in steps] == ["0", "1", "2", "3", "4"]
    writes = [step for step in steps if isinstance(step, CatalogWrite)]
    assert [write.row["version"]["N"] for write in writes] == ["3", "1", "2", "5", "4"]


def test_image_that_is_not_a_photo_is_poison_and_kept_whole():
    unreadable = event("unreadable_image")
    [poison] = plan(unreadable, NOW)
    [record] = unreadable["Records"]
    assert poison == Poison(
        function="catalog_replicator",
        position=record["dynamodb"]["SequenceNumber"],
        reason="Expected `int`, got `str` - at `$.version`",
        record=record,
    )


@pytest.mark.parametrize(
    "image",
    [
        {},
        {"photo_id": {"S": "a"}},
        {**to_item(READY), "status": {"S": "LOST"}},
        {**to_item(READY), "version": {"N": "1.5"}},
        {**to_item(READY), "version": {"NULL": True}},
        {**to_item(READY), "bytes": {}},
        {**to_item(READY), "bytes": {"X": "1"}},
        {**to_item(READY), "bytes": "1"},
        {**to_item(READY), "renditions": {"M": {"thumb": {"S": "a key"}}}},
    ],
)
def test_unreadable_image_is_poison_and_its_neighbours_are_not(image: dict[str, Any]):
    steps = plan(batch(to_item(READY), image, to_item(READY)), NOW)
    assert [type(step) for step in steps] == [CatalogWrite, Poison, CatalogWrite]


def test_many_images_that_are_no_photos_are_all_poison():
    assert len(poisons(batch(*[{}] * 50))) == 50


def test_record_on_which_our_own_code_raises_is_poison_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch,
):
    def raise_on_version_3(photo: Photo, now: datetime) -> dict[str, Any] | None:
        if photo.version == 3:
            raise KeyError("a mistake of ours")
        return catalog_row(photo, now)

    monkeypatch.setattr(catalog, "catalog_row", raise_on_version_3)
    images = [to_item(msgspec.structs.replace(READY, version=version)) for version in (2, 3, 4)]
    steps = plan(batch(*images), NOW)
    assert [type(step) for step in steps] == [CatalogWrite, Poison, CatalogWrite]
    [poison] = [step for step in steps if isinstance(step, Poison)]
    assert "raise_on_version_3" in poison.reason
    assert "KeyError: 'a mistake of ours'" in poison.reason


@pytest.mark.parametrize(("records", "broken"), [(10, False), (11, True)])
def test_more_than_ten_unexpected_exceptions_are_a_broken_release(
    monkeypatch: pytest.MonkeyPatch, records: int, broken: bool
):
    def fail(*_: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(catalog, "catalog_row", fail)
    images = batch(*[to_item(READY)] * records)
    if not broken:
        assert len(poisons(images)) == records
        return
    with pytest.raises(BrokenReleaseError) as raised:
        plan(images, NOW)
    assert len(raised.value.exceptions) == 11


def without(record: dict[str, Any], name: str) -> dict[str, Any]:
    del record["dynamodb"][name]
    return record


@pytest.mark.parametrize("moment", [None, "1795178101", [], True])
def test_record_without_its_time_is_poison_alone(moment: Any):
    records = batch(*[to_item(READY)] * 3)["Records"]
    records[1]["dynamodb"]["ApproximateCreationDateTime"] = moment
    if moment is None:
        del records[1]["dynamodb"]["ApproximateCreationDateTime"]
    steps = plan({"Records": records}, NOW)
    assert [type(step) for step in steps] == [CatalogWrite, Poison, CatalogWrite]
    [poison] = [step for step in steps if isinstance(step, Poison)]
    assert "ApproximateCreationDateTime" in poison.reason
    assert log_fields(poison)["position"] == "1"


@pytest.mark.parametrize(
    "image",
    [
        {**to_item(READY), "title": {"B": "aGFyYm91cg=="}},
        {**to_item(READY), "title": {"BS": ["aGFyYm91cg=="]}},
        {**to_item(READY), "version": {"N": "2.5"}},
        {**to_item(READY), "photo_id": {"B": "aGFyYm91cg=="}},
        [],
        "image",
        {**to_item(READY), "photo_id": "a"},
    ],
)
def test_many_records_of_another_type_are_poison_and_not_a_broken_release(image: Any):
    steps = plan(batch(to_item(READY), *[image] * 20), NOW)
    assert [type(step) for step in steps] == [CatalogWrite] + [Poison] * 20
    assert log_fields(steps[1])["position"] == "1"


@pytest.mark.parametrize("value", [{"B": "aGk="}, {"BS": ["aGk="]}, {"N": "1.5"}, {"X": 1}, None])
def test_foreign_attribute_is_ignored_whatever_its_type(value: Any):
    [step] = plan(batch({**to_item(READY), "of_another_tool": value}), NOW)
    assert isinstance(step, CatalogWrite)
    assert "of_another_tool" not in step.row


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        None,
        {"httpMethod": "GET"},
        {"Records": {}},
        {"Records": [{"eventName": "MODIFY"}]},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": "1"}}]},
        {"Records": [without(batch({})["Records"][0], "SequenceNumber")]},
    ],
)
def test_event_of_another_source_is_refused(event: Any):
    expected = "catalog_replicator expects a batch of a DynamoDB stream"
    with pytest.raises(UnexpectedEventError, match=expected):
        plan(event, NOW)
