"""Takes votes for a dish, and tells a page the counts: the routes `vote` and `counts`."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

TABLE = os.environ["VOTES_TABLE"]
DISHES = ("pasta", "salad", "soup")

logger = Logger()
dynamodb = boto3.client("dynamodb")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:  # noqa: ARG001
    """Answer one message of a page."""
    if event["requestContext"]["routeKey"] == "counts":
        items = dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]
        counts = {item["dish"]["S"]: len(item["voters"]["SS"]) for item in items}
        return _answer(200, {"counts": counts})
    message = json.loads(event["body"])
    dish, voter = message.get("dish"), message.get("voter")
    if dish not in DISHES or not (isinstance(voter, str) and 0 < len(voter) <= 36):
        return _answer(400, {"error": f"expected a dish of {', '.join(DISHES)}, and a voter"})
    # A set holds a voter once, so that a repeated message counts once.
    dynamodb.update_item(
        TableName=TABLE,
        Key={"dish": {"S": dish}},
        UpdateExpression="ADD voters :voter",
        ExpressionAttributeValues={":voter": {"SS": [voter]}},
    )
    logger.info("voted", dish=dish)
    return _answer(200, {"voted": dish})


def _answer(status: int, body: dict[str, object]) -> dict[str, object]:
    return {"statusCode": status, "body": json.dumps(body)}
