"""Views that are counted while or after their photo is deleted leave no row without a TTL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from fakes.view_records import Clock, Context, photo, record
from shared.dynamodb import from_item
from shared.photos import Status
from shared.view_rows import TOTALS
from tests.support.faults import once
from tests.support.gallery_api import Api, put
from tests.support.moto_stack import MotoStack

PHOTO_ID = photo(0)
BATCHES: dict[str, Callable[[list[Any]], dict[str, Any]]] = {
    "a delivery": lambda records: {"Records": records},
    "a redrive": lambda records: {"redrive": {"records": records}},
}


@pytest.fixture(scope="module")
def view_counter(stack: MotoStack, function: Api) -> ModuleType:  # noqa: ARG001 - imported before
    return stack.handler("view_counter")


@pytest.fixture(params=BATCHES.values(), ids=BATCHES)
def count(view_counter: ModuleType, request: pytest.FixtureRequest) -> Callable[..., None]:
    def count(*numbers: int, suffix: str = "") -> None:
        event = request.param([record(number, key=PHOTO_ID + suffix) for number in numbers])
        answer = view_counter.handler(event, Context(Clock(60)))
        assert answer["batchItemFailures"] == []

    return count


def rows(stack: MotoStack) -> dict[str, dict[str, Any]]:
    found = stack.dynamodb.scan(TableName=stack.names["ViewsTable"])["Items"]
    assert {row["photo_id"]["S"] for row in found} <= {PHOTO_ID}
    return {row["period"]["S"]: from_item(row, dict) for row in found}


def assert_all_expire(stack: MotoStack) -> None:
    """Every row has a TTL, later than any possible delivery or replay."""
    now = datetime.now(UTC)
    latest = (now + timedelta(days=30, minutes=1)).timestamp()
    for period, row in rows(stack).items():
        assert row.get("expires_at", latest + 1) <= latest, f"{period} stays for ever"
    replayed = (now + timedelta(days=29)).timestamp()
    assert all(rows(stack)[total]["expires_at"] > replayed for total in TOTALS)


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("suffix", ["", "#0", "#f"])
def test_views_that_are_counted_after_the_deletion_disappear(
    stack: MotoStack, api: Api, count: Callable[..., None], before: int, suffix: str
):
    put(stack, photo_id=PHOTO_ID, status=Status.READY)
    if before:
        count(*range(1, 1 + before), suffix=suffix)
    assert api.delete(PHOTO_ID).status == 204
    assert_all_expire(stack)
    for _ in range(2):
        count(*range(1 + before, 4 + before), suffix=suffix)
        assert_all_expire(stack)
    assert rows(stack)[f"total{suffix}"]["views"] == 3
    assert api.delete(PHOTO_ID).status == 204, "the owner repeats the request"
    assert rows(stack).keys() == {*TOTALS}
    assert_all_expire(stack)


@pytest.mark.parametrize("when", ["before-call", "after-call"])
@pytest.mark.parametrize("call", ["UpdateItem", "Query", "BatchWriteItem"])
def test_views_that_are_counted_during_the_deletion_disappear(
    stack: MotoStack, api: Api, count: Callable[..., None], when: str, call: str
):
    put(stack, photo_id=PHOTO_ID, status=Status.READY)
    count(1)
    with once(api.resources.dynamodb, f"{when}.dynamodb.{call}", lambda: count(2)):
        assert api.delete(PHOTO_ID).status == 204
    assert_all_expire(stack)
