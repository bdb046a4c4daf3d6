import json
import os

import boto3

kinesis = boto3.client("kinesis")


def handler(event, context):
    for record in event["Records"]:
        change = {
            "change": record["eventID"],
            "kind": record["eventName"],
            "account": record["dynamodb"]["Keys"]["account"]["S"],
        }
        kinesis.put_record(
            StreamName=os.environ["STREAM"],
            PartitionKey=change["account"],
            Data=json.dumps(change),
        )
