"""A topic fills queues by filter policies; what it cannot deliver and what fails is redriven."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.running_application import RunningApplication
from tests.examples.conftest import documented_answers, running
from tests.support.permissions import denied
from tests.support.repository import ROOT
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow
READING = json.loads((ROOT / "examples" / "sns-fan-out" / "events" / "reading.json").read_text())


@pytest.fixture(scope="module")
def station() -> Iterator[RunningApplication]:
    with running("sns-fan-out") as application:
        for queue in ("HistoryQueue", "AlertsQueue"):  # so that the attempts follow each other soon
            set_attribute(application, queue, "VisibilityTimeout", "2")
        yield application


def url(station: RunningApplication, queue: str) -> str:
    return station.stack.of_type("AWS::SQS::Queue")[queue]


def attribute(station: RunningApplication, queue: str, name: Any) -> str:
    sqs = station.cloud.client("sqs")
    found = sqs.get_queue_attributes(QueueUrl=url(station, queue), AttributeNames=[name])
    return found["Attributes"][name]


def set_attribute(station: RunningApplication, queue: str, name: str, value: str) -> None:
    sqs = station.cloud.client("sqs")
    sqs.set_queue_attributes(QueueUrl=url(station, queue), Attributes={name: value})


def publish(station: RunningApplication, at: str, celsius: float, kind: str = "public") -> None:
    station.cloud.client("sns").publish(
        TopicArn=station.outputs["Topic"],
        Message=json.dumps(READING | {"at": at, "celsius": celsius}),
        MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
    )


def reading(station: RunningApplication, at: str) -> dict[str, Any]:
    return (
        station.cloud.client("dynamodb")
        .get_item(
            TableName=station.outputs["Table"],
            Key={"station": {"S": READING["station"]}, "at": {"S": at}},
        )
        .get("Item", {})
    )


def redrive(station: RunningApplication, dead_letters: str, destination: str) -> None:
    station.cloud.client("sqs").start_message_move_task(
        SourceArn=attribute(station, dead_letters, "QueueArn"),
        DestinationArn=attribute(station, destination, "QueueArn"),
    )


def await_dead_letter(station: RunningApplication, queue: str, at: str) -> None:
    sqs = station.cloud.client("sqs")

    def found() -> bool:
        messages = sqs.receive_message(
            QueueUrl=url(station, queue), MaxNumberOfMessages=10, VisibilityTimeout=0
        ).get("Messages", [])
        return at in [json.loads(each["Body"])["at"] for each in messages]

    awaited(found)


def test_each_consumer_gets_what_its_filter_policy_lets_through(station: RunningApplication):
    publish(station, "hot", 41.5)
    publish(station, "cold", -3)
    publish(station, "hot test", 60, kind="test")
    awaited(lambda: "celsius" in reading(station, "hot") and "alert" in reading(station, "hot"))
    awaited(lambda: "celsius" in reading(station, "cold"))
    awaited(lambda: "alert" in reading(station, "hot test"))
    assert "alert" not in reading(station, "cold")
    assert "celsius" not in reading(station, "hot test")
    assert reading(station, "hot")["alert"] == {"S": "41.5 degrees"}


def test_message_that_the_topic_cannot_deliver_is_redriven(station: RunningApplication):
    policy = attribute(station, "AlertsQueue", "Policy")
    set_attribute(station, "AlertsQueue", "Policy", "")
    publish(station, "undelivered", 45)
    await_dead_letter(station, "AlertsDeadLetterQueue", "undelivered")
    awaited(lambda: "celsius" in reading(station, "undelivered"))  # the other consumer continues
    set_attribute(station, "AlertsQueue", "Policy", policy)
    redrive(station, "AlertsDeadLetterQueue", "AlertsQueue")
    awaited(lambda: "alert" in reading(station, "undelivered"))


def test_message_that_the_function_cannot_process_is_redriven(station: RunningApplication):
    with denied(station, "KeepReadingRole", "dynamodb:UpdateItem"):
        publish(station, "unprocessed", 45)
        await_dead_letter(station, "HistoryDeadLetterQueue", "unprocessed")
        awaited(lambda: "alert" in reading(station, "unprocessed"))
        assert "celsius" not in reading(station, "unprocessed")
    redrive(station, "HistoryDeadLetterQueue", "HistoryQueue")
    awaited(lambda: "celsius" in reading(station, "unprocessed"))


def test_second_reading_of_the_readmes_sample_event_fails(station: RunningApplication):
    [answer] = documented_answers(station, "sns-fan-out")
    [failure] = json.loads(answer.payload)["batchItemFailures"]
    assert failure["itemIdentifier"].endswith("2")
