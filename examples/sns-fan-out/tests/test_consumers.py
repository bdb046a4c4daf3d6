"""Each consumer writes its part of a reading; only the messages that failed are delivered again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.stub import ANY, Stubber

import alerts
import history

EVENT = json.loads((Path(__file__).parents[1] / "events" / "readings.json").read_text())
COMPLETE, WITHOUT_TIME = (record["messageId"] for record in EVENT["Records"])

CONSUMERS = pytest.mark.parametrize(
    ("handler", "client", "values"),
    [
        (history.handler, history.dynamodb, {":celsius": {"N": "41.5"}}),
        (alerts.handler, alerts.dynamodb, {":alert": {"S": "41.5 degrees"}}),
    ],
)


@CONSUMERS
def test_reading_without_a_time_fails_alone(
    handler: Callable[..., Any], client: Any, values: dict[str, Any], context: LambdaContext
) -> None:
    expected = {
        "TableName": "readings",
        "Key": {"station": {"S": "roof"}, "at": {"S": "2026-07-01T12:00:00Z"}},
        "UpdateExpression": ANY,
        "ExpressionAttributeValues": values,
    }
    with Stubber(client) as dynamodb:
        dynamodb.add_response("update_item", {}, expected)
        assert handler(EVENT, context) == {"batchItemFailures": [{"itemIdentifier": WITHOUT_TIME}]}


@CONSUMERS
def test_batch_fails_if_the_table_cannot_be_written(
    handler: Callable[..., Any], client: Any, values: dict[str, Any], context: LambdaContext
) -> None:
    with Stubber(client) as dynamodb:
        dynamodb.add_client_error("update_item", "InternalServerError")
        with pytest.raises(BatchProcessingError):
            handler(EVENT, context)
