"""The stores in memory answer the calls of the report as moto does."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from daily_report.ranking import Ranking
from fakes.stores import NOW, Buckets, ScannedTables
from tests.support.moto_stack import REGION, MotoStack

type Client = Any

INDEX: Any = {
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "ranking",
            "KeySchema": [
                {"AttributeName": "rank_group", "KeyType": "HASH"},
                {"AttributeName": "magnitude", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ]
}


@pytest.fixture
def moto_tables(stack: MotoStack) -> Iterator[Client]:
    assert stack.names, "moto is up"
    client = boto3.client("dynamodb", REGION)
    for name in ("photos", "views"):
        keys = ["photo_id", "period"][: 1 + (name == "views")]
        index = INDEX if name == "views" else {}
        types = dict.fromkeys(keys, "S")
        types |= {"rank_group": "S", "magnitude": "N"} if index else {}
        client.create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind}
                for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in types.items()
            ],
            BillingMode="PAY_PER_REQUEST",
            **index,
        )
    yield client
    for name in ("photos", "views"):
        client.delete_table(TableName=name)


def outcome(call: Callable[..., Any], **request: Any) -> Any:
    """The part of an answer that the report reads, or the error's code."""
    try:
        answer = call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return {name: answer[name] for name in ("Contents", "IsTruncated") if name in answer}


def pages(client: Client, **request: Any) -> tuple[list[str], int]:
    """All items of all segments, sorted, and how many pages they took."""
    found, number = [], 0
    for segment in range(4):
        start: dict[str, Any] = {}
        while True:
            page = client.scan(**request, **start, Segment=segment, TotalSegments=4)
            found += [repr(sorted(item.items())) for item in page["Items"]]
            number += 1
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    return sorted(found), number


def test_scans(moto_tables: Client):
    ours = ScannedTables()
    for client in (ours, moto_tables):
        for number in range(40):
            for period in (
                "total",
                "total#f",
                "minute#2026-11-20T00:00Z",
                "minute#2026-11-19T00:00Z",
            ):
                item = {
                    "photo_id": {"S": f"p{number}"},
                    "period": {"S": period},
                    "views": {"N": "1"},
                }
                client.put_item(TableName="views", Item=item | {"more": {"S": "more"}})
    request = {
        "TableName": "views",
        "Limit": 7,
        "ProjectionExpression": "#photo_id, #period, #views",
        "ExpressionAttributeNames": {f"#{n}": n for n in ("photo_id", "period", "views")},
        "FilterExpression": "begins_with(#period, :total) OR begins_with(#period, :day)",
        "ExpressionAttributeValues": {":total": {"S": "total"}, ":day": {"S": "minute#2026-11-20"}},
    }
    found, number = pages(ours, **request)
    assert found == pages(moto_tables, **request)[0]
    assert len(found) == len(set(found)) == 120
    assert number >= 160 / 7


def test_queries_of_the_ranking(moto_tables: Client, monkeypatch: pytest.MonkeyPatch):
    """Pages of a group by magnitude, and a photo's totals; the order among equals is free."""
    monkeypatch.setattr("daily_report.ranking.PAGE_SIZE", 5)
    seen = []
    ours: Any = ScannedTables()
    for client in (ours, moto_tables):
        for number in range(12):
            for period in ("total", "total#0", "minute#2026-11-20T00:00Z"):
                item = {"photo_id": {"S": f"p{number}"}, "period": {"S": period}}
                if period.startswith("total"):
                    item |= {
                        "rank_group": {"S": "ab"[number % 2]},
                        "magnitude": {"N": str(9 + number // 4)},
                    }
                client.put_item(TableName="views", Item=item | {"views": {"N": "7"}})
        ranking = Ranking(client, "views")
        found, position, bounds = [], "", []
        while position is not None:
            page = ranking.page("b", position)
            found += list(page.views.items())
            bounds.append((page.entries, page.most_unread))
            position = page.next_position
        seen.append((sorted({*found}), bounds))
    assert seen[0] == seen[1]
    assert seen[0][0] == [(f"p{number}", 14) for number in (1, 11, 3, 5, 7, 9)]
    assert [entries for entries, _ in seen[0][1]] == [5, 5, 2]
    assert [bound for _, bound in seen[0][1]] == [17 * (16**10 - 1), 17 * (16**9 - 1), 0]


def test_batches_and_conditional_deletes(moto_tables: Client):
    ours = ScannedTables()
    seen: list[Any] = []
    for client in (ours, moto_tables):
        for number in range(3):
            item = {"photo_id": {"S": f"p{number}"}, "version": {"N": "2"}}
            client.put_item(TableName="photos", Item=item)
        asked = {"Keys": [{"photo_id": {"S": f"p{n}"}} for n in (0, 2, 9)], "ConsistentRead": True}
        answer = client.batch_get_item(RequestItems={"photos": asked})
        assert answer["UnprocessedKeys"] == {}
        seen.append(sorted(answer["Responses"]["photos"], key=str))
        removal = {
            "TableName": "photos",
            "Key": {"photo_id": {"S": "p0"}},
            "ConditionExpression": "version = :seen",
        }
        for version in ("1", "2", "2"):
            values = {":seen": {"N": version}}
            removed = outcome(client.delete_item, **removal, ExpressionAttributeValues=values)
            seen.append(removed)
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            client.delete_item(
                TableName="photos",
                Key={"photo_id": {"S": "p9"}},
                ConditionExpression="version = :seen",
                ExpressionAttributeValues={":seen": {"N": "1"}},
            )
    assert seen[:4] == seen[4:]
    assert seen[1:4] == ["ConditionalCheckFailedException", {}, "ConditionalCheckFailedException"]


def test_objects_in_memory_behave_like_those_of_moto(stack: MotoStack):
    client = boto3.client("s3", REGION)
    bucket = stack.names["UploadsBucket"]
    seen: list[Any] = []
    for s3 in (Buckets(lambda: NOW), client):
        for key in ("a/1", "a/2", "a/3", "b/1"):
            put = {"Bucket": bucket, "Key": key, "Body": b"1", "ContentType": "image/jpeg"}
            seen.append(outcome(s3.put_object, **put, IfNoneMatch="*"))
            seen.append(outcome(s3.put_object, **put, IfNoneMatch="*"))
        for start in ({}, {"StartAfter": "a/1"}, {"StartAfter": "a/2"}, {"StartAfter": "a/3"}):
            page = s3.list_objects_v2(Bucket=bucket, Prefix="a/", MaxKeys=2, **start)
            keys = [(stored["Key"], stored["Size"]) for stored in page.get("Contents", [])]
            seen.append((keys, page["IsTruncated"]))
        etag = s3.head_object(Bucket=bucket, Key="a/1")["ETag"]
        copy = {"Bucket": bucket, "Key": "a/1", "MetadataDirective": "REPLACE"}
        for key in ("a/1", "a/9"):  # moto knows no CopySourceIfMatch, so no other ETag
            source = {"CopySource": {"Bucket": bucket, "Key": key}, "CopySourceIfMatch": etag}
            seen.append(outcome(s3.copy_object, **copy, **source, ContentType="image/png"))
        seen += [outcome(s3.delete_object, Bucket=bucket, Key="a/1") for _ in range(2)]
        seen.append(outcome(s3.head_object, Bucket=bucket, Key="a/1"))
    half = len(seen) // 2
    assert seen[:half] == seen[half:]
    assert seen[half - 5 : half - 3] == [{}, "NoSuchKey"]
