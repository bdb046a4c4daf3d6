"""Creates the photos that the files of events/ refer to, so that `make invoke` can use them."""

import json
import mimetypes
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, Final

from demo.samples import PHOTOS
from localcloud.cloud import ROOT, Cloud
from shared.timestamps import iso_milliseconds

_EVENTS: Final = ROOT / "events"


def put_sample_photos(cloud: Cloud, outputs: Mapping[str, str]) -> None:
    """Create the uploads and their PENDING records, of the user who is signed in in the events.

    The events name a bucket without notifications: only `make invoke` delivers them. Without a
    Docker engine the function runs under its role, which the policy of that bucket lets read.
    """
    user = _load("api_delete_photo")["requestContext"]["authorizer"]["claims"]["sub"]
    files = {_etag(file.read_bytes()): file for file in PHOTOS.iterdir()}
    records = [record["s3"] for record in _load("s3_two_photos_uploaded")["Records"]]
    [bucket] = {record["bucket"]["name"] for record in records}
    s3, dynamodb = cloud.client("s3"), cloud.client("dynamodb")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_policy(cloud, outputs, bucket)))
    for record in records:
        key, etag, size = (record["object"][name] for name in ("key", "eTag", "size"))
        s3.put_object(Bucket=bucket, Key=key, Body=files[etag].read_bytes())
        dynamodb.put_item(
            TableName=outputs["PhotosTableName"],
            Item={
                "photo_id": {"S": key.rsplit("/", 1)[-1]},
                "version": {"N": "1"},
                "status": {"S": "PENDING"},
                "owner": {"S": user},
                "title": {"S": files[etag].stem.capitalize()},
                "content_type": {"S": str(mimetypes.guess_type(files[etag])[0])},
                "bytes": {"N": str(size)},
                "created_at": {"S": iso_milliseconds(datetime.now(UTC))},
            },
        )


def _load(name: str) -> dict[str, Any]:
    return dict(json.loads((_EVENTS / f"{name}.json").read_text()))


def _etag(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


def _policy(cloud: Cloud, outputs: Mapping[str, str], bucket: str) -> dict[str, Any]:
    """Lets the thumbnailer read and delete the uploads."""
    function = cloud.client("lambda").get_function_configuration(
        FunctionName=outputs["ThumbnailerFunctionName"]
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": function["Role"]},
        "Action": ["s3:GetObject", "s3:DeleteObject"],
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
