import json
import os

import boto3

s3 = boto3.client("s3")


def write(event, context):
    put(f"sign-ups/{event['name']}.json", event)
    return {"written": event["name"]}


def tick(event, context):
    put(f"ticks/{event['kind']}.json", event)


def put(key, value):
    s3.put_object(Bucket=os.environ["BUCKET"], Key=key, Body=json.dumps(value))
