"""`Idempotency-Key` on `POST /photos`: a repeated request gets the same answer and is done once."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.faults import At, CrashError, once, raising
from tests.support.gallery_api import (
    OWNER,
    STRANGER,
    Answer,
    Api,
    assert_problem,
    load_request,
    stored,
)
from tests.support.moto_stack import MotoStack

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"
HANGS = ReadTimeoutError(endpoint_url="https://dynamodb")


@pytest.fixture(autouse=True)
def time_zone_of_lambda() -> Iterator[None]:
    """Powertools stores records by local time, which never jumps on Lambda: it is UTC there."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TZ", ":UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def at(api: Api) -> At:
    """Do something at the function's next such moment, as `before-call.dynamodb.PutItem`."""
    return lambda moment, act: once(getattr(api.resources, moment.split(".")[1]), moment, act)


def kept(stack: MotoStack) -> list[dict[str, Any]]:
    return stack.dynamodb.scan(TableName=stack.names["IdempotencyTable"])["Items"]


def move_clock(stack: MotoStack, **attributes: timedelta) -> None:
    """Make the times in the one stored answer earlier by this duration."""
    [item] = kept(stack)
    for name, by in attributes.items():
        unit = 1000 if name == "in_progress_expiration" else 1
        item[name] = {"N": str(int(item[name]["N"]) - int(by.total_seconds()) * unit)}
    stack.dynamodb.put_item(TableName=stack.names["IdempotencyTable"], Item=item)


def assert_repeated(first: Answer, again: Answer) -> None:
    assert first.status == again.status == 201
    assert json.dumps(again.body) == json.dumps(first.body)
    assert again.headers == first.headers


def test_same_request_gets_the_same_answer(stack: MotoStack, api: Api):
    first = api.create(KEY)
    assert_repeated(first, api.create(KEY))
    [photo] = stored(stack)
    assert photo.photo_id == first.body["photo"]["photo_id"]


def test_answer_that_an_earlier_release_stored_is_signed_again(stack: MotoStack, api: Api):
    """Release 0.1.0 answered with a form to post, so its answers have no method."""
    first = api.create(KEY)
    [item] = kept(stack)
    answer = json.loads(item["data"]["S"])
    answer["upload"] = {"url": "https://s3", "fields": {}, "expires_at": "2026-11-21T00:00:00.000Z"}
    item["data"] = {"S": json.dumps(answer)}
    stack.dynamodb.put_item(TableName=stack.names["IdempotencyTable"], Item=item)
    again = api.create(KEY)
    assert again.status == 201
    assert again.body["photo"] == first.body["photo"]
    assert again.body["upload"]["method"] == "PUT"
    assert len(stored(stack)) == 1


def test_request_of_the_event_file_is_idempotent(stack: MotoStack, api: Api):
    assert_repeated(api.call("create_photo_with_key"), api.call("create_photo_with_key"))
    assert len(stored(stack)) == 1


def test_photo_is_counted_once(api: Api, capsys: pytest.CaptureFixture[str]):
    for _ in range(3):
        api.create(KEY)
    assert capsys.readouterr().out.count('"PhotosCreated":[1.0]') == 1


def test_repeat_is_logged_with_its_photo(api: Api):
    photo_id = api.create(KEY).body["photo"]["photo_id"]
    api.create(KEY)
    assert [line["photo_id"] for line in api.logged()] == [photo_id] * 2


def test_order_and_blanks_of_the_body_make_no_difference(stack: MotoStack, api: Api):
    event = load_request("create_photo_with_key")
    fields = json.loads(event["body"])
    first = api.call("create_photo_with_key")
    body = json.dumps(dict(reversed(fields.items())), indent=7)
    assert_repeated(first, api.call("create_photo_with_key", body=body))
    assert len(stored(stack)) == 1


@pytest.mark.parametrize("field", [{"title": "b"}, {"content_type": "image/png"}, {"bytes": 2}])
def test_same_key_with_another_body_is_refused(stack: MotoStack, api: Api, field: dict[str, Any]):
    first = api.create(KEY)
    assert_problem(api.create(KEY, **field), 422)
    assert len(stored(stack)) == 1
    assert_repeated(first, api.create(KEY))


def test_keys_are_separate_for_each_owner(stack: MotoStack, api: Api):
    mine, theirs = api.create(KEY), api.create(KEY, STRANGER, title="Mine")
    assert mine.body["photo"]["photo_id"] != theirs.body["photo"]["photo_id"]
    assert {photo.owner for photo in stored(stack)} == {OWNER, STRANGER}
    assert_repeated(mine, api.create(KEY))


def test_owner_and_key_are_separated_unambiguously(stack: MotoStack, api: Api):
    for owner, key in (("a", "b#c"), ("a#b", "c"), ("a#", "b#c")):
        assert api.create(key, owner).status == 201
    assert len(stored(stack)) == 3


def test_without_a_key_each_request_creates_a_photo(stack: MotoStack, api: Api):
    assert api.create().body != api.create().body
    assert len(stored(stack)) == 2
    assert kept(stack) == []


def test_another_key_creates_another_photo(stack: MotoStack, api: Api):
    api.create(KEY)
    api.create(KEY.upper())
    assert len(stored(stack)) == 2


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(key=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300) | st.text())
@example(key="")
@example(key="a" * 255)
@example(key="a" * 256)
@example(key="\x7f")
@example(key="a\n")
@example(key="clé")
@example(key="~ !")
def test_key_is_1_to_255_printable_ascii_characters(stack: MotoStack, api: Api, key: str):
    answer = api.create(key)
    if 1 <= len(key) <= 255 and all(" " <= character <= "~" for character in key):
        assert_repeated(answer, api.create(key))
    else:
        assert_problem(answer, 400)
        assert stored(stack) == []
    for table, name in (("PhotosTable", "photo_id"), ("IdempotencyTable", "id")):
        for item in stack.dynamodb.scan(TableName=stack.names[table])["Items"]:
            stack.dynamodb.delete_item(TableName=stack.names[table], Key={name: item[name]})


def test_answer_expires_before_its_signed_upload(stack: MotoStack, api: Api):
    before = datetime.now(UTC)
    url = api.create(KEY).body["upload"]["url"]
    [item] = kept(stack)
    kept_until = datetime.fromtimestamp(int(item["expiration"]["N"]), UTC)
    [signed_at] = parse_qs(urlsplit(url).query)["X-Amz-Date"]
    expiration = datetime.strptime(signed_at, "%Y%m%dT%H%M%S%z") + timedelta(minutes=15)
    assert before + timedelta(minutes=13, seconds=59) <= kept_until
    assert kept_until <= expiration - timedelta(seconds=59)


def test_key_is_free_when_its_answer_has_expired(stack: MotoStack, api: Api):
    api.create(KEY)
    move_clock(stack, expiration=timedelta(minutes=14, seconds=1))
    assert api.create(KEY, title="b").status == 201
    assert len(stored(stack)) == 2


def test_request_in_progress_refuses_others_with_its_key(stack: MotoStack, api: Api):
    beside: list[Answer] = []
    sign = api.resources.s3.generate_presigned_url

    def sign_meanwhile(*arguments: Any, **options: Any) -> Any:
        beside.extend(api.create(KEY, title=title) for title in ("Harbour at dawn", "b"))
        return sign(*arguments, **options)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(api.resources.s3, "generate_presigned_url", sign_meanwhile)
        first = api.create(KEY, title="Harbour at dawn")
    same, another = beside
    assert_problem(same, 409)
    assert same.headers["Retry-After"] == ["1"]
    assert_problem(another, 422)
    assert_repeated(first, api.create(KEY, title="Harbour at dawn"))
    assert len(stored(stack)) == 1


@pytest.mark.parametrize(
    "moment", ["before-call.dynamodb.UpdateItem", "after-call.dynamodb.PutItem"]
)
def test_killed_invocation_holds_the_key_until_its_timeout(
    stack: MotoStack, api: Api, at: At, moment: str
):
    with at(moment, raising(CrashError())), pytest.raises(CrashError):
        api.create(KEY)
    assert_problem(api.create(KEY), 409)
    move_clock(stack, in_progress_expiration=timedelta(seconds=26))
    answer = api.create(KEY)
    assert answer.status == 201
    assert_repeated(answer, api.create(KEY))


def test_key_is_held_for_the_time_that_was_left(stack: MotoStack, api: Api, at: At):
    before = datetime.now(UTC)
    crash = raising(CrashError())
    with at("before-call.dynamodb.UpdateItem", crash), pytest.raises(CrashError):
        api.create(KEY)
    [item] = kept(stack)
    held_until = datetime.fromtimestamp(int(item["in_progress_expiration"]["N"]) / 1000, UTC)
    assert timedelta(seconds=24) <= held_until - before <= timedelta(seconds=35)


def test_failed_creation_frees_the_key(stack: MotoStack, api: Api, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise HANGS

    with monkeypatch.context() as patch:
        patch.setattr(api.routes, "_put", fail)
        assert_problem(api.create(KEY), 503)
    assert api.create(KEY, title="b").status == 201
    assert_problem(api.create(KEY), 422)
    assert [photo.title for photo in stored(stack)] == ["b"]


def test_internal_error_frees_the_key_and_hides_its_cause(
    stack: MotoStack, api: Api, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(api.routes, "_put", lambda *_: 1 / 0)
        assert_problem(api.create(KEY), 500)
    assert api.create(KEY).status == 201
    assert len(stored(stack)) == 1


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
def test_outage_of_the_stored_answers_is_answered_503(
    stack: MotoStack, api: Api, at: At, operation: str
):
    with at(f"before-call.dynamodb.{operation}", raising(HANGS)):
        answer = api.create(KEY)
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == ["1"]
    if kept(stack):
        move_clock(stack, in_progress_expiration=timedelta(seconds=26))
    assert api.create(KEY).status == 201


def test_outage_while_the_key_is_released_is_answered_503(
    api: Api, at: At, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(api.routes, "_put", lambda *_: 1 / 0)
    with at("before-call.dynamodb.UpdateItem", raising(HANGS)):
        assert_problem(api.create(KEY), 503)


def test_invalid_body_claims_no_key(stack: MotoStack, api: Api):
    assert_problem(api.create(KEY, bytes=0), 400)
    assert kept(stack) == []
    assert api.create(KEY).status == 201


def test_variable_that_disables_idempotency_has_no_effect(
    stack: MotoStack, api: Api, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("POWERTOOLS_IDEMPOTENCY_DISABLED", "true")
    assert_repeated(api.create(KEY), api.create(KEY))
    assert len(stored(stack)) == 1


def test_stored_answer_has_the_owner_but_not_the_key(stack: MotoStack, api: Api):
    api.create("a secret of mine")
    [item] = kept(stack)
    owner, _, digest = item["id"]["S"].partition("#")
    assert (owner, len(digest)) == (OWNER, 64)
    assert "secret" not in json.dumps(item)
