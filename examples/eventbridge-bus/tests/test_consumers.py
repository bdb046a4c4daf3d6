"""Each consumer processes an event once, however often it is delivered."""

import json
from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from botocore.stub import Stubber

import bill
import count_returns

EVENT = json.loads((Path(__file__).parents[1] / "events" / "bike_returned.json").read_text())
CANCELLED = "TransactionCanceledException"


def test_each_minute_costs_20_cents(context: LambdaContext) -> None:
    with Stubber(bill.dynamodb) as dynamodb:
        expected = {
            "TableName": "bills",
            "Item": {"id": {"S": "R1"}, "cents": {"N": "500"}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
        dynamodb.add_response("put_item", {}, expected)
        bill.handler(EVENT, context)
        dynamodb.assert_no_pending_responses()


def test_rental_is_billed_once(context: LambdaContext) -> None:
    with Stubber(bill.dynamodb) as dynamodb:
        dynamodb.add_client_error("put_item", "ConditionalCheckFailedException")
        bill.handler(EVENT, context)


def test_return_is_counted_together_with_its_receipt(context: LambdaContext) -> None:
    with Stubber(count_returns.dynamodb) as dynamodb:
        dynamodb.add_response("transact_write_items", {})
        count_returns.handler(EVENT, context)
        dynamodb.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "is_duplicate"), [("ConditionalCheckFailed", True), ("TransactionConflict", False)]
)
def test_only_an_event_with_a_receipt_is_a_duplicate(
    code: str, is_duplicate: bool, context: LambdaContext
) -> None:
    reasons = {"CancellationReasons": [{"Code": code}, {"Code": "None"}]}
    with Stubber(count_returns.dynamodb) as dynamodb:
        dynamodb.add_client_error("transact_write_items", CANCELLED, modeled_fields=reasons)
        if is_duplicate:
            count_returns.handler(EVENT, context)
        else:
            with pytest.raises(ClientError, match=CANCELLED):
                count_returns.handler(EVENT, context)
