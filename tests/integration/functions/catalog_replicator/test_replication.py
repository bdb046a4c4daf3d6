import time
from typing import Any

import pytest

from shared.photos import Status
from shared.settings import SettingsError
from tests.support.moto_stack import MotoStack
from tests.support.photo_stream import (
    EXPIRES_AT,
    Catalog,
    Invoke,
    PhotosTable,
    batch,
    load_event,
)
from tests.support.uploads import Written


@pytest.fixture
def photos() -> PhotosTable:
    return PhotosTable()


def test_photo_is_listed_once_it_is_ready(catalog: Catalog, invoke: Invoke):
    assert invoke(load_event("photo_created")) == []
    assert catalog.rows() == {}
    assert invoke(load_event("photo_ready")) == []
    [photo_id] = catalog.feed()
    row = catalog.rows()[photo_id]
    assert row["version"] == 2
    assert row["renditions"].keys() == {"thumb", "small", "large"}
    assert not row.keys() & {"owner", "etag", "error"}


def test_deleted_photo_leaves_a_tombstone_that_expires_with_its_record(
    catalog: Catalog, invoke: Invoke
):
    for name in ("photo_ready", "photo_deleted", "photo_expired"):
        assert invoke(load_event(name)) == []
    assert catalog.feed() == []
    [row] = catalog.rows().values()
    assert row == {
        "photo_id": "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
        "version": 3,
        "status": "DELETED",
        "expires_at": EXPIRES_AT,
    }


def test_old_record_does_not_restore_a_deleted_photo(catalog: Catalog, invoke: Invoke):
    for name in ("photo_ready", "photo_deleted", "photo_created", "photo_ready"):
        assert invoke(load_event(name)) == []
    assert catalog.feed() == []


def test_tombstone_that_arrives_first_is_kept(catalog: Catalog, invoke: Invoke):
    for name in ("photo_deleted", "photo_ready"):
        assert invoke(load_event(name)) == []
    assert catalog.feed() == []


def test_photo_deleted_before_it_was_ready_has_a_tombstone_too(
    catalog: Catalog, invoke: Invoke, photos: PhotosTable
):
    records = [photos.create("a"), photos.delete("a")]
    assert invoke(batch(records)) == []
    assert catalog.rows()["a"]["status"] == Status.DELETED


def test_redrive_is_the_same_event_again(catalog: Catalog, invoke: Invoke, photos: PhotosTable):
    for photo_id in ("a", "b"):
        photos.create(photo_id)
        photos.settle(photo_id)
    photos.delete("a")
    event = batch(photos.stream)
    invoke(event)
    before = catalog.rows()
    assert invoke(event) == []
    assert catalog.rows() == before


def test_empty_batch_is_a_success(catalog: Catalog, invoke: Invoke):
    assert invoke({"Records": []}) == []
    assert catalog.rows() == {}


def aged(record: dict[str, Any], seconds: float) -> dict[str, Any]:
    record["dynamodb"]["ApproximateCreationDateTime"] = time.time() - seconds
    return record


def test_longest_lag_of_a_batch_is_measured(
    catalog: Catalog, invoke: Invoke, photos: PhotosTable, output: Written
):
    for photo_id in ("a", "b"):
        photos.create(photo_id)
    invoke(batch([aged(photos.settle("a"), 90), aged(photos.settle("b"), 5)]))
    assert catalog.feed() == ["a", "b"]
    [metrics] = output().metrics
    [lag] = metrics["ReplicaLag"]
    assert 90_000 <= lag < 95_000
    [directive] = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "gallery"
    assert {"Name": "ReplicaLag", "Unit": "Milliseconds"} in directive["Metrics"]
    assert metrics["RecordsQuarantined"] == [0]


def test_lag_is_measured_for_written_records_only(
    catalog: Catalog, invoke: Invoke, photos: PhotosTable, output: Written
):
    photos.create("a")
    record = photos.settle("a")
    invoke(batch([record]))
    assert catalog.feed() == ["a"]
    first = output()
    assert first.count("ReplicaLag") > 0
    invoke(batch([aged(record, 3600)]))
    assert output().count("ReplicaLag") == 0


def test_each_row_that_is_written_has_a_line_and_no_other_has(
    catalog: Catalog, invoke: Invoke, photos: PhotosTable, output: Written
):
    photos.create("a", correlation_id="one")
    photos.create("b")
    records = [aged(photos.settle("a"), 90), aged(photos.settle("b"), 5)]
    records.append(photos.delete("a", correlation_id="two"))
    for _ in range(2):
        invoke(batch(records))
    assert set(catalog.rows()) == {"a", "b"}
    lines = output().log
    names = ("message", "photo_id", "version", "status", "correlation_id")
    assert [tuple(line.get(name) for name in names) for line in lines] == [
        ("photo_replicated", "a", "2", "READY", "one"),
        ("photo_replicated", "b", "2", "READY", None),
        ("photo_replicated", "a", "3", "DELETED", "two"),
    ]
    assert 90_000 <= lines[0]["lag_ms"] < 95_000
    assert 5_000 <= lines[1]["lag_ms"] < 10_000


def test_batch_as_large_as_the_template_allows_is_measured_too(
    stack: MotoStack, catalog: Catalog, invoke: Invoke, photos: PhotosTable
):
    function = stack.template["Resources"]["CatalogReplicatorFunction"]["Properties"]
    size = function["Events"]["PhotoChanged"]["Properties"]["BatchSize"]
    for number in range(size):
        photos.create(f"photo-{number}")
    records = [photos.settle(photo_id) for photo_id in list(photos.rows)]
    assert invoke(batch(records)) == []
    assert len(catalog.feed()) == size


@pytest.mark.parametrize("name", ["CATALOG_TABLE", "DISTRIBUTION_ID", "FAILED_BATCHES_BUCKET"])
def test_missing_variable_is_named_at_import(
    stack: MotoStack, monkeypatch: pytest.MonkeyPatch, name: str
):
    function = stack.template["Resources"]["CatalogReplicatorFunction"]["Properties"]
    monkeypatch.setitem(function["Environment"]["Variables"], name, "")
    with pytest.raises(SettingsError, match=name):
        stack.handler("catalog_replicator")
