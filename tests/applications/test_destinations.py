"""A topic that invokes functions, and the destinations of what they return or raise."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.running_application import RunningApplication
from tests.applications.conftest import running
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def parcels() -> Iterator[RunningApplication]:
    with running("parcels") as application:
        yield application


def publish(parcels: RunningApplication, parcel: dict[str, Any]) -> None:
    topic = parcels.outputs["Parcels"]
    parcels.cloud.client("sns").publish(TopicArn=topic, Message=json.dumps(parcel))


def received(parcels: RunningApplication, output: str) -> dict[str, Any]:
    """The body of the next message of a queue."""
    sqs, queue = parcels.cloud.client("sqs"), parcels.outputs[output]
    [message] = awaited(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return json.loads(message["Body"])


def keys(parcels: RunningApplication, prefix: str) -> list[str]:
    bucket = parcels.outputs["Results"]
    found = parcels.cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [each["Key"] for each in found.get("Contents", [])]


def stored(parcels: RunningApplication, key: str) -> dict[str, Any]:
    bucket = parcels.outputs["Results"]
    return json.loads(parcels.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def parcel_of(record: dict[str, Any]) -> dict[str, Any]:
    [notification] = record["requestPayload"]["Records"]
    return json.loads(notification["Sns"]["Message"])


def test_results_of_a_message_reach_an_event_bus_and_another_function(parcels: RunningApplication):
    publish(parcels, {"number": 1, "grams": 1500})
    event = received(parcels, "Weighed")
    assert event["source"] == "lambda"
    assert event["resources"] == [event["detail"]["requestContext"]["functionArn"]]
    assert event["detail"]["responsePayload"] == {"parcel": 1, "kilograms": 1.5}
    assert parcel_of(event["detail"]) == {"number": 1, "grams": 1500}
    awaited(lambda: keys(parcels, "charged/"))
    record = stored(parcels, "charged/1.json")
    assert record["requestContext"]["functionArn"].endswith(":live")
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"parcel": 1, "cents": 2000}


def test_failures_of_a_message_reach_a_bucket_and_a_topic(parcels: RunningApplication):
    publish(parcels, {"number": 2})
    uncharged = received(parcels, "Uncharged")
    awaited(lambda: keys(parcels, "aws/lambda/async/"))
    [key] = keys(parcels, "aws/lambda/async/")
    unweighed = stored(parcels, key)
    for record, invocations in ((uncharged, 1), (unweighed, 2)):
        assert record["requestContext"]["condition"] == "RetriesExhausted"
        assert record["requestContext"]["approximateInvokeCount"] == invocations
        assert record["responsePayload"]["errorType"] == "KeyError"
        assert parcel_of(record) == {"number": 2}


def test_record_that_the_role_may_not_write_is_lost_and_the_log_says_so(
    parcels: RunningApplication,
):
    iam = parcels.cloud.client("iam")
    role = parcels.stack.of_type("AWS::IAM::Role")["ChargeFunctionRole"]
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    publish(parcels, {"number": 3})
    log = parcels.cloud.folder / "ministack.log"
    line = awaited(lambda: re.search(r".* cannot be written: .*", log.read_text()))[0]
    assert "UnchargedTopic" in line
    assert "sns:Publish" in line
