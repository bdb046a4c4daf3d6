"""Marks each reading of the alerts queue as an alert."""

import logging
import os

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

TABLE = os.environ["READINGS_TABLE"]

logger = Logger(service="alerts")
dynamodb = boto3.client("dynamodb")
processor = BatchProcessor(EventType.SQS, logger=logging.getLogger(logger.name))


@logger.inject_lambda_context
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Raise the alerts; report those that failed, so that only they are delivered again."""
    return process_partial_response(event, raise_alert, processor, context)


def raise_alert(record: SQSRecord) -> None:
    """Mark one reading; it may not be in the history yet, and a repeated message marks it again."""
    reading = record.json_body
    logger.warning("alert", message_id=record.message_id, station=reading["station"])
    dynamodb.update_item(
        TableName=TABLE,
        Key={"station": {"S": reading["station"]}, "at": {"S": reading["at"]}},
        UpdateExpression="SET alert = :alert",
        ExpressionAttributeValues={":alert": {"S": f"{reading['celsius']} degrees"}},
    )
