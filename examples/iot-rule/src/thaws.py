"""Stores each measurement of a freezer that is too warm, as the topic rule sends it."""

import os

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

TABLE = os.environ["THAWS_TABLE"]

logger = Logger()
dynamodb = boto3.client("dynamodb")


@logger.inject_lambda_context
def handler(event: dict[str, str | float], context: LambdaContext) -> None:  # noqa: ARG001
    """Store one measurement; a repeated message stores the same row again."""
    dynamodb.put_item(
        TableName=TABLE,
        Item={
            "freezer": {"S": str(event["freezer"])},
            "measured_at": {"N": str(event["measured_at"])},
            "celsius": {"N": str(event["celsius"])},
        },
    )
    logger.warning("freezer too warm", freezer=event["freezer"], celsius=event["celsius"])
