"""The event-source engine on a laptop cloud of its own: streams, roles, failures and restarts."""

import base64
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import event_sources
from localcloud.cloud import Cloud, CloudError, running
from tests.e2e.conftest import OWN_ENVIRONMENT, free_port
from tests.support.waiting import awaited

HANDLER = """
import base64, json, os

def handler(event, context):
    seen = []
    for record in event["Records"]:
        if "kinesis" in record:
            seen.append(json.loads(base64.b64decode(record["kinesis"]["data"])))
        else:
            seen.append(record["dynamodb"]["NewImage"])
    with open(os.environ["SEEN"], "a") as file:
        file.write(json.dumps(seen) + "\\n")
    if {"poison": True} in seen or {"id": {"S": "poison"}} in seen:
        raise ValueError("this cannot be digested")
    return {"batchItemFailures": []}
"""
STREAM_ACTIONS = [
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:ListShards",
    "kinesis:GetShardIterator",
    "kinesis:GetRecords",
]
DYNAMODB_ACTIONS = [
    f"dynamodb:{each}" for each in ("DescribeStream", "GetShardIterator", "GetRecords")
]
SETTINGS: dict[str, Any] = {
    "StartingPosition": "TRIM_HORIZON",
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 1,
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    cloud = Cloud("127.0.0.1", free_port())
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_ENVIRONMENT:
            patch.delenv(name, raising=False)  # gone already, if another cloud came first
        for name, value in cloud.environment.items():
            patch.setenv(name, value)
        with running(cloud):
            yield cloud


class Consumer:
    """A small function, and the role that it has."""

    def __init__(self, cloud: Cloud, name: str, tmp_path: Path) -> None:
        self.name = name
        self._iam = cloud.client("iam")
        self._seen = tmp_path / "seen"
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
        role = self._iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
            ),
        )
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("consumer.py", HANDLER)
        function = cloud.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="consumer.handler",
            Role=role["Role"]["Arn"],
            Code={"ZipFile": archive.getvalue()},
            Environment={"Variables": {"SEEN": str(self._seen)}},
            Publish=True,
        )
        alias = cloud.client("lambda").create_alias(
            FunctionName=name, Name="live", FunctionVersion=function["Version"]
        )
        self.arn = alias["AliasArn"]

    def allow(self, actions: list[str], resources: list[str]) -> None:
        statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
        self._iam.put_role_policy(
            RoleName=self.name,
            PolicyName=re.sub(r"\W+", "-", actions[0]),
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )

    def batches(self) -> list[list[Any]]:
        return [json.loads(line) for line in self._seen.read_text().splitlines()]

    def seen(self) -> list[Any]:
        return [each for batch in self.batches() for each in batch]


def stream(cloud: Cloud, name: str, shards: int = 2) -> str:
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    summary = awaited(
        lambda: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    )
    return str(summary["StreamARN"])


def put(cloud: Cloud, arn: str, *items: Any) -> None:
    cloud.client("kinesis").put_records(
        StreamARN=arn,
        Records=[
            {"PartitionKey": f"key-{place % 5}", "Data": json.dumps(item).encode()}
            for place, item in enumerate(items)
        ],
    )


def test_only_the_poison_record_ends_in_the_bucket(cloud: Cloud, tmp_path: Path):
    arn = stream(cloud, "poisoned")
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="failed-batches")
    consumer = Consumer(cloud, "poisoned", tmp_path)
    consumer.allow(STREAM_ACTIONS, [arn])
    mapping = cloud.client("lambda").create_event_source_mapping(
        FunctionName=consumer.arn,
        EventSourceArn=arn,
        BatchSize=20,
        ParallelizationFactor=3,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failed-batches"}},
        Enabled=True,
        **SETTINGS,
    )
    good = [{"number": number} for number in range(40)]
    with event_sources.running(cloud) as sources:
        put(cloud, arn, *good[:20], {"poison": True}, *good[20:])
        denied = awaited(lambda: [each for each in sources.problems if "PutObject" in each])
        assert "assumed-role/poisoned/poisoned is not authorized" in denied[0]
        assert not s3.list_objects_v2(Bucket="failed-batches")["KeyCount"]
        consumer.allow(["s3:PutObject"], ["arn:aws:s3:::failed-batches/*"])
        sources.await_drained(120)
        counters = sources.counters()[arn, consumer.arn]
        assert (counters.processed, counters.discarded) == (40, 1)
    [failed] = s3.list_objects_v2(Bucket="failed-batches")["Contents"]
    assert re.fullmatch(
        rf"aws/lambda/{mapping['UUID']}/shardId-\d{{12}}/\d{{4}}/\d\d/\d\d/"
        r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}",
        failed["Key"],
    )
    body = json.loads(s3.get_object(Bucket="failed-batches", Key=failed["Key"])["Body"].read())
    assert body["requestContext"]["functionArn"] == consumer.arn
    assert body["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert body["responseContext"]["functionError"] == "Unhandled"
    assert body["responseContext"]["executedVersion"] == "1"
    [record] = json.loads(body["payload"])["Records"]
    assert json.loads(base64.b64decode(record["kinesis"]["data"])) == {"poison": True}
    assert record["invokeIdentityArn"].endswith(":role/poisoned")
    for item in good:
        assert item in consumer.seen()


def test_ministack_does_not_poll_what_the_engine_does(cloud: Cloud, tmp_path: Path):
    arn = stream(cloud, "taken-over", shards=1)
    consumer = Consumer(cloud, "taken-over", tmp_path)
    consumer.allow(STREAM_ACTIONS, [arn])
    create = cloud.client("lambda").create_event_source_mapping
    created = create(FunctionName=consumer.arn, EventSourceArn=arn, BatchSize=3, **SETTINGS)
    off = create(
        FunctionName=consumer.arn, EventSourceArn=arn, BatchSize=9, Enabled=False, **SETTINGS
    )
    put(cloud, arn, *range(4))
    time.sleep(2)  # twice ministack's own cycle: what does not happen cannot be awaited
    assert not (tmp_path / "seen").exists(), "before the engine runs"
    with event_sources.running(cloud) as sources:
        put(cloud, arn, *range(4, 9))
        sources.await_drained(120)
        get = cloud.client("lambda").get_event_source_mapping
        assert get(UUID=created["UUID"])["State"] == "Enabled"
        assert get(UUID=off["UUID"])["State"] == "Disabled"
        assert consumer.seen() == list(range(9)), "the disabled mapping delivers nothing"
        assert max(len(batch) for batch in consumer.batches()) <= 3
        with pytest.raises(CloudError, match="running already"), event_sources.running(cloud):
            pass


def test_restarted_engine_resumes_at_its_checkpoint(cloud: Cloud, tmp_path: Path):
    arn = stream(cloud, "restarted")
    consumer = Consumer(cloud, "restarted", tmp_path)
    consumer.allow(STREAM_ACTIONS, [arn])
    cloud.client("lambda").create_event_source_mapping(
        FunctionName=consumer.arn, EventSourceArn=arn, **SETTINGS
    )
    with event_sources.running(cloud) as sources:
        put(cloud, arn, 1, 2, 3)
        sources.await_drained(120)
    put(cloud, arn, 4, 5)
    with event_sources.running(cloud) as sources:
        sources.await_drained(120)
    assert sorted(consumer.seen()) == [1, 2, 3, 4, 5]


def test_changed_settings_are_followed(cloud: Cloud, tmp_path: Path):
    arn = stream(cloud, "changed", shards=1)
    consumer = Consumer(cloud, "changed", tmp_path)
    consumer.allow(STREAM_ACTIONS, [arn])
    lambda_ = cloud.client("lambda")
    mapping = lambda_.create_event_source_mapping(
        FunctionName=consumer.arn, EventSourceArn=arn, BatchSize=1, **SETTINGS
    )
    with event_sources.running(cloud) as sources:
        put(cloud, arn, 1, 2)
        sources.await_drained(120)
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=100)
        sources.await_drained(120)  # has seen the new settings
        put(cloud, arn, 3, 4, 5)
        sources.await_drained(120)
    assert consumer.batches() == [[1], [2], [3, 4, 5]]


def table(cloud: Cloud, name: str) -> str:
    description = cloud.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    return str(description["LatestStreamArn"])


def test_table_stream_is_delivered_to_an_alias_in_order(cloud: Cloud, tmp_path: Path):
    dynamodb = cloud.client("dynamodb")
    arn = table(cloud, "changes")
    consumer = Consumer(cloud, "changes", tmp_path)
    consumer.allow(DYNAMODB_ACTIONS, [arn])
    cloud.client("lambda").create_event_source_mapping(
        FunctionName=consumer.arn,
        EventSourceArn=arn,
        ParallelizationFactor=10,
        FilterCriteria={
            "Filters": [{"Pattern": '{"dynamodb": {"NewImage": {"n": {"N": [{"exists": true}]}}}}'}]
        },
        **SETTINGS,
    )
    items = [
        {"id": {"S": f"item-{n % 3}"}, "n": {"N": str(n)}, "b": {"B": b"\0"}} for n in range(9)
    ]
    with event_sources.running(cloud) as sources:
        dynamodb.put_item(TableName="changes", Item={"id": {"S": "filtered"}})
        for item in items:
            dynamodb.put_item(TableName="changes", Item=item)
        sources.await_drained(120)
        assert sources.counters()[arn, consumer.arn].filtered == 1
    assert len(consumer.seen()) == 9
    for key in range(3):
        numbers = [int(s["n"]["N"]) for s in consumer.seen() if s["id"]["S"] == f"item-{key}"]
        assert numbers == [key, key + 3, key + 6]
    assert consumer.seen()[0]["b"] == {"B": "AA=="}


def test_discarded_table_change_is_sent_to_a_queue(cloud: Cloud, tmp_path: Path):
    arn = table(cloud, "poisoned-changes")
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="failed-changes")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    queue_arn = queue["Attributes"]["QueueArn"]
    consumer = Consumer(cloud, "poisoned-changes", tmp_path)
    consumer.allow(DYNAMODB_ACTIONS, [arn])
    consumer.allow(["sqs:SendMessage"], [queue_arn])
    cloud.client("lambda").create_event_source_mapping(
        FunctionName=consumer.arn,
        EventSourceArn=arn,
        DestinationConfig={"OnFailure": {"Destination": queue_arn}},
        **SETTINGS,
    )
    with event_sources.running(cloud) as sources:
        for name in ("good", "poison", "better"):
            cloud.client("dynamodb").put_item(
                TableName="poisoned-changes", Item={"id": {"S": name}}
            )
        sources.await_drained(120)
    [message] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    body = json.loads(message["Body"])
    assert body["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert body["DDBStreamBatchInfo"]["batchSize"] == 1
    assert body["DDBStreamBatchInfo"]["streamArn"] == arn
    assert "payload" not in body


def test_missing_read_permission_is_reported_and_recovers_without_a_restart(
    cloud: Cloud, tmp_path: Path
):
    arn = stream(cloud, "unreadable", shards=1)
    consumer = Consumer(cloud, "unreadable", tmp_path)
    cloud.client("lambda").create_event_source_mapping(
        FunctionName=consumer.arn, EventSourceArn=arn, **SETTINGS
    )
    with event_sources.running(cloud) as sources:
        put(cloud, arn, 1)
        awaited(lambda: [each for each in sources.problems if "kinesis:DescribeStream" in each])
        consumer.allow(STREAM_ACTIONS[:3], [arn])
        awaited(lambda: [each for each in sources.problems if "kinesis:GetShardIterator" in each])
        with pytest.raises(
            TimeoutError, match=r"stream/unreadable; unreadable: .*GetShardIterator"
        ):
            sources.await_drained(0.5)
        consumer.allow(STREAM_ACTIONS, [arn])
        sources.await_drained(120)
    assert consumer.seen() == [1]


def test_engine_waits_while_the_cloud_is_down(tmp_path: Path):
    cloud = Cloud("127.0.0.1", free_port())
    cloud.folder.mkdir(parents=True, exist_ok=True)
    with event_sources.running(cloud) as sources:
        awaited(lambda: [each for each in sources.problems if "cannot be read" in each])
        with running(cloud):
            arn = stream(cloud, "late", shards=1)
            consumer = Consumer(cloud, "late", tmp_path)
            consumer.allow(STREAM_ACTIONS, [arn])
            lambda_ = cloud.client("lambda")
            lambda_.create_event_source_mapping(
                FunctionName=consumer.arn, EventSourceArn=arn, **SETTINGS
            )
            put(cloud, arn, 1)
            sources.await_drained(120)
            assert consumer.seen() == [1]
        before = time.monotonic()
    assert time.monotonic() - before < 10
