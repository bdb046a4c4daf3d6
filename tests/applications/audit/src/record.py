import base64
import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    with table.batch_writer() as batch:
        for record in event["Records"]:
            batch.put_item(Item=json.loads(base64.b64decode(record["kinesis"]["data"])))
    return {"batchItemFailures": []}
