"""Only the messages without a label are delivered again."""

import json
from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.stub import Stubber

import labels

EVENT = json.loads((Path(__file__).parents[1] / "events" / "labels.json").read_text())
FIRST, _, WITHOUT_ADDRESS = (record["messageId"] for record in EVENT["Records"])


def failed(context: LambdaContext) -> list[object]:
    """The messages of the event that the worker reports."""
    answer = labels.handler(EVENT, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_message_without_an_address_fails_alone(context: LambdaContext) -> None:
    with Stubber(labels.dynamodb) as dynamodb:
        dynamodb.add_response("update_item", {})
        dynamodb.add_response("update_item", {})
        assert failed(context) == [WITHOUT_ADDRESS]
        dynamodb.assert_no_pending_responses()


def test_label_of_an_unknown_parcel_fails_alone(context: LambdaContext) -> None:
    with Stubber(labels.dynamodb) as dynamodb:
        dynamodb.add_client_error("update_item", "ConditionalCheckFailedException")
        dynamodb.add_response("update_item", {})
        assert failed(context) == [FIRST, WITHOUT_ADDRESS]


def test_batch_in_which_every_message_fails_fails_as_a_whole(context: LambdaContext) -> None:
    with Stubber(labels.dynamodb) as dynamodb:
        dynamodb.add_client_error("update_item", "ConditionalCheckFailedException")
        dynamodb.add_client_error("update_item", "ProvisionedThroughputExceededException")
        with pytest.raises(BatchProcessingError):
            failed(context)
