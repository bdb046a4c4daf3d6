"""Puts the events of the outbox on the bus, in the order of the stream."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

BUS = os.environ["BUS"]

logger = Logger(service="publish")
events = boto3.client("events")


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Put the events of a batch; Lambda delivers the first that failed, and all after it, again.

    So an event can reach the bus twice: consumers recognize it by its `event_id`.
    """
    changes = [record["dynamodb"] for record in event["Records"]]
    answer = events.put_events(Entries=[entry(change["NewImage"]) for change in changes])
    for change, result in zip(changes, answer["Entries"], strict=True):
        if code := result.get("ErrorCode"):
            logger.error("event not accepted", code=code, reason=result["ErrorMessage"])
            return {"batchItemFailures": [{"itemIdentifier": change["SequenceNumber"]}]}
    logger.info("events on the bus", count=len(changes))
    return {"batchItemFailures": []}


def entry(item: dict[str, Any]) -> dict[str, str]:
    """The entry of PutEvents for an item of the outbox."""
    return {
        "EventBusName": BUS,
        "Source": "rentals",
        "DetailType": item["detail_type"]["S"],
        "Detail": item["detail"]["S"],
    }
