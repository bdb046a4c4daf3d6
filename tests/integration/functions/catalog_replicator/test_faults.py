import json
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from catalog_replicator import catalog as catalog_module
from shared.catalog import catalog_row
from shared.photos import Status
from shared.quarantine import BrokenReleaseError
from tests.support.faults import CrashError, once, raising, refusal
from tests.support.moto_stack import MotoStack
from tests.support.photo_stream import (
    Catalog,
    Invoke,
    LambdaContext,
    PhotosTable,
    batch,
    load_event,
    position,
)
from tests.support.uploads import Written

FAULTS = [
    refusal("ThrottlingException"),
    refusal("ProvisionedThroughputExceededException"),
    refusal("InternalServerError"),
    ReadTimeoutError(endpoint_url="https://dynamodb"),
    ConnectTimeoutError(endpoint_url="https://dynamodb"),
]


@pytest.fixture
def photos() -> PhotosTable:
    return PhotosTable()


def ready(photos: PhotosTable, *photo_ids: str) -> list[dict[str, Any]]:
    """The records of photos that became READY."""
    for photo_id in photo_ids:
        photos.create(photo_id)
    return [photos.settle(photo_id) for photo_id in photo_ids]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_first_failure_is_reported_and_later_records_are_not_tried(
    module: ModuleType, catalog: Catalog, invoke: Invoke, photos: PhotosTable, fault: Exception
):
    records = ready(photos, "a", "b", "c")
    calls: list[object] = []

    def fail_the_second(**_: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise fault

    hooks = module.dynamodb.meta.events
    hooks.register("before-call.dynamodb.PutItem", fail_the_second)
    reported = invoke(batch(records))
    hooks.unregister("before-call.dynamodb.PutItem", fail_the_second)

    assert reported == [position(records[1])]
    assert set(catalog.rows()) == {"a"}
    assert len(calls) == 2
    assert invoke(batch(records[1:])) == []
    assert set(catalog.rows()) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("client", "moment"),
    [("dynamodb", "before-call.dynamodb.PutItem"), ("s3", "before-call.s3.PutObject")],
)
def test_failure_is_logged_with_photo_and_request(
    module: ModuleType, invoke: Invoke, output: Written, client: str, moment: str
):
    photos = PhotosTable()
    photos.create("a", correlation_id="one")
    record = photos.settle("a")
    if client == "s3":
        record["dynamodb"]["NewImage"]["version"] = {"S": "two"}  # poison
    with once(getattr(module, client), moment, raising(refusal("SlowDown"))):
        assert invoke(batch([record])) == [position(record)]
    [line] = output().log
    assert (line["message"], line["photo_id"], line["correlation_id"]) == (
        "record_failed",
        "a",
        "one",
    )


def test_order_of_a_photo_is_kept_after_a_failure(
    module: ModuleType, catalog: Catalog, invoke: Invoke, photos: PhotosTable
):
    [record] = ready(photos, "a")
    deletion = photos.delete("a")
    throttled = raising(refusal("ThrottlingException"))
    with once(module.dynamodb, "before-call.dynamodb.PutItem", throttled):
        assert invoke(batch([record, deletion])) == [position(record)]
    assert catalog.rows() == {}
    invoke(batch([record, deletion]))
    assert catalog.rows()["a"]["status"] == Status.DELETED


def test_retried_write_whose_answer_was_lost_is_stale(
    module: ModuleType, catalog: Catalog, invoke: Invoke, photos: PhotosTable
):
    records = ready(photos, "a")
    lost = raising(ReadTimeoutError(endpoint_url="https://dynamodb"))
    with once(module.dynamodb, "after-call.dynamodb.PutItem", lost):
        assert invoke(batch(records)) == [position(records[0])]
    assert invoke(batch(records)) == []
    assert set(catalog.rows()) == {"a"}


@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_next_delivery_completes_what_a_crash_left(
    module: ModuleType, catalog: Catalog, invoke: Invoke, photos: PhotosTable, moment: str
):
    records = [*ready(photos, "a", "b"), photos.delete("a")]
    with (
        once(module.dynamodb, f"{moment}.dynamodb.PutItem", raising(CrashError())),
        pytest.raises(CrashError),
    ):
        invoke(batch(records))
    assert invoke(batch(records)) == []
    assert catalog.feed() == ["b"]


def test_poison_is_quarantined_and_its_neighbors_are_replicated(
    catalog: Catalog, invoke: Invoke, photos: PhotosTable, output: Written
):
    first, last = ready(photos, "a", "b")
    [poison] = load_event("unreadable_image")["Records"]
    assert invoke(batch([first, poison, last])) == []
    assert catalog.feed() == ["a", "b"]
    assert catalog.quarantine() == {
        f"quarantine/catalog_replicator/{position(poison)}.json": {
            "function": "catalog_replicator",
            "position": position(poison),
            "reason": "Expected `int`, got `str` - at `$.version`",
            "record": poison,
        }
    }
    written = output()
    assert written.count("RecordsQuarantined") == 1
    [line] = [line for line in written.log if line["level"] == "ERROR"]
    assert line["position"] == position(poison)
    assert line["photo_id"] == poison["dynamodb"]["Keys"]["photo_id"]["S"]


def test_poison_that_arrives_twice_is_kept_once(catalog: Catalog, invoke: Invoke):
    event = load_event("unreadable_image")
    assert invoke(event) == invoke(event) == []
    assert len(catalog.quarantine()) == 1


@pytest.mark.parametrize(
    "fault", [refusal("SlowDown"), ReadTimeoutError(endpoint_url="https://s3")]
)
def test_poison_that_cannot_be_quarantined_is_reported(
    module: ModuleType, catalog: Catalog, invoke: Invoke, output: Written, fault: Exception
):
    first, last = ready(PhotosTable(), "a", "b")
    [poison] = load_event("unreadable_image")["Records"]
    with once(module.s3, "before-call.s3.PutObject", raising(fault)):
        assert invoke(batch([first, poison, last])) == [position(poison)]
    assert catalog.feed() == ["a"]
    assert output().count("RecordsQuarantined") == 0


def test_broken_release_raises_before_it_writes_anything(
    catalog: Catalog, invoke: Invoke, photos: PhotosTable, monkeypatch: pytest.MonkeyPatch
):
    records = ready(photos, *(f"photo-{number:02}" for number in range(12)))
    right = catalog_row

    def raise_but_on_the_first(photo: Any, now: Any) -> Any:
        if photo.photo_id != "photo-00":
            raise KeyError("a mistake of ours")
        return right(photo, now)

    with monkeypatch.context() as broken:
        broken.setattr(catalog_module, "catalog_row", raise_but_on_the_first)
        with pytest.raises(BrokenReleaseError):
            invoke(batch(records))
    assert catalog.rows() == catalog.quarantine() == {}
    assert invoke(batch(records)) == []
    assert len(catalog.feed()) == 12


def test_function_stops_and_reports_before_its_time_is_up(
    module: ModuleType, catalog: Catalog, invoke: Invoke, photos: PhotosTable, output: Written
):
    records = ready(photos, "a", "b", "c")
    needed = 2 * int(1000 * module.LONGEST_CALL)  # for a write, and an invalidation after it
    left = iter([needed + 2, needed + 1, needed])
    context = LambdaContext(milliseconds=lambda: next(left))
    assert invoke(batch(records), context) == [position(records[2])]
    assert set(catalog.rows()) == {"a", "b"}
    assert "too little time is left" in json.dumps(output().log)


def test_function_begins_no_call_that_could_exceed_its_timeout(
    stack: MotoStack, module: ModuleType
):
    timeout = stack.template["Resources"]["CatalogReplicatorFunction"]["Properties"]["Timeout"]
    for client in (module.dynamodb, module.s3, module.cloudfront):
        config = client.meta.config
        tries = config.retries["total_max_attempts"]
        waits = sum(2**retry for retry in range(tries - 1))  # botocore's longest, in seconds
        longest = tries * (config.connect_timeout + config.read_timeout) + waits
        assert longest < module.LONGEST_CALL
    assert timeout > module.LONGEST_CALL * 2, "the first record has time for its call"
