"""Stores each measurement of a freezer that is too warm, as the topic rule sends it."""

import os
from decimal import Decimal

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

TABLE = os.environ["THAWS_TABLE"]

logger = Logger()
dynamodb = boto3.client("dynamodb")


@logger.inject_lambda_context
def handler(event: dict[str, str | float], context: LambdaContext) -> None:  # noqa: ARG001
    """Store one measurement; a repeated message stores the same row again."""
    freezer, measured_at = str(event["freezer"]), int(event["measured_at"])
    celsius = Decimal(str(event["celsius"]))
    dynamodb.put_item(
        TableName=TABLE,
        Item={
            "freezer": {"S": freezer},
            "measured_at": {"N": str(measured_at)},
            "celsius": {"N": str(celsius)},
        },
    )
    logger.warning("freezer too warm", freezer=freezer, celsius=float(celsius))
