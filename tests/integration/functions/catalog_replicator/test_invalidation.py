import contextlib
import itertools
from collections.abc import Iterator
from types import ModuleType

import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError

from shared.photos import Status
from tests.integration.functions.catalog_replicator.cdn import DISTRIBUTION, Cdn
from tests.support.faults import CrashError, refusal
from tests.support.photo_stream import (
    Catalog,
    Invoke,
    LambdaContext,
    PhotosTable,
    batch,
    load_event,
    position,
)

FAULTS = [
    refusal("Throttling"),
    refusal("TooManyInvalidationsInProgress"),
    ReadTimeoutError(endpoint_url="https://cloudfront"),
]


@pytest.fixture
def cdn(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cdn]:
    """The distribution of a stack that has one."""
    settings = msgspec.structs.replace(module.settings, distribution_id=DISTRIBUTION)
    monkeypatch.setattr(module, "settings", settings)
    with Cdn(module.cloudfront) as cdn:
        yield cdn


@pytest.fixture
def photos() -> PhotosTable:
    """Four photos, all READY."""
    photos = PhotosTable()
    for photo_id in ("a", "b", "c", "d"):
        photos.create(photo_id)
        photos.settle(photo_id)
    return photos


@contextlib.contextmanager
def throttled_write(module: ModuleType, which: int) -> Iterator[None]:
    """The catalog refuses that write, counted from 1."""
    writes = itertools.count(1)

    def refuse(**_: object) -> None:
        if next(writes) == which:
            raise refusal("ThrottlingException")

    hooks = module.dynamodb.meta.events
    hooks.register("before-call.dynamodb.PutItem", refuse)
    yield
    hooks.unregister("before-call.dynamodb.PutItem", refuse)
    assert next(writes) > which, "the write did not come"


def tags(*photo_ids: str) -> set[str]:
    """The cache tags of these photos, as paths of an invalidation."""
    return {f"#photo-{each}" for each in photo_ids}


def test_tag_of_a_deleted_photo_is_invalidated(catalog: Catalog, invoke: Invoke, cdn: Cdn):
    assert invoke(load_event("photo_deleted")) == []
    photo_id = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
    assert cdn.invalidated == tags(photo_id)
    assert catalog.rows()[photo_id]["status"] == Status.DELETED


def test_photos_that_are_not_deleted_are_not_invalidated(
    catalog: Catalog, invoke: Invoke, cdn: Cdn, photos: PhotosTable
):
    photos.create("e")
    photos.fail("e")
    photos.rename("a")
    assert invoke(batch(photos.stream)) == []
    assert cdn.calls == 0
    assert set(catalog.feed()) == {"a", "b", "c", "d"}


def test_deletions_of_a_batch_are_one_invalidation_after_all_tombstones(
    catalog: Catalog, invoke: Invoke, cdn: Cdn, photos: PhotosTable
):
    records = [photos.delete("a"), photos.rename("b"), photos.delete("c")]
    seen: list[str] = []
    cdn.watch = lambda: seen.extend(catalog.feed())
    assert invoke(batch([*photos.stream, *records])) == []
    assert cdn.calls == 1
    assert cdn.invalidated == tags("a", "c")
    assert sorted(seen) == ["b", "d"]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_failed_invalidation_is_retried_from_the_first_deletion(
    catalog: Catalog, invoke: Invoke, cdn: Cdn, photos: PhotosTable, fault: Exception
):
    records = [photos.rename("b"), photos.delete("a"), photos.rename("d"), photos.delete("c")]
    with cdn.failing(fault):
        assert invoke(batch(records)) == [position(records[1])]
    assert cdn.invalidated == set()
    assert set(catalog.feed()) == {"b", "d"}  # the catalog does not wait for the CDN
    assert invoke(batch(records[1:])) == []
    assert cdn.invalidated == tags("a", "c")


def test_deletions_before_a_failed_write_are_invalidated_at_once_and_later_ones_on_retry(
    module: ModuleType, catalog: Catalog, invoke: Invoke, cdn: Cdn, photos: PhotosTable
):
    records = [photos.delete("a"), photos.delete("b"), photos.delete("c")]
    with throttled_write(module, 2):
        assert invoke(batch(records)) == [position(records[1])]
    assert cdn.invalidated == tags("a")
    assert set(catalog.rows()) == {"a"}
    assert invoke(batch(records[1:])) == []
    assert cdn.invalidated == tags("a", "b", "c")


def test_first_deletion_is_reported_if_its_invalidation_and_a_later_write_fail(
    module: ModuleType, catalog: Catalog, invoke: Invoke, cdn: Cdn, photos: PhotosTable
):
    records = [photos.rename("c"), photos.delete("a"), photos.delete("d"), photos.rename("b")]
    with throttled_write(module, 4), cdn.failing(refusal("Throttling")):
        assert invoke(batch(records)) == [position(records[1])]
    assert set(catalog.rows()) == {"a", "c", "d"}
    assert invoke(batch(records[1:])) == []
    assert cdn.invalidated == tags("a", "d")
    assert set(catalog.rows()) == {"a", "b", "c", "d"}


@pytest.mark.parametrize("fault", [CrashError(), refusal("Throttling")], ids=repr)
def test_deletion_whose_tombstone_exists_already_is_invalidated(
    catalog: Catalog, invoke: Invoke, cdn: Cdn, photos: PhotosTable, fault: BaseException
):
    event = batch([photos.delete("a")])
    with contextlib.suppress(CrashError), cdn.failing(fault):
        invoke(event)
    assert catalog.rows()["a"]["status"] == Status.DELETED
    assert cdn.invalidated == set()
    assert invoke(event) == []
    assert cdn.invalidated == tags("a")


def test_invalidation_whose_answer_was_lost_is_made_once(
    invoke: Invoke, cdn: Cdn, photos: PhotosTable
):
    event = batch([photos.delete("a"), photos.delete("b")])
    with cdn.failing(FAULTS[-1], "after-call"):
        assert invoke(event) == [position(event["Records"][0])]
    assert invoke(event) == []
    assert cdn.calls == 2
    assert len(cdn.invalidations) == 1


def test_same_deletion_in_another_batch_is_another_invalidation(
    invoke: Invoke, cdn: Cdn, photos: PhotosTable
):
    first, second = photos.delete("a"), photos.delete("b")
    assert invoke(batch([first])) == invoke(batch([first, second])) == invoke(batch([second])) == []
    assert [set(each) for each in cdn.invalidations.values()] == [
        tags("a"),
        tags("a", "b"),
        tags("b"),
    ]


def test_redrive_of_an_old_deletion_is_harmless(
    catalog: Catalog, invoke: Invoke, cdn: Cdn, photos: PhotosTable
):
    photos.delete("a")
    event = batch(photos.stream)
    invoke(event)
    before = catalog.rows(), dict(cdn.invalidations)
    assert invoke(event) == []
    assert (catalog.rows(), cdn.invalidations) == before


def test_invalidation_without_time_left_is_not_started_and_is_retried(
    module: ModuleType, catalog: Catalog, invoke: Invoke, cdn: Cdn, photos: PhotosTable
):
    record = photos.delete("a")
    longest = int(1000 * module.LONGEST_CALL)
    left = iter([2 * longest + 1, longest])
    context = LambdaContext(milliseconds=lambda: next(left))
    assert invoke(batch([record]), context) == [position(record)]
    assert cdn.calls == 0
    assert catalog.rows()["a"]["status"] == Status.DELETED


def test_largest_batch_of_the_template_fits_one_invalidation(invoke: Invoke, cdn: Cdn):
    photos = PhotosTable()
    ids = [f"photo-{number:02}" for number in range(100)]
    for photo_id in ids:
        photos.create(photo_id)
        photos.settle(photo_id)
    assert invoke(batch([photos.delete(photo_id) for photo_id in ids])) == []
    [invalidation] = cdn.invalidations.values()
    assert set(invalidation) == tags(*ids)
    assert len(invalidation) < 3000  # in progress at once, of one distribution


def test_nothing_is_invalidated_where_the_stack_has_no_distribution(
    module: ModuleType, catalog: Catalog, invoke: Invoke, photos: PhotosTable
):
    assert module.settings.distribution_id == "none"
    with Cdn(module.cloudfront) as nowhere:
        assert invoke(batch([photos.delete("a")])) == []
    assert nowhere.calls == 0
    assert catalog.rows()["a"]["status"] == Status.DELETED
