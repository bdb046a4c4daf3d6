"""The tables in memory behave like moto's DynamoDB."""

import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fakes.tables import Tables
from fakes.view_records import FIRST_SEQUENCE, NOW, photo
from tests.support.moto_stack import MotoStack
from view_counter.segments import reads, transaction
from view_counter.view_records import View

TABLE = "ViewsTable"
MINUTE = int(NOW.timestamp()) // 60


def outcome(operation: Any, actions: list[dict[str, Any]]) -> Any:
    """The answer, or the reasons of the refusal."""
    try:
        answer = operation(TransactItems=actions)
    except ClientError as error:
        response: Any = error.response
        reasons = response.get("CancellationReasons", [])
        return response["Error"]["Code"], [each["Code"] for each in reasons]
    return [sorted_sets(found.get("Item", {})) for found in answer.get("Responses", [])]


def sorted_sets(item: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"BS": sorted(value["BS"])} if "BS" in value else value
        for name, value in item.items()
    }


def views(chance: random.Random) -> list[View]:
    start = FIRST_SEQUENCE + chance.randrange(20)
    return [
        View(
            start + number,
            photo(chance.randrange(3)),
            MINUTE + chance.randrange(2),
            chance.randrange(2),
        )
        for number in range(chance.randrange(1, 5))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_random_transactions_have_the_same_outcome(stack: MotoStack, seed: int):
    chance = random.Random(seed)  # noqa: S311 - a test's chance
    memory = Tables(**{TABLE: ("photo_id", "period")})
    refused = 0
    for _ in range(20):
        segment = views(chance)
        keys = [view.photo_id for view in segment]
        seen = {
            (item["photo_id"]["S"], item["period"]["S"]): item
            for item in memory.items(TABLE)
            if item["photo_id"]["S"] in keys and chance.random() < 0.8
        }
        write = transaction(TABLE, segment, NOW, seen)
        expected = outcome(stack.dynamodb.transact_write_items, write)
        assert outcome(memory.transact_write_items, write) == expected
        refused += bool(expected)
        read = reads(TABLE, segment, with_receipts=chance.random() < 0.5)
        assert outcome(memory.transact_get_items, read) == outcome(
            stack.dynamodb.transact_get_items, read
        )
    assert 0 < refused < 20


@pytest.mark.parametrize("photos", [51, 0])
def test_transaction_of_more_rows_or_of_one_row_twice_is_refused(stack: MotoStack, photos: int):
    segment = [View(1, photo(number), MINUTE, 0) for number in range(photos or 1)]
    write = transaction(TABLE, segment, NOW, {}) * (1 if photos else 2)
    for client in (stack.dynamodb, Tables(**{TABLE: ("photo_id", "period")})):
        with pytest.raises(ClientError, match="ValidationException"):
            client.transact_write_items(TransactItems=write)
