"""Writes the shipping label of each message of a standard queue, in any order."""

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

TABLE = os.environ["PARCELS_TABLE"]

logger = Logger(service="labels")
dynamodb = boto3.client("dynamodb")
# It raises if every message of a batch fails. Lambda then counts an error, and polls less often.
processor = BatchProcessor(EventType.SQS, logger=logging.getLogger(logger.name))


@logger.inject_lambda_context
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Write the labels; report the messages that failed, so that only they are delivered again."""
    return process_partial_response(event, write_label, processor, context)


def write_label(record: SQSRecord) -> None:
    """Write one label; a repeated message writes the same label again."""
    order = record.json_body
    logger.info("label ordered", message_id=record.message_id, parcel=order["parcel"])
    dynamodb.update_item(
        TableName=TABLE,
        Key={"parcel": {"S": order["parcel"]}},
        UpdateExpression="SET label = :label",
        ConditionExpression="attribute_exists(parcel)",
        ExpressionAttributeValues={":label": {"S": f"{order['parcel']}: {order['address']}"}},
    )
