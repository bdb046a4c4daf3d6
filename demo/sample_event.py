"""Creates the upload that events/s3_photo_uploaded.json refers to, for `make invoke`."""

import json
from collections.abc import Mapping
from typing import Final

from demo.samples import PHOTOS
from localcloud.cloud import ROOT, Cloud

_EVENT: Final = ROOT / "events" / "s3_photo_uploaded.json"


def put_photo_of_sample_event(cloud: Cloud, outputs: Mapping[str, str]) -> None:
    """Create the upload and its PENDING record.

    The event names a bucket without notifications: only `make invoke` delivers the event. Without a
    Docker engine the function runs under its role, which the policy of that bucket lets read.
    """
    [record] = json.loads(_EVENT.read_text())["Records"]
    bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=(PHOTOS / "coffee.jpg").read_bytes())
    function = cloud.client("lambda").get_function_configuration(
        FunctionName=outputs["ThumbnailerFunctionName"]
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": function["Role"]},
        "Action": ["s3:GetObject", "s3:DeleteObject"],
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    cloud.client("dynamodb").put_item(
        TableName=outputs["PhotosTableName"],
        Item={
            "photo_id": {"S": key.rsplit("/", 1)[-1]},
            "version": {"N": "1"},
            "status": {"S": "PENDING"},
            "owner": {"S": "somebody"},
            "title": {"S": "Coffee"},
            "content_type": {"S": "image/jpeg"},
            "bytes": {"N": str(record["s3"]["object"]["size"])},
            "created_at": {"S": record["eventTime"]},
        },
    )
