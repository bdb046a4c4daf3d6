import json
import os

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    failures = []
    for record in event["Records"]:
        invoice = json.loads(record["body"])
        try:
            invoice["cents"] = round(float(invoice["amount"]) * 100)
        except ValueError:
            failures.append({"itemIdentifier": record["messageId"]})
            continue
        s3.put_object(
            Bucket=os.environ["ARCHIVE_BUCKET"],
            Key=f"{invoice['number']}.json",
            Body=json.dumps(invoice),
        )
    return {"batchItemFailures": failures}
