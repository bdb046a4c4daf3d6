"""Writes the bill of a rental when its bike was returned."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

TABLE = os.environ["BILLS_TABLE"]
CENTS_PER_MINUTE = 20

logger = Logger(service="bill")
dynamodb = boto3.client("dynamodb")


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Write the bill, once: its key is the rental, and the first event decides."""
    returned = event["detail"]
    cents = returned["minutes"] * CENTS_PER_MINUTE
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item={"id": {"S": returned["rental"]}, "cents": {"N": str(cents)}},
            ConditionExpression="attribute_not_exists(id)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        logger.info("billed before", rental=returned["rental"], event_id=returned["event_id"])
    else:
        logger.info("billed", rental=returned["rental"], cents=cents)
