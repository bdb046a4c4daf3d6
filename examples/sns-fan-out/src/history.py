"""Keeps each reading of the history queue."""

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

logger = Logger(service="history")
dynamodb = boto3.client("dynamodb")
processor = BatchProcessor(EventType.SQS, logger=logging.getLogger(logger.name))


@logger.inject_lambda_context
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Keep the readings; report those that failed, so that only they are delivered again."""
    return process_partial_response(event, keep_reading, processor, context)


def keep_reading(record: SQSRecord) -> None:
    """Write one reading; a repeated message writes the same."""
    reading = record.json_body
    logger.info("reading", message_id=record.message_id, station=reading["station"])
    dynamodb.update_item(
        TableName=TABLE,
        Key={"station": {"S": reading["station"]}, "at": {"S": reading["at"]}},
        UpdateExpression="SET celsius = :celsius",
        ExpressionAttributeValues={":celsius": {"N": str(reading["celsius"])}},
    )
