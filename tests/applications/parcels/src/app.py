import json
import os

import boto3


def weigh(event, context):
    parcel = read(event)
    return {"parcel": parcel["number"], "kilograms": parcel["grams"] / 1000}


def charge(event, context):
    parcel = read(event)
    return {"parcel": parcel["number"], "cents": 500 + parcel["grams"]}


def archive(event, context):
    result = event["responsePayload"]
    boto3.client("s3").put_object(
        Bucket=os.environ["BUCKET"],
        Key=f"charged/{result['parcel']}.json",
        Body=json.dumps(event),
    )


def read(event):
    [record] = event["Records"]
    return json.loads(record["Sns"]["Message"])
