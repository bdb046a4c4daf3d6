from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from shared.catalog import catalog_row
from shared.dynamodb import to_item
from shared.photos import Photo
from tests.support.gallery_api import Api, put
from tests.support.moto_stack import MotoStack

type Publish = Callable[..., Photo]
type Recorded = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def function(stack: MotoStack) -> Api:
    return Api(stack)


@pytest.fixture
def api(stack: MotoStack, function: Api) -> Api:
    """The function, with empty tables and nothing logged."""
    for table in ("PhotosTable", "CatalogTable", "ViewsTable", "IdempotencyTable"):
        name = stack.names[table]
        keys = stack.template["Resources"][table]["Properties"]["KeySchema"]
        for item in stack.dynamodb.scan(TableName=name)["Items"]:
            key = {each["AttributeName"]: item[each["AttributeName"]] for each in keys}
            stack.dynamodb.delete_item(TableName=name, Key=key)
    for bucket in (stack.names["UploadsBucket"], stack.names["MediaBucket"]):
        for stored in stack.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            stack.s3.delete_object(Bucket=bucket, Key=stored["Key"])
    function.log.seek(0)
    function.log.truncate()
    return function


@pytest.fixture
def publish(stack: MotoStack) -> Publish:
    """Put a photo into the photos table, and what the replicator makes of it into the catalog."""

    def publish(**values: object) -> Photo:
        photo = put(stack, **values)
        row = catalog_row(photo, datetime.now(UTC))
        if row:
            stack.dynamodb.put_item(TableName=stack.names["CatalogTable"], Item=to_item(row))
        return photo

    return publish


@pytest.fixture
def recorded(stack: MotoStack) -> Recorded:
    """The records of the views stream since the test began; read them once, at the end."""
    kinesis = boto3.client("kinesis")
    name = stack.names["ViewsStream"]
    [shard] = kinesis.list_shards(StreamName=name)["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
    )["ShardIterator"]
    return lambda: kinesis.get_records(ShardIterator=iterator)["Records"]
