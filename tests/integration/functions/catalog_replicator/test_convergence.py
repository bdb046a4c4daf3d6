"""The catalog converges to the filtered source under faults, redelivery and disorder."""

import itertools
from types import ModuleType
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.photos import Photo, Status
from tests.support.faults import CrashError, refusal
from tests.support.moto_stack import MotoStack
from tests.support.photo_stream import (
    EXPIRES_AT,
    Catalog,
    Invoke,
    LambdaContext,
    PhotosTable,
    batch,
    load_event,
    position,
)

PHOTO_IDS = ["a", "b", "c"]
ROUNDS = 200  # of deliveries: far more than any history here needs


def filtered(history: list[Photo]) -> dict[str, dict[str, Any]]:
    """The last public state of each photo, which the catalog must show."""
    rows: dict[str, dict[str, Any]] = {}
    for photo in history:
        identity = {"photo_id": photo.photo_id, "version": photo.version, "status": photo.status}
        if photo.status is Status.READY:
            rows[photo.photo_id] = {
                **identity,
                "title": photo.title,
                "content_type": photo.content_type,
                "bytes": photo.bytes,
                "created_at": photo.created_at,
                "width": photo.width,
                "height": photo.height,
                "renditions": msgspec.to_builtins(photo.renditions),
                "feed": "photos",
            }
        elif photo.status is Status.DELETED:
            rows[photo.photo_id] = {**identity, "expires_at": EXPIRES_AT}
    return rows


@st.composite
def histories(draw: st.DrawFn) -> tuple[PhotosTable, list[Photo]]:
    """Histories of several photos in any interleaving, with every state that each has had."""
    photos = PhotosTable()
    history: list[Photo] = []
    for photo_id in draw(st.lists(st.sampled_from(PHOTO_IDS), max_size=18)):
        photo = photos.rows.get(photo_id)
        if photo is None:
            if any(each.photo_id == photo_id for each in history):
                continue  # expired, and an id is never used again
            photos.create(photo_id)
        elif photo.status is Status.PENDING:
            draw(st.sampled_from([photos.settle, photos.delete, photos.fail]))(photo_id)
        elif photo.status is Status.DELETED:
            photos.expire(photo_id)
            continue
        else:
            draw(st.sampled_from([photos.rename, photos.rename, photos.delete]))(photo_id)
        history.append(photos.rows[photo_id])
    return photos, history


type Fault = str | None


class ChosenFaults:
    """The function with a chosen outcome for each of its writes; writes after the list succeed."""

    def __init__(self, module: ModuleType, faults: list[Fault]) -> None:
        self._hooks = module.dynamodb.meta.events
        self._faults = iter(faults)

    def __enter__(self) -> None:
        self._hooks.register("before-call.dynamodb.PutItem", self._before)
        self._hooks.register("after-call.dynamodb.PutItem", self._after)

    def __exit__(self, *_: object) -> None:
        self._hooks.unregister("before-call.dynamodb.PutItem", self._before)
        self._hooks.unregister("after-call.dynamodb.PutItem", self._after)

    def _before(self, **_: object) -> None:
        self._fault = next(self._faults, None)
        if self._fault == "throttled":
            raise refusal("ThrottlingException")
        if self._fault == "crashes before":
            raise CrashError

    def _after(self, **_: object) -> None:
        if self._fault == "answer lost":
            raise refusal("InternalServerError")
        if self._fault == "crashes after":
            raise CrashError


def deliver(invoke: Invoke, records: list[dict[str, Any]], times: list[int]) -> None:
    """As Lambda: deliver again from the reported record on, after a crash the whole batch."""
    for _, left in zip(
        range(ROUNDS), itertools.chain(times, itertools.repeat(10**9)), strict=False
    ):
        milliseconds = itertools.chain(itertools.repeat(30_000, left), itertools.repeat(0))
        try:
            reported = invoke(batch(records), LambdaContext(milliseconds=milliseconds.__next__))
        except CrashError:
            continue
        if not reported:
            return
        [first] = reported
        behind = [position(record) for record in records].index(first)
        records = records[behind:]
    raise AssertionError("the batch never went through")


faults = st.lists(
    st.sampled_from([None, "throttled", "answer lost", "crashes before", "crashes after"]),
    max_size=12,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100
)
@given(data=st.data())
def test_catalog_converges_to_the_filtered_source(
    stack: MotoStack, module: ModuleType, invoke: Invoke, data: st.DataObject
):
    photos, history = data.draw(histories())
    catalog = Catalog(stack)
    catalog.clear()
    [poison] = load_event("unreadable_image")["Records"]
    repeated_or_poison = data.draw(st.lists(st.sampled_from([*photos.stream, poison]), max_size=10))
    # At least once each, in any order: worse than what a stream and a redrive can do together.
    records = data.draw(st.permutations([*photos.stream, *repeated_or_poison]))
    cuts = data.draw(st.lists(st.integers(0, len(records)), max_size=3).map(sorted))
    times = data.draw(st.lists(st.integers(1, 5), max_size=4))
    with ChosenFaults(module, data.draw(faults)):
        for start, end in itertools.pairwise([0, *cuts, len(records)]):
            # A record that comes twice in one batch has one sequence number: apart, then.
            for part in without_repeats(records[start:end]):
                deliver(invoke, part, times)
    assert catalog.rows() == filtered(history)
    assert set(catalog.feed()) == {
        photo_id for photo_id, photo in photos.rows.items() if photo.status is Status.READY
    }
    assert len(catalog.quarantine()) == (poison in repeated_or_poison)


def without_repeats(records: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The records in their order, cut before each that the part already holds."""
    parts: list[list[dict[str, Any]]] = [[]]
    for record in records:
        if record in parts[-1]:
            parts.append([])
        parts[-1].append(record)
    return parts
