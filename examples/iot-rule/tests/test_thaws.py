"""A measurement becomes a row; a failure is Lambda's to repeat."""

import json
from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from botocore.stub import Stubber

import thaws

EVENT = json.loads((Path(__file__).parents[1] / "events" / "too_warm.json").read_text())
ROW = {
    "TableName": "thaws",
    "Item": {
        "freezer": {"S": "hall-3"},
        "measured_at": {"N": "1795946400"},
        "celsius": {"N": "-12.5"},
    },
}


def test_repeated_measurement_is_the_same_row(context: LambdaContext) -> None:
    with Stubber(thaws.dynamodb) as dynamodb:
        for _ in range(2):
            dynamodb.add_response("put_item", {}, ROW)
            thaws.handler(EVENT, context)
        dynamodb.assert_no_pending_responses()


def test_invocation_fails_if_the_table_cannot_be_written(context: LambdaContext) -> None:
    with Stubber(thaws.dynamodb) as dynamodb:
        dynamodb.add_client_error("put_item", "InternalServerError")
        with pytest.raises(ClientError):
            thaws.handler(EVENT, context)


def test_event_without_a_measurement_is_refused(context: LambdaContext) -> None:
    with pytest.raises(KeyError, match="celsius"):
        thaws.handler({"freezer": "hall-3", "measured_at": 1795946400}, context)
