"""Reads of tables and buckets, a page at a time."""

import json
from collections.abc import Iterable
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

import msgspec
from botocore.exceptions import ClientError

from shared.dynamodb import from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, ObjectTypeDef

PAGE_SIZE: Final = 200
LISTED_KEYS: Final = 1000
_MAX_KEYS: Final = 100  # in one BatchGetItem


class RowPage[T](msgspec.Struct, frozen=True):
    """Rows of a table; `next_position` is where the next page begins, None after the last one."""

    rows: list[T]
    malformed_ids: list[str]
    next_position: str | None


class ObjectPage(msgspec.Struct, frozen=True):
    """Objects of a bucket; `next_position` is where the next page begins, None after the last."""

    objects: "list[ObjectTypeDef]"
    next_position: str | None


class Records[T](msgspec.Struct, frozen=True):
    """Records by photo id, and the ids whose records do not have the shape of `T`."""

    found: dict[str, T]
    malformed_ids: set[str]


class Storage(msgspec.Struct, frozen=True):
    """Reads of tables and buckets; each may raise BotoCoreError or ClientError."""

    dynamodb: "DynamoDBClient"
    s3: "S3Client"

    def scan[T: msgspec.Struct](
        self, table: str, segment: str, position: str, row_type: type[T], **options: Any
    ) -> RowPage[T]:
        """A page of a table's segment, which is written as in `2/4`; only the fields of `T`.

        `options` may have another `Limit`.
        """
        number, total = segment.split("/")
        fields = [field.name for field in msgspec.structs.fields(row_type)]
        if position:
            options["ExclusiveStartKey"] = json.loads(position)
        page = self.dynamodb.scan(
            TableName=table,
            Segment=int(number),
            TotalSegments=int(total),
            ProjectionExpression=", ".join(f"#{name}" for name in fields),
            ExpressionAttributeNames={f"#{name}": name for name in fields},
            **{"Limit": PAGE_SIZE, **options},
        )
        rows: list[T] = []
        malformed_ids: list[str] = []
        for item in page["Items"]:
            try:
                rows.append(from_item(item, row_type))
            except ValueError:
                malformed_ids.append(item["photo_id"]["S"])
        last = page.get("LastEvaluatedKey")
        return RowPage(rows, malformed_ids, json.dumps(last) if last else None)

    def get[T](
        self, table: str, photo_ids: Iterable[str], record_type: type[T], *, consistent: bool
    ) -> Records[T]:
        """The records of these photos, as far as the table has them."""
        records = Records[T]({}, set())
        for ids in batched(photo_ids, _MAX_KEYS, strict=False):
            keys = [to_item({"photo_id": photo_id}) for photo_id in ids]
            request: Any = {table: {"Keys": keys, "ConsistentRead": consistent}}
            while request:
                answer = self.dynamodb.batch_get_item(RequestItems=request)
                for item in answer["Responses"].get(table, []):
                    photo_id = item["photo_id"]["S"]
                    try:
                        records.found[photo_id] = from_item(item, record_type)
                    except ValueError:
                        records.malformed_ids.add(photo_id)
                request = answer["UnprocessedKeys"]
        return records

    def list_objects(
        self, bucket: str, prefix: str, position: str, end: str | None = None
    ) -> ObjectPage:
        """A page of a bucket's objects under a prefix, in the order of their keys, until `end`."""
        options: Any = {"StartAfter": position} if position else {}
        page = self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=LISTED_KEYS, **options)
        objects = page.get("Contents", [])
        next_position = objects[-1]["Key"] if page["IsTruncated"] else None
        if end and objects and objects[-1]["Key"] > end:
            objects = [each for each in objects if each["Key"] <= end]
            next_position = None
        return ObjectPage(objects, next_position)

    def oldest_object(self, bucket: str, prefix: str) -> str | None:
        """The first key under a prefix; None if there is none."""
        page = self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        return next((each["Key"] for each in page.get("Contents", [])), None)

    def number_of_rows(self, table: str) -> int:
        """The number of a table's items, which DynamoDB updates every six hours."""
        return self.dynamodb.describe_table(TableName=table)["Table"].get("ItemCount", 0)

    def head_object(self, bucket: str, key: str) -> "HeadObjectOutputTypeDef | None":
        """The metadata of an object; None if there is no such object."""
        try:
            return self.s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return None
            raise
