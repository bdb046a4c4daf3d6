"""Pushes changed counts, from the stream of the votes table, to all connected pages."""

import json
import os
from collections.abc import Iterator
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TABLE = os.environ["CONNECTIONS_TABLE"]

logger = Logger()
dynamodb = boto3.client("dynamodb")
pages = boto3.client(
    "apigatewaymanagementapi",
    endpoint_url=os.environ["CONNECTIONS_URL"],
    config=Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2}),
)


class NotReachedError(Exception):
    """Some pages have not got the counts; the batch is delivered again."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001
    """Push one message for the batch; to repeat it does no harm, because counts are absolute."""
    images = [record["dynamodb"]["NewImage"] for record in event["Records"]]
    counts = {image["dish"]["S"]: len(image["voters"]["SS"]) for image in images}
    message = json.dumps({"counts": counts}).encode()
    reached = [_push(connection, message) for connection in _connections()]
    logger.info("pushed", counts=counts, pages=len(reached), not_reached=reached.count(False))
    if not all(reached):
        raise NotReachedError(f"{reached.count(False)} of {len(reached)} pages")


def _push(connection: str, message: bytes) -> bool:
    """Whether the page has the message, or is gone and no longer in the table."""
    try:
        pages.post_to_connection(ConnectionId=connection, Data=message)
    except pages.exceptions.GoneException:
        dynamodb.delete_item(TableName=TABLE, Key={"connection": {"S": connection}})
        logger.info("stale connection removed", connection=connection)
    except (BotoCoreError, ClientError):
        logger.exception("not reached", connection=connection)
        return False
    return True


def _connections() -> Iterator[str]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True):
        yield from (item["connection"]["S"] for item in page["Items"])
