import base64
import itertools
import json
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gallery_api.cursors import encode_cursor
from gallery_api.routes import feed
from shared.photos import Rendition, Status
from tests.integration.functions.gallery_api.conftest import Publish
from tests.support.faults import once, raising
from tests.support.gallery_api import Answer, Api, assert_problem
from tests.support.moto_stack import MotoStack


def photo_id(number: int) -> str:
    """Ids in the order of time."""
    return f"019aa1a0-{number:04x}-7d11-8a7b-3f2c9d4e5f60"


def ask(api: Api, /, **query: str) -> Answer:
    return api.call("list_photos", queryStringParameters=query or None)


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [photo["photo_id"] for photo in answer.body["photos"]]


def follow(api: Api, limit: int) -> list[list[str]]:
    """The ids on every page, from the first to the last."""
    pages: list[list[str]] = []
    query = {"limit": str(limit)}
    while True:
        answer = ask(api, **query)
        pages.append(ids(answer))
        if answer.body["cursor"] is None:
            return pages
        query["cursor"] = answer.body["cursor"]


def test_photos_come_newest_first(api: Api, publish: Publish):
    for number in (2, 3, 1):
        publish(photo_id=photo_id(number))
    answer = ask(api)
    assert ids(answer) == [photo_id(3), photo_id(2), photo_id(1)]
    assert answer.body["cursor"] is None


def test_gallery_without_photos_is_an_empty_page(api: Api):
    answer = ask(api)
    assert (answer.status, answer.body) == (200, {"photos": [], "cursor": None})


def test_photo_is_the_same_in_the_list_and_alone(api: Api, publish: Publish):
    photo = publish(
        width=4000,
        height=3000,
        color="#336699",
        etag="abc",
        renditions={"thumb": Rendition(key="photos/a/abc/thumb.webp", width=1, height=1, bytes=9)},
        uploaded_at="2026-11-20T12:35:00.000Z",
        ready_at="2026-11-20T12:35:01.000Z",
    )
    bare = publish(photo_id=photo_id(0))
    listed = ask(api).body["photos"]
    assert all(each["replicated_at"] for each in listed)
    alone = [api.get(each.photo_id).body for each in (photo, bare)]
    for each, found in zip(alone, listed, strict=True):
        each["replicated_at"] = found["replicated_at"]
    assert [list(each.items()) for each in listed] == [list(each.items()) for each in alone]


def test_row_that_changes_by_hand_changes_the_list(stack: MotoStack, api: Api, publish: Publish):
    photo = publish(title="Harbour")
    assert ask(api).body["photos"][0]["title"] == "Harbour"
    stack.dynamodb.update_item(
        TableName=stack.names["CatalogTable"],
        Key={"photo_id": {"S": photo.photo_id}},
        UpdateExpression="SET title = :title",
        ExpressionAttributeValues={":title": {"S": "Harbor"}},
    )
    assert ask(api).body["photos"][0]["title"] == "Harbor"


def test_rows_that_are_kept_have_a_limit(
    monkeypatch: pytest.MonkeyPatch, api: Api, publish: Publish
):
    monkeypatch.setattr(feed, "_MAX_KEPT", 2)
    monkeypatch.setattr(feed, "_kept", {})
    for number in range(5):
        publish(photo_id=photo_id(number))
    assert ids(ask(api)) == [photo_id(number) for number in (4, 3, 2, 1, 0)]
    assert len(feed._kept) in {1, 2}


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED, Status.DELETED])
def test_only_ready_photos_are_listed(api: Api, publish: Publish, status: Status):
    publish(status=status)
    assert ids(ask(api)) == []


def test_pages_show_every_photo_once(api: Api, publish: Publish):
    for number in range(7):
        publish(photo_id=photo_id(number))
    newest_first = [photo_id(number) for number in reversed(range(7))]
    assert follow(api, 3) == [newest_first[:3], newest_first[3:6], newest_first[6:]]


def test_last_page_that_is_exactly_full_has_no_cursor(api: Api, publish: Publish):
    for number in range(6):
        publish(photo_id=photo_id(number))
    assert [len(page) for page in follow(api, 3)] == [3, 3]


def test_photo_published_meanwhile_shifts_no_page(api: Api, publish: Publish):
    for number in range(4):
        publish(photo_id=photo_id(number))
    first = ask(api, limit="2")
    publish(photo_id=photo_id(9))
    assert ids(ask(api, cursor=first.body["cursor"])) == [photo_id(1), photo_id(0)]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20
)
@given(
    before=st.sets(st.integers(0, 40), max_size=15),
    meanwhile=st.lists(st.sets(st.integers(0, 40), max_size=3), max_size=6),
    limit=st.integers(1, 6),
)
@example(before={1, 2, 3, 4}, meanwhile=[{0, 3, 9}, {2, 40}], limit=2)
def test_pages_have_every_photo_that_was_listed_before_the_first_and_is_not_deleted(
    api: Api,
    publish: Publish,
    before: set[int],
    meanwhile: list[set[int]],
    limit: int,
):
    """Between the pages, photos are deleted, and others published: newer, older, and between."""
    resources = api.resources
    for row in resources.dynamodb.scan(TableName=resources.settings.catalog_table)["Items"]:
        publish(photo_id=row["photo_id"]["S"], status=Status.DELETED)
    for number in before:
        publish(photo_id=photo_id(number))
    query = {"limit": str(limit)}
    pages: list[list[str]] = []
    for changed in itertools.chain(meanwhile, itertools.repeat(set[int]())):
        answer = ask(api, **query)
        pages.append(ids(answer))
        if answer.body["cursor"] is None:
            break
        query["cursor"] = answer.body["cursor"]
        for number in changed:
            status = Status.DELETED if number in before else Status.READY
            publish(photo_id=photo_id(number), status=status)
    listed = [each for page in pages for each in page]
    assert listed == sorted(set(listed), reverse=True)
    assert all(len(page) == limit for page in pages[:-1])
    deleted = set[int]().union(*meanwhile[: len(pages) - 1])
    assert {photo_id(number) for number in before - deleted} <= set(listed)


def test_equal_pages_have_equal_cursors(api: Api, publish: Publish):
    """So CloudFront can answer the next page from its cache, too."""
    for number in range(3):
        publish(photo_id=photo_id(number))
    first, second = ask(api, limit="2"), ask(api, limit="2")
    assert first.body["cursor"] == second.body["cursor"] == encode_cursor(photo_id(1))


def test_cursor_is_valid_after_the_deletion_of_its_photo(api: Api, publish: Publish):
    for number in range(3):
        publish(photo_id=photo_id(number))
    first = ask(api, limit="2")
    publish(photo_id=photo_id(1), status=Status.DELETED, version=3)
    assert ids(ask(api, cursor=first.body["cursor"])) == [photo_id(0)]


def test_page_has_thirty_photos_by_default(api: Api, publish: Publish):
    for number in range(31):
        publish(photo_id=photo_id(number))
    assert len(ids(ask(api))) == 30


@pytest.mark.parametrize(("limit", "expected"), [("1", 1), ("99", 99), ("100", 100)])
def test_limits_from_1_to_100_are_accepted(api: Api, publish: Publish, limit: str, expected: int):
    for number in range(101):
        publish(photo_id=photo_id(number))
    assert len(ids(ask(api, limit=limit))) == expected


BAD_LIMITS = [
    "",
    "0",
    "-1",
    "+1",
    "101",
    "1000",
    "1.0",
    "1e1",
    " 1",
    "1\n",
    "01",
    "1_0",
    "ten",
    "\N{ARABIC-INDIC DIGIT ONE}",
]


@pytest.mark.parametrize("limit", BAD_LIMITS)
def test_any_other_limit_is_a_problem_and_costs_no_read(
    api: Api, monkeypatch: pytest.MonkeyPatch, limit: str
):
    monkeypatch.setattr(api.resources.dynamodb, "query", pytest.fail)
    answer = ask(api, limit=limit)
    assert_problem(answer, 400)
    assert answer.body["detail"] == "limit must be a whole number from 1 to 100"


FORGED_CURSORS = [
    "",
    "=",
    photo_id(1),
    encode_cursor(photo_id(1)) + "==",
    encode_cursor(photo_id(1))[:-1] + "B",  # the same 16 bytes, with loose bits
    encode_cursor(photo_id(1)) + "\n",
    encode_cursor("019aa1a0-5e3c-4d11-8a7b-3f2c9d4e5f60"),  # a UUID of version 4
    base64.urlsafe_b64encode(b'{"photo_id": {"S": "a"}}').decode(),
    "ünicode",
]


@pytest.mark.parametrize("cursor", FORGED_CURSORS)
def test_foreign_cursor_is_a_problem_and_costs_no_read(
    api: Api, monkeypatch: pytest.MonkeyPatch, cursor: str
):
    monkeypatch.setattr(api.resources.dynamodb, "query", pytest.fail)
    answer = ask(api, cursor=cursor)
    assert_problem(answer, 400)
    assert answer.body["detail"] == "cursor must be one from an earlier answer"


def test_cursor_in_the_event_file_is_accepted(api: Api, publish: Publish):
    publish(photo_id=photo_id(1))
    assert ids(api.call("list_photos_next_page")) == [photo_id(1)]


with_one_api = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)


@with_one_api
@given(cursor=st.text() | st.binary().map(lambda octets: base64.urlsafe_b64encode(octets).decode()))
@example(cursor=encode_cursor(photo_id(1)))
def test_no_cursor_reads_anything_but_the_feed(stack: MotoStack, api: Api, cursor: str):
    requests: list[dict[str, Any]] = []

    def query(**request: Any) -> dict[str, Any]:
        requests.append(request)
        return {"Items": []}

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(api.resources.dynamodb, "query", query)
        answer = ask(api, cursor=cursor)
    if answer.status == 400:
        assert requests == []
        return
    [request] = requests
    assert request["IndexName"] == "feed"
    assert request["TableName"] == stack.names["CatalogTable"]
    start = request["ExclusiveStartKey"]
    assert start.keys() == {"feed", "photo_id"}
    assert start["feed"] == request["ExpressionAttributeValues"][":partition"]
    assert request["KeyConditionExpression"] == "#index = :partition"
    assert request["ExpressionAttributeNames"]["#index"] == "feed"
    assert UUID(start["photo_id"]["S"]).version == 7


@with_one_api
@given(
    query=st.dictionaries(st.sampled_from(["limit", "cursor"]) | st.text(), st.text(), max_size=3)
)
def test_any_query_is_answered_by_a_page_or_a_problem(api: Api, query: dict[str, str]):
    answer = ask(api, **query)
    if answer.status != 200:
        assert_problem(answer, 400)


def test_outage_of_the_catalog_is_answered_503(api: Api):
    outage = raising(ReadTimeoutError(endpoint_url="https://dynamodb"))
    with once(api.resources.dynamodb, "before-call.dynamodb.Query", outage):
        answer = ask(api)
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == ["1"]


def test_owner_and_upload_are_nowhere_in_the_catalog_nor_in_the_list(
    stack: MotoStack, api: Api, publish: Publish
):
    publish(owner="somebody@example.com", etag="7d7ac77c", error="nothing")
    items = stack.dynamodb.scan(TableName=stack.names["CatalogTable"])["Items"]
    for written in (json.dumps(items), json.dumps(ask(api).body)):
        assert "somebody" not in written
        assert "7d7ac77c" not in written
