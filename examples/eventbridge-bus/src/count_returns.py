"""Counts the bikes that were returned at each station."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

TABLE = os.environ["STATIONS_TABLE"]

logger = Logger(service="count_returns")
dynamodb = boto3.client("dynamodb")


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Count a return and write a receipt of its event, both or neither."""
    returned = event["detail"]
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": TABLE,
                        "Item": {"id": {"S": f"receipt#{returned['event_id']}"}},
                        "ConditionExpression": "attribute_not_exists(id)",
                    }
                },
                {
                    "Update": {
                        "TableName": TABLE,
                        "Key": {"id": {"S": f"station#{returned['station']}"}},
                        "UpdateExpression": "ADD bikes_returned :one",
                        "ExpressionAttributeValues": {":one": {"N": "1"}},
                    }
                },
            ]
        )
    except dynamodb.exceptions.TransactionCanceledException as error:
        if error.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
            raise
        logger.info("counted before", event_id=returned["event_id"])
    else:
        logger.info("counted", event_id=returned["event_id"], station=returned["station"])
