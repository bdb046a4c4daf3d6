from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gallery_api.cursors import encode_cursor
from shared.photos import Status
from tests.support.faults import once, raising
from tests.support.gallery_api import OWNER, STRANGER, Answer, Api, assert_problem, put
from tests.support.moto_stack import MotoStack

EVERY_STATUS = list(Status)


def photo_id(number: int) -> str:
    """Ids in the order of time."""
    return f"019aa1a0-{number:04x}-7d11-8a7b-3f2c9d4e5f60"


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [photo["photo_id"] for photo in answer.body["photos"]]


def follow(api: Api, limit: int) -> list[list[str]]:
    """The ids on every page, from the first to the last."""
    pages: list[list[str]] = []
    query = {"limit": str(limit)}
    while True:
        answer = api.list_own(**query)
        pages.append(ids(answer))
        assert len(pages[-1]) <= limit
        if answer.body["cursor"] is None:
            return pages
        query["cursor"] = answer.body["cursor"]


def test_all_but_deleted_ones_are_listed_newest_first(stack: MotoStack, api: Api):
    for number, status in enumerate(EVERY_STATUS):
        put(stack, photo_id=photo_id(number), status=status)
    listed = api.list_own().body["photos"]
    assert [photo["status"] for photo in listed] == ["FAILED", "READY", "PENDING"]
    assert [photo["photo_id"] for photo in listed] == [photo_id(n) for n in (2, 1, 0)]


def test_photo_is_the_same_in_the_list_and_alone(stack: MotoStack, api: Api):
    photo = put(stack, status=Status.FAILED, error="Not an image", etag="abc")
    [listed] = api.list_own().body["photos"]
    assert list(listed.items()) == list(api.get(photo.photo_id).body.items())
    assert listed["error"] == "Not an image"


def test_created_photo_is_listed_at_once(api: Api):
    created = api.create().body["photo"]
    assert api.list_own().body == {"photos": [created], "cursor": None}


def test_owner_sees_only_their_own_photos(stack: MotoStack, api: Api):
    put(stack, photo_id=photo_id(1))
    put(stack, photo_id=photo_id(2), owner=STRANGER)
    assert ids(api.list_own()) == [photo_id(1)]
    assert ids(api.list_own(STRANGER)) == [photo_id(2)]


def test_cursor_of_another_user_lists_only_own_photos(stack: MotoStack, api: Api):
    for number in range(6):
        put(stack, photo_id=photo_id(number), owner=(OWNER, STRANGER)[number % 2])
    cursor = api.list_own(STRANGER, limit="1").body["cursor"]
    assert cursor == encode_cursor(photo_id(5))
    assert ids(api.list_own(cursor=cursor)) == [photo_id(4), photo_id(2), photo_id(0)]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(
    statuses=st.lists(st.sampled_from(EVERY_STATUS), max_size=12),
    limit=st.integers(1, 13),
)
def test_pages_show_every_photo_once(
    stack: MotoStack, api: Api, statuses: list[Status], limit: int
):
    table = stack.names["PhotosTable"]
    for number, status in enumerate(statuses):
        put(stack, photo_id=photo_id(number), status=status)
    try:
        shown = [each for page in follow(api, limit) for each in page]
    finally:
        for number in range(len(statuses)):
            key: Any = {"photo_id": {"S": photo_id(number)}}
            stack.dynamodb.delete_item(TableName=table, Key=key)
    kept = [photo_id(n) for n, status in enumerate(statuses) if status is not Status.DELETED]
    assert shown == kept[::-1]


def test_page_is_filled_past_deleted_photos(stack: MotoStack, api: Api):
    for number in range(30):
        status = Status.READY if number % 6 == 0 else Status.DELETED
        put(stack, photo_id=photo_id(number), status=status)
    assert follow(api, 3) == [[photo_id(n) for n in (24, 18, 12)], [photo_id(n) for n in (6, 0)]]


def test_reads_are_bounded_and_continue_by_cursor(
    stack: MotoStack, api: Api, monkeypatch: pytest.MonkeyPatch
):
    put(stack, photo_id=photo_id(0))
    for number in range(1, 100):
        put(stack, photo_id=photo_id(number), status=Status.DELETED)
    called: list[str] = []
    call = api.resources.dynamodb._make_api_call
    monkeypatch.setattr(
        api.resources.dynamodb,
        "_make_api_call",
        lambda operation, request: called.append(operation) or call(operation, request),
    )
    first = api.list_own(limit="1")
    assert ids(first) == []
    assert first.body["cursor"]
    assert called == ["Query"] * 10
    monkeypatch.undo()
    assert [page for page in follow(api, 1) if page] == [[photo_id(0)]]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "x", "", "٣"])
def test_invalid_limit_is_refused(api: Api, limit: str):
    assert_problem(api.list_own(limit=limit), 400)


@pytest.mark.parametrize("cursor", ["", "x", "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"])
def test_invalid_cursor_is_refused(api: Api, cursor: str):
    assert_problem(api.list_own(cursor=cursor), 400)


def test_next_page_of_the_event_file_is_answered(stack: MotoStack, api: Api):
    put(stack)
    assert api.call("list_own_photos_next_page").status == 200


def test_outage_is_answered_503(api: Api):
    outage = raising(ReadTimeoutError(endpoint_url="https://dynamodb"))
    with once(api.resources.dynamodb, "before-call.dynamodb.Query", outage):
        assert_problem(api.list_own(), 503)
