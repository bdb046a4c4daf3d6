"""A payment has its effect once."""

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

import ledger


@pytest.fixture
def dynamodb() -> Iterator[Stubber]:
    with Stubber(ledger.dynamodb) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def refuse(dynamodb: Stubber, code: str) -> None:
    reasons = {"CancellationReasons": [{"Code": code}, {"Code": "None"}]}
    dynamodb.add_client_error(
        "transact_write_items", "TransactionCanceledException", modeled_fields=reasons
    )


def test_shares_are_added_by_author(dynamodb: Stubber) -> None:
    sales = [("ann", "250"), ("bob", "100"), ("ann", "50")]
    items = [{"author": {"S": author}, "cents": {"N": cents}} for author, cents in sales]
    dynamodb.add_response("query", {"Items": items})
    assert ledger.shares("2026-10") == {"ann": 300, "bob": 100}


def test_first_payment_is_made(dynamodb: Stubber) -> None:
    dynamodb.add_response("transact_write_items", {})
    assert ledger.pay("2026-10", "ann", 300)


def test_payment_that_was_made_is_not_made_again(dynamodb: Stubber) -> None:
    refuse(dynamodb, "ConditionalCheckFailed")
    assert not ledger.pay("2026-10", "ann", 300)


def test_payment_that_meets_another_fails_and_can_be_tried_again(dynamodb: Stubber) -> None:
    refuse(dynamodb, "TransactionConflict")
    with pytest.raises(ledger.dynamodb.exceptions.TransactionCanceledException):
        ledger.pay("2026-10", "ann", 300)
