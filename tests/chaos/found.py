"""The contents of all tables, buckets, queues and streams of the gallery after a run."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.cloud import Cloud
from ops.failures import BATCHES_PREFIX
from shared.dynamodb import from_item
from shared.photos import Photo
from shared.quarantine import QUARANTINE_PREFIX
from tests.chaos.ledger import Record


@dataclass(frozen=True)
class Found:
    """`views` are items as DynamoDB answers them; `stream` and `quarantine` by sequence number.

    No change of a photo is poison, so a quarantined one is among `failed_batches`.
    """

    photos: Mapping[str, Photo]
    catalog: Mapping[str, dict[str, Any]]
    views: list[dict[str, Any]]
    uploads: set[str]
    media: set[str]
    stream: Mapping[str, Record]
    quarantine: Mapping[str, Record]
    failed_batches: set[str]
    failed_events: int


def take(cloud: Cloud, outputs: Mapping[str, str]) -> Found:
    """Read all contents."""
    photos = [from_item(item, Photo) for item in _scan(cloud, outputs["PhotosTableName"])]
    rows = [from_item(item, dict) for item in _scan(cloud, outputs["CatalogTableName"])]
    bucket = outputs["FailedBatchesBucketName"]
    return Found(
        photos={photo.photo_id: photo for photo in photos},
        catalog={row["photo_id"]: row for row in rows},
        views=list(_scan(cloud, outputs["ViewsTableName"])),
        uploads=set(_keys(cloud, outputs["UploadsBucketName"])),
        media=set(_keys(cloud, outputs["MediaBucketName"])),
        stream=dict(_records(cloud, outputs["ViewsStreamName"])),
        quarantine=dict(_quarantined(cloud, bucket)),
        failed_batches={
            *_keys(cloud, bucket, BATCHES_PREFIX),
            *_keys(cloud, bucket, f"{QUARANTINE_PREFIX}catalog_replicator/"),
        },
        failed_events=failed_events(cloud, outputs),
    )


def failed_events(cloud: Cloud, outputs: Mapping[str, str]) -> int:
    """How many events the queue has, those that a redrive has received included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = cloud.client("sqs").get_queue_attributes(
        QueueUrl=outputs["FailedEventsQueueUrl"], AttributeNames=names
    )
    return sum(int(answer["Attributes"][name]) for name in names)


def _scan(cloud: Cloud, table: str) -> Iterator[dict[str, Any]]:
    pages = cloud.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    for page in pages:
        yield from page["Items"]


def _keys(cloud: Cloud, bucket: str, prefix: str = "") -> Iterator[str]:
    pages = cloud.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        yield from (stored["Key"] for stored in page.get("Contents", []))


def _quarantined(cloud: Cloud, bucket: str) -> Iterator[tuple[str, Record]]:
    s3 = cloud.client("s3")
    for key in _keys(cloud, bucket, f"{QUARANTINE_PREFIX}view_counter/"):
        kept = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        kinesis = kept["record"]["kinesis"]
        record = kinesis["partitionKey"], base64.b64decode(kinesis["data"])
        yield kinesis["sequenceNumber"], record


def _records(cloud: Cloud, stream: str) -> Iterator[tuple[str, Record]]:
    """All records that were put, with or without an answer."""
    kinesis = cloud.client("kinesis")
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            for record in page["Records"]:
                yield record["SequenceNumber"], (record["PartitionKey"], record["Data"])
            iterator = page.get("NextShardIterator") if page["Records"] else None
