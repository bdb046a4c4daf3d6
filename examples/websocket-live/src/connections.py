"""Keeps the table of connected pages: the routes $connect and $disconnect."""

import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

TABLE = os.environ["CONNECTIONS_TABLE"]
ORIGIN = os.environ["PAGE_ORIGIN"]
LONGEST_SECONDS = 2 * 60 * 60  # API Gateway ends a connection after two hours

logger = Logger()
dynamodb = boto3.client("dynamodb")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001
    """Add or remove one connection."""
    request = event["requestContext"]
    connection = {"connection": {"S": request["connectionId"]}}
    if request["eventType"] == "DISCONNECT":
        dynamodb.delete_item(TableName=TABLE, Key=connection)
        logger.info("disconnected", connection=request["connectionId"])
        return {"statusCode": 200}
    # A browser sends the page's origin. The same-origin policy does not cover WebSockets.
    headers = {name.lower(): value for name, value in event["headers"].items()}
    if ORIGIN != "*" and headers.get("origin") != ORIGIN:
        logger.warning("refused", origin=headers.get("origin"))
        return {"statusCode": 403}
    # API Gateway may fail to call $disconnect; TTL then removes the row.
    expires = {"expires": {"N": str(int(time.time()) + LONGEST_SECONDS)}}
    dynamodb.put_item(TableName=TABLE, Item=connection | expires)
    logger.info("connected", connection=request["connectionId"])
    return {"statusCode": 200}
