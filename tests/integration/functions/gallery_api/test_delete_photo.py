"""The API answers 404 for a deleted photo at once; its objects and rows are deleted."""

import itertools
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from gallery_api.routes.photos import DELETION_RESERVE_SECONDS
from shared.catalog import catalog_row
from shared.deadlines import Deadline
from shared.dynamodb import to_item
from shared.photos import Photo, Rendition, Status, rendition_key, upload_key
from shared.view_rows import TOTALS
from tests.support.faults import At, CrashError, once, raising, refusal
from tests.support.gallery_api import (
    CORRELATION_ID,
    OWNER,
    STRANGER,
    Answer,
    Api,
    assert_problem,
    load_request,
    put,
    stored,
)
from tests.support.moto_stack import MotoStack

RESERVE_MS = int(1000 * DELETION_RESERVE_SECONDS)
PHOTO_ID = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
NEIGHBOUR = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f61"
MOMENTS = [
    f"{when}.{call}"
    for call in (
        "dynamodb.UpdateItem",
        "s3.DeleteObject",
        "s3.ListObjectsV2",
        "dynamodb.Query",
        "dynamodb.BatchWriteItem",
    )
    for when in ("before-call", "after-call")
]


def is_tombstone(row: Mapping[str, Any]) -> bool:
    is_total = row["period"]["S"] in TOTALS
    return is_total and row["views"] == {"N": "0"} and "expires_at" in row


class Belongings:
    """What photos have in buckets and in the table of views."""

    def __init__(self, stack: MotoStack) -> None:
        self._stack = stack
        self._uploads = stack.names["UploadsBucket"]
        self._media = stack.names["MediaBucket"]
        self._views = stack.names["ViewsTable"]

    def add(self, photo_id: str, *, minutes: int = 3, etags: tuple[str, ...] = ("abc",)) -> None:
        self._stack.s3.put_object(Bucket=self._uploads, Key=upload_key(photo_id), Body=b"photo")
        for etag, name in itertools.product(etags, ("thumb", "small", "large")):
            key = rendition_key(photo_id, etag, name)
            self._stack.s3.put_object(Bucket=self._media, Key=key, Body=b"rendition")
        start = datetime(2026, 11, 20, tzinfo=UTC)
        times = (start + timedelta(minutes=number) for number in range(minutes))
        periods = [f"minute#{time:%Y-%m-%dT%H:%MZ}" for time in times]
        for period in ("total", "total#5", *periods, *(f"{each}#5" for each in periods[:1])):
            row = to_item({"photo_id": photo_id, "period": period, "views": 1})
            self._stack.dynamodb.put_item(TableName=self._views, Item=row)

    def of(self, photo_id: str) -> set[str]:
        keys = {
            stored["Key"]
            for bucket in (self._uploads, self._media)
            for stored in self._stack.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        }
        rows = self._stack.dynamodb.scan(TableName=self._views)["Items"]
        periods = {
            row["period"]["S"]
            for row in rows
            if row["photo_id"]["S"] == photo_id and not is_tombstone(row)
        }
        return periods | {key for key in keys if f"/{photo_id}" in key}

    def assert_deleted(self, photo: Photo) -> None:
        """Its record is a tombstone, nothing else is left, and its neighbor is unchanged."""
        [tombstone] = stored(self._stack)
        assert (tombstone.status, tombstone.version) == (Status.DELETED, photo.version + 1)
        assert self.of(photo.photo_id) == set()
        assert len(self.of(NEIGHBOUR)) == 10


@pytest.fixture
def belongings(stack: MotoStack, api: Api) -> Belongings:  # noqa: ARG001 - which empties all
    return Belongings(stack)


@pytest.fixture
def photo(stack: MotoStack, belongings: Belongings) -> Photo:
    """A READY photo with objects and view rows, and a neighbor with the same."""
    belongings.add(PHOTO_ID)
    belongings.add(NEIGHBOUR)
    thumb = Rendition(key=rendition_key(PHOTO_ID, "abc", "thumb"), width=1, height=1, bytes=9)
    return put(stack, photo_id=PHOTO_ID, renditions={"thumb": thumb}, etag="abc")


@pytest.fixture
def at(api: Api) -> At:
    """Do something at the function's next such moment, as `before-call.s3.DeleteObject`."""
    return lambda moment, act: once(getattr(api.resources, moment.split(".")[1]), moment, act)


def test_record_becomes_a_tombstone_for_30_days(stack: MotoStack, api: Api, photo: Photo):
    before = datetime.now(UTC)
    answer = api.delete(PHOTO_ID)
    assert (answer.status, answer.body) == (204, None)
    [tombstone] = stored(stack)
    assert tombstone.expires_at is not None
    lives = timedelta(seconds=tombstone.expires_at - before.timestamp())
    assert timedelta(days=30, seconds=-1) <= lives <= timedelta(days=30, seconds=60)
    assert tombstone == Photo(
        **{name: getattr(photo, name) for name in photo.__struct_fields__}
        | {
            "status": Status.DELETED,
            "version": 3,
            "expires_at": tombstone.expires_at,
            "correlation_id": CORRELATION_ID,
        }
    )


def test_replicator_makes_a_tombstone_of_it(stack: MotoStack, api: Api, photo: Photo):
    api.delete(photo.photo_id)
    [tombstone] = stored(stack)
    row = catalog_row(tombstone, datetime.now(UTC))
    assert row is not None
    assert row.keys() == {"photo_id", "version", "status", "expires_at", "replicated_at"}


def test_deletion_removes_everything_of_the_photo_and_nothing_else(
    api: Api, belongings: Belongings, photo: Photo
):
    belongings.add(PHOTO_ID, etags=("abc", "another-upload"))
    api.delete(PHOTO_ID)
    belongings.assert_deleted(photo)


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED, Status.READY])
def test_photo_is_gone_for_everybody_and_its_owner(stack: MotoStack, api: Api, status: Status):
    put(stack, status=status)
    assert api.delete(PHOTO_ID).status == 204
    assert_problem(api.get(PHOTO_ID), 404)
    assert api.list_own().body["photos"] == []


def test_photo_without_objects_and_views_is_deleted(stack: MotoStack, api: Api):
    put(stack, status=Status.PENDING)
    assert api.delete(PHOTO_ID).status == 204
    assert stored(stack)[0].status is Status.DELETED


def test_repeated_deletion_changes_nothing(
    stack: MotoStack, api: Api, belongings: Belongings, photo: Photo
):
    answers = [api.delete(PHOTO_ID)]
    [tombstone] = stored(stack)
    answers += [api.delete(PHOTO_ID) for _ in range(2)]
    assert [answer.status for answer in answers] == [204] * 3
    assert stored(stack) == [tombstone]
    belongings.assert_deleted(photo)


def test_second_run_removes_late_leftovers(api: Api, belongings: Belongings, photo: Photo):
    """An upload by a signature that was still valid, and views that were in the stream."""
    api.delete(PHOTO_ID)
    belongings.add(PHOTO_ID)
    assert api.delete(PHOTO_ID).status == 204
    belongings.assert_deleted(photo)


def test_repeat_leaves_the_correlation_id_of_the_deletion(stack: MotoStack, api: Api, photo: Photo):
    api.delete(photo.photo_id)
    context = load_request("delete_photo")["requestContext"] | {"requestId": "another"}
    assert api.call("delete_photo", path=f"/photos/{PHOTO_ID}", requestContext=context).status
    assert api.logged()[-1]["correlation_id"] == "another"
    assert stored(stack)[0].correlation_id == CORRELATION_ID


def test_another_user_may_not_delete_it(
    stack: MotoStack, api: Api, belongings: Belongings, photo: Photo
):
    before = belongings.of(PHOTO_ID)
    assert_problem(api.delete(PHOTO_ID, STRANGER), 403)
    assert stored(stack) == [photo]
    assert belongings.of(PHOTO_ID) == before


def test_another_user_learns_nothing_about_it_and_removes_nothing(
    api: Api, belongings: Belongings, photo: Photo
):
    api.delete(photo.photo_id)
    belongings.add(PHOTO_ID)
    before = belongings.of(PHOTO_ID)
    assert_problem(api.delete(PHOTO_ID, STRANGER), 404)
    assert belongings.of(PHOTO_ID) == before


def test_unknown_photo_is_not_found_and_not_created(stack: MotoStack, api: Api):
    assert_problem(api.call("delete_photo"), 404)
    assert stored(stack) == []


@pytest.mark.parametrize("photo_id", ["1", "me", PHOTO_ID.upper(), "%00", f"{PHOTO_ID}%2F"])
def test_invalid_id_is_not_found_without_a_call(
    api: Api, monkeypatch: pytest.MonkeyPatch, photo_id: str
):
    monkeypatch.setattr(api.resources.dynamodb, "_make_api_call", pytest.fail)
    assert_problem(api.delete(photo_id), 404)


def throttled(status: int) -> ClientError:
    error = refusal("ThrottlingException")
    error.response["ResponseMetadata"] = {"HTTPStatusCode": status}  # type: ignore[typeddict-item]
    return error


@pytest.mark.parametrize(
    "failure",
    [
        *((moment, ReadTimeoutError(endpoint_url="https://aws")) for moment in MOMENTS),
        ("before-call.dynamodb.UpdateItem", throttled(400)),
        ("before-call.dynamodb.BatchWriteItem", throttled(400)),
        ("before-call.s3.DeleteObject", throttled(503)),
    ],
    ids=str,
)
def test_fault_is_answered_503_and_the_repeated_request_completes(
    api: Api, at: At, belongings: Belongings, photo: Photo, failure: tuple[str, Exception]
):
    moment, fault = failure
    with at(moment, raising(fault)):
        answer = api.delete(PHOTO_ID)
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == ["1"]
    assert api.delete(PHOTO_ID).status == 204
    belongings.assert_deleted(photo)


@pytest.mark.parametrize("number", range(8))
def test_repeated_request_completes_after_a_crash_at_any_call(
    api: Api,
    belongings: Belongings,
    photo: Photo,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
):
    """A deletion of this photo makes eight."""
    calls = itertools.count()
    for client in (api.resources.dynamodb, api.resources.s3):

        def counted(
            operation: str,
            request: dict[str, Any],
            call: Callable[..., Any] = client._make_api_call,
        ) -> Any:
            if next(calls) == number:
                raise CrashError
            return call(operation, request)

        monkeypatch.setattr(client, "_make_api_call", counted)
    with pytest.raises(CrashError):
        api.delete(PHOTO_ID)
    done = next(calls)
    assert api.delete(PHOTO_ID).status == 204
    assert done == number + 1
    belongings.assert_deleted(photo)


def test_record_is_deleted_first(api: Api, at: At, belongings: Belongings, photo: Photo):
    before = belongings.of(PHOTO_ID)
    outage = raising(ReadTimeoutError(endpoint_url="https://dynamodb"))
    with at("before-call.dynamodb.UpdateItem", outage):
        assert_problem(api.delete(photo.photo_id), 503)
    assert belongings.of(PHOTO_ID) == before
    assert api.get(PHOTO_ID).status == 200
    with at("before-call.s3.DeleteObject", outage):
        assert_problem(api.delete(PHOTO_ID), 503)
    assert_problem(api.get(PHOTO_ID), 404)


def test_lost_answer_of_the_record_write_is_harmless(
    api: Api,
    belongings: Belongings,
    photo: Photo,
    monkeypatch: pytest.MonkeyPatch,
):
    """boto3 tries again when an answer is lost, and then finds the tombstone of its first try."""
    update = api.resources.dynamodb.update_item
    monkeypatch.setattr(
        api.resources.dynamodb,
        "update_item",
        lambda **request: [update(**request) for _ in "12"][1],
    )
    assert api.delete(PHOTO_ID).status == 204
    belongings.assert_deleted(photo)


def test_concurrent_deletions_both_succeed(api: Api, at: At, belongings: Belongings, photo: Photo):
    answers: list[Answer] = []
    with at("before-call.s3.ListObjectsV2", lambda: answers.append(api.delete(PHOTO_ID))):
        answers.append(api.delete(PHOTO_ID))
    assert [answer.status for answer in answers] == [204, 204]
    belongings.assert_deleted(photo)


def test_photo_that_becomes_ready_meanwhile_is_deleted_too(
    stack: MotoStack, api: Api, at: At, belongings: Belongings, photo: Photo
):
    with at("before-call.dynamodb.UpdateItem", lambda: put(stack, version=7)):
        assert api.delete(photo.photo_id).status == 204
    [tombstone] = stored(stack)
    assert (tombstone.status, tombstone.version) == (Status.DELETED, 8)
    assert belongings.of(PHOTO_ID) == set()


def test_unprocessed_rows_are_sent_again(
    api: Api,
    belongings: Belongings,
    photo: Photo,
    monkeypatch: pytest.MonkeyPatch,
):
    write = api.resources.dynamodb.batch_write_item
    asked: list[int] = []

    def take_most(RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3
        [(table, requests)] = RequestItems.items()
        asked.append(len(requests))
        taken = math.ceil(len(requests) * 3 / 4)
        write(RequestItems={table: requests[:taken]})
        return {"UnprocessedItems": {table: requests[taken:]} if requests[taken:] else {}}

    monkeypatch.setattr(api.resources.dynamodb, "batch_write_item", take_most)
    assert api.delete(PHOTO_ID).status == 204
    assert asked == [17 + 4, 5, 1]
    belongings.assert_deleted(photo)


def test_rows_that_stay_unprocessed_are_deleted_by_the_repeated_request(
    api: Api,
    belongings: Belongings,
    photo: Photo,
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[dict[str, Any]] = []

    def take_none(**request: Any) -> dict[str, Any]:
        asked.append(request)
        return {"UnprocessedItems": request["RequestItems"]}

    monkeypatch.setattr(api.resources.dynamodb, "batch_write_item", take_none)
    assert_problem(api.delete(PHOTO_ID), 503)
    assert len(asked) == 3
    monkeypatch.undo()
    assert api.delete(PHOTO_ID).status == 204
    belongings.assert_deleted(photo)


def test_view_rows_of_many_pages_and_batches_are_deleted(
    api: Api, belongings: Belongings, photo: Photo
):
    belongings.add(PHOTO_ID, minutes=130)
    assert api.delete(PHOTO_ID).status == 204
    belongings.assert_deleted(photo)


def test_totals_are_replaced_before_the_latest_minutes_are_deleted(
    api: Api, at: At, belongings: Belongings, photo: Photo
):
    belongings.add(photo.photo_id, minutes=60)
    crash = raising(CrashError())
    with at("after-call.dynamodb.BatchWriteItem", crash), pytest.raises(CrashError):
        api.delete(PHOTO_ID)
    left = sorted(belongings.of(PHOTO_ID))
    assert len(left) == 61 - 8, "17 totals are replaced, and 8 minutes deleted"
    assert left[-1] == "minute#2026-11-20T00:51Z"


def test_step_that_may_not_end_in_time_is_not_begun(api: Api, belongings: Belongings, photo: Photo):
    before = belongings.of(PHOTO_ID)
    answer = api.delete(PHOTO_ID, milliseconds=RESERVE_MS)
    assert_problem(answer, 503)
    assert belongings.of(PHOTO_ID) == before
    assert_problem(api.get(PHOTO_ID), 404)
    assert api.delete(PHOTO_ID, milliseconds=RESERVE_MS + 1).status == 204
    belongings.assert_deleted(photo)


@pytest.mark.parametrize("etags", [(), ("abc",)], ids=["no renditions", "renditions"])
def test_no_more_calls_follow_a_check_of_the_time_than_the_reserve_allows(
    stack: MotoStack,
    api: Api,
    belongings: Belongings,
    monkeypatch: pytest.MonkeyPatch,
    etags: tuple[str, ...],
):
    put(stack, photo_id=PHOTO_ID)
    belongings.add(PHOTO_ID, minutes=130, etags=etags)
    calls = [0]

    def count(**_: object) -> None:
        calls[-1] += 1

    monkeypatch.setattr(Deadline, "check", lambda _: calls.append(0))
    for client in (api.resources.s3, api.resources.dynamodb):
        client.meta.events.register("before-call", count)
    try:
        assert api.delete(PHOTO_ID).status == 204
    finally:
        for client in (api.resources.s3, api.resources.dynamodb):
            client.meta.events.unregister("before-call", count)
    assert max(calls) == 2, "the reserve is for two calls of 7 s"


def test_permanent_refusal_is_answered_500(api: Api, at: At, photo: Photo):
    denied = refusal("AccessDenied")
    denied.response["ResponseMetadata"] = {"HTTPStatusCode": 403}  # type: ignore[typeddict-item]
    with at("before-call.s3.DeleteObject", raising(denied)):
        assert_problem(api.delete(photo.photo_id), 500)


def test_owner_is_the_creator(api: Api):
    photo_id = api.create().body["photo"]["photo_id"]
    assert_problem(api.delete(photo_id, STRANGER), 403)
    assert api.delete(photo_id, OWNER).status == 204
