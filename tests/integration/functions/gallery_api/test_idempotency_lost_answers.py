"""A claim of an idempotency key whose answer was lost blocks no request and makes no second photo.

The answers are lost inside botocore: DynamoDB has written the item, botocore sees a timeout and
repeats the request.
"""

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from msgspec.structs import force_setattr

from gallery_api.idempotency_store import IdempotencyStore
from tests.integration.functions.gallery_api.test_idempotency import (
    KEY,
    assert_repeated,
    kept,
    move_clock,
)
from tests.support.faults import CrashError, once, raising
from tests.support.gallery_api import Answer, Api, assert_problem, stored
from tests.support.moto_stack import MotoStack

type AtPut = Callable[[int, Callable[[], object]], contextlib.AbstractContextManager[None]]
type Lose = Callable[..., contextlib.AbstractContextManager[Counter[str]]]


@pytest.fixture
def lose(api: Api, monkeypatch: pytest.MonkeyPatch) -> Lose:
    """Lose the answers to some requests of an operation; retries do not wait."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    endpoint = api.resources.dynamodb._endpoint
    ask = endpoint._do_get_response

    @contextlib.contextmanager
    def lose(*, after: int = 0, **answers: int) -> Iterator[Counter[str]]:
        seen: Counter[str] = Counter()

        def send(request: Any, operation_model: Any, context: Any) -> Any:
            answer = ask(request, operation_model, context)
            seen[operation_model.name] += 1
            if after < seen[operation_model.name] <= after + answers.get(operation_model.name, 0):
                return None, ReadTimeoutError(endpoint_url=request.url)
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(endpoint, "_do_get_response", send)
            yield seen
        for operation, count in answers.items():
            assert seen[operation] >= after + count, f"{operation} was not called so often"

    return lose


@pytest.fixture
def at_put(api: Api) -> AtPut:
    """Do something before the function's nth PutItem."""

    @contextlib.contextmanager
    def at_put(number: int, act: Callable[[], object]) -> Iterator[None]:
        events = api.resources.dynamodb.meta.events
        calls = itertools.count(1)

        def hook(**_: object) -> None:
            if next(calls) == number:
                act()

        events.register("before-call.dynamodb.PutItem", hook)
        try:
            yield
        finally:
            events.unregister("before-call.dynamodb.PutItem", hook)
        assert next(calls) > number, f"there was no PutItem number {number}"

    return at_put


def test_claim_whose_first_answer_is_lost_is_held(stack: MotoStack, api: Api, lose: Lose):
    with lose(PutItem=1) as seen:
        answer = api.create(KEY)
    assert seen["PutItem"] == 3, "the claim twice, the photo once"
    assert answer.status == 201
    assert_repeated(answer, api.create(KEY))
    assert len(stored(stack)) == 1


def test_claim_without_any_answer_is_released(stack: MotoStack, api: Api, lose: Lose):
    with lose(PutItem=2):
        assert_problem(api.create(KEY), 503)
    assert len(kept(stack)) == 1, "DynamoDB has written the claim"
    answer = api.create(KEY)
    assert answer.status == 201, "and its key is free at once"
    assert_repeated(answer, api.create(KEY))
    assert len(stored(stack)) == 1


def test_claim_that_cannot_be_released_is_free_when_its_invocation_must_have_ended(
    stack: MotoStack, api: Api, lose: Lose
):
    outage = raising(ReadTimeoutError(endpoint_url="https://dynamodb"))
    with once(api.resources.dynamodb, "before-call.dynamodb.UpdateItem", outage), lose(PutItem=2):
        assert_problem(api.create(KEY), 503)
    assert_problem(api.create(KEY), 409)
    move_clock(stack, in_progress_expiration=timedelta(seconds=26))
    assert api.create(KEY).status == 201


@pytest.mark.parametrize("lost", [1, 2])
def test_photo_whose_answer_is_lost_is_created_once(
    stack: MotoStack, api: Api, lose: Lose, monkeypatch: pytest.MonkeyPatch, lost: int
):
    put = api.routes._put
    answers: list[Answer] = []

    def put_losing(*arguments: Any) -> Any:
        with lose(PutItem=lost):
            return put(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(api.routes, "_put", put_losing)
        answers.append(api.create(KEY))
    assert answers[0].status == {1: 201, 2: 503}[lost]
    answers.append(api.create(KEY))
    assert answers[-1].status == 201
    [photo] = stored(stack)
    assert photo.photo_id == answers[-1].body["photo"]["photo_id"]


@pytest.mark.parametrize("lost", [1, 2])
def test_stored_answer_whose_confirmation_is_lost_is_given_again(
    stack: MotoStack, api: Api, lose: Lose, lost: int
):
    with lose(UpdateItem=lost):
        first = api.create(KEY)
    assert first.status == {1: 201, 2: 503}[lost]
    again = api.create(KEY)
    assert again.status == 201
    [photo] = stored(stack)
    assert again.body["photo"]["photo_id"] == photo.photo_id


def dead_after_the_photo(stack: MotoStack, api: Api) -> str:
    """The id of a photo whose request was killed before its answer was stored."""
    crash = raising(CrashError())
    moment = "before-call.dynamodb.UpdateItem"
    with once(api.resources.dynamodb, moment, crash), pytest.raises(CrashError):
        api.create(KEY)
    move_clock(stack, in_progress_expiration=timedelta(seconds=26))
    [photo] = stored(stack)
    return photo.photo_id


def test_request_that_takes_over_the_claim_of_a_killed_request_makes_no_second_photo(
    stack: MotoStack, api: Api, capsys: pytest.CaptureFixture[str]
):
    photo_id = dead_after_the_photo(stack, api)
    [before] = stored(stack)
    capsys.readouterr()
    answer = api.create(KEY)
    assert answer.status == 201
    assert answer.body["photo"]["photo_id"] == photo_id
    assert f"/uploads/{photo_id}?" in answer.body["upload"]["url"]
    assert stored(stack) == [before], "as the dead request has made it"
    assert '"PhotosCreated"' not in capsys.readouterr().out, "it was counted already"
    assert_repeated(answer, api.create(KEY))


@pytest.mark.parametrize("lost", [1, 2])
def test_take_over_whose_answer_is_lost_is_held_or_released(
    stack: MotoStack, api: Api, lose: Lose, lost: int
):
    photo_id = dead_after_the_photo(stack, api)
    with lose(after=1, PutItem=lost):  # the first put is refused; the next takes the claim over
        answer = api.create(KEY)
    if lost == 2:
        assert_problem(answer, 503)
        answer = api.create(KEY)
    assert answer.status == 201
    assert answer.body["photo"]["photo_id"] == photo_id
    assert len(stored(stack)) == 1


def elsewhere(api: Api, **fields: Any) -> Answer:
    """The answer of another execution environment, whose store has a claim of its own."""
    own = api.resources.answers
    other = IdempotencyStore(own.table_name, own.client, own.new_id, own.clock)
    force_setattr(api.resources, "answers", other)
    try:
        return api.create(KEY, **fields)
    finally:
        force_setattr(api.resources, "answers", own)


def test_only_one_of_two_requests_takes_over_the_claim_of_a_killed_request(
    stack: MotoStack, api: Api, at_put: AtPut
):
    photo_id = dead_after_the_photo(stack, api)
    beside: list[Answer] = []
    with at_put(2, lambda: beside.append(elsewhere(api))):  # the first put was refused
        late = api.create(KEY)
    assert beside[0].status == 201
    assert_repeated(beside[0], late)
    assert [photo.photo_id for photo in stored(stack)] == [photo_id]


def test_request_is_refused_while_another_takes_over_the_claim_of_a_killed_request(
    stack: MotoStack, api: Api, at_put: AtPut
):
    dead_after_the_photo(stack, api)
    beside: list[Answer] = []
    with at_put(2, lambda: beside.append(elsewhere(api, title="Another"))):
        assert_problem(api.create(KEY), 422)
    assert beside[0].status == 201
    assert_repeated(beside[0], api.create(KEY, title="Another"))


def test_another_request_with_the_key_of_a_killed_request_creates_its_own_photo(
    stack: MotoStack, api: Api
):
    photo_id = dead_after_the_photo(stack, api)
    answer = api.create(KEY, title="Another")
    assert answer.status == 201
    assert answer.body["photo"]["photo_id"] != photo_id
    assert {photo.title for photo in stored(stack)} >= {"Another"}
    assert_repeated(answer, api.create(KEY, title="Another"))


def test_photo_that_was_deleted_meanwhile_is_not_found_and_the_key_is_free(
    stack: MotoStack, api: Api
):
    photo_id = dead_after_the_photo(stack, api)
    assert api.delete(photo_id).status == 204
    answer = api.create(KEY)
    assert answer.status == 201
    assert answer.body["photo"]["photo_id"] != photo_id


def test_claim_of_the_release_before_can_be_taken_over(stack: MotoStack, api: Api):
    """While traffic shifts, both releases answer; the old one's claims have no token and no id."""
    dead_after_the_photo(stack, api)
    table = stack.names["IdempotencyTable"]
    [item] = kept(stack)
    old = {name: item[name] for name in item if name not in {"token", "photo_id"}}
    stack.dynamodb.put_item(TableName=table, Item=old)
    answer = api.create(KEY)
    assert answer.status == 201
    assert_repeated(answer, api.create(KEY))


def test_release_leaves_the_claim_of_another_request(stack: MotoStack, api: Api, at_put: AtPut):
    """A request that fails late must not free a key that another one has taken over."""
    crash, update = raising(CrashError()), "before-call.dynamodb.UpdateItem"

    def meanwhile() -> None:
        move_clock(stack, in_progress_expiration=timedelta(seconds=26))
        with once(api.resources.dynamodb, update, crash), pytest.raises(CrashError):
            elsewhere(api)  # it creates the photo, and its claim stays in progress
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    with at_put(2, meanwhile):  # the claim is the first, the photo the second
        assert_problem(api.create(KEY), 503)
    assert_problem(api.create(KEY), 409)
    move_clock(stack, in_progress_expiration=timedelta(seconds=26))
    answer = api.create(KEY)
    assert answer.status == 201
    assert [photo.photo_id for photo in stored(stack)] == [answer.body["photo"]["photo_id"]]
