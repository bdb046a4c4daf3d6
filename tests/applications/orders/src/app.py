import json
import os
import uuid

import boto3
from aws_lambda_powertools import Logger

logger = Logger()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


@logger.inject_lambda_context
def create(event, context):
    order = {
        "order_id": str(uuid.uuid4()),
        "item": json.loads(event["body"])["item"],
        "retention_days": int(os.environ["RETENTION_DAYS"]),
        "page_size": int(os.environ["PAGE_SIZE"]),
    }
    table.put_item(Item=order)
    logger.info("order created", order_id=order["order_id"])
    return answer(201, order)


def get(event, context):
    order = table.get_item(Key={"order_id": event["pathParameters"]["order_id"]}).get("Item")
    return answer(200, order) if order else answer(404, {"message": "no such order"})


def answer(status, body):
    return {"statusCode": status, "body": json.dumps(body, default=int)}
