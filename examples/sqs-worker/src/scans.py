"""Applies the scans of parcels from a FIFO queue, in the order of each parcel."""

import logging
import os

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

TABLE = os.environ["PARCELS_TABLE"]

logger = Logger(service="scans")
dynamodb = boto3.client("dynamodb")
# After a failure, the later scans of the same parcel fail too, and those of others are applied.
processor = SqsFifoPartialProcessor(skip_group_on_error=True, logger=logging.getLogger(logger.name))


@logger.inject_lambda_context
def handler(event: dict[str, object], context: LambdaContext) -> PartialItemFailureResponse:
    """Apply the scans; report those that failed, so that only they are delivered again."""
    return process_partial_response(event, apply_scan, processor, context)


def apply_scan(record: SQSRecord) -> None:
    """Set a parcel's place, unless a later scan has set it: a redrive can deliver late."""
    scan = record.json_body
    logger.info("scanned", message_id=record.message_id, parcel=scan["parcel"], scan=scan["scan"])
    try:
        dynamodb.update_item(
            TableName=TABLE,
            Key={"parcel": {"S": scan["parcel"]}},
            UpdateExpression="SET place = :place, last_scan = :scan",
            ConditionExpression="attribute_exists(parcel)"
            " AND (attribute_not_exists(last_scan) OR last_scan < :scan)",
            ExpressionAttributeValues={
                ":place": {"S": scan["place"]},
                ":scan": {"N": str(scan["scan"])},
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        if "Item" not in error.response:
            raise  # there is no such parcel
        logger.info("a later scan was applied", message_id=record.message_id)
