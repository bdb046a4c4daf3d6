"""A standard and a FIFO queue: messages that fail alone, dead letters, and their redrive."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.running_application import RunningApplication
from tests.examples.conftest import documented_answers, running
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def parcels() -> Iterator[RunningApplication]:
    with running("sqs-worker") as application:
        sqs = application.cloud.client("sqs")
        for queue in ("Labels", "Scans"):  # so that the attempts follow each other soon
            sqs.set_queue_attributes(
                QueueUrl=application.outputs[queue], Attributes={"VisibilityTimeout": "2"}
            )
        yield application


def register(parcels: RunningApplication, parcel: str) -> None:
    parcels.cloud.client("dynamodb").put_item(
        TableName=parcels.outputs["Parcels"], Item={"parcel": {"S": parcel}}
    )


def item(parcels: RunningApplication, parcel: str) -> dict[str, Any]:
    return (
        parcels.cloud.client("dynamodb")
        .get_item(TableName=parcels.outputs["Parcels"], Key={"parcel": {"S": parcel}})
        .get("Item", {})
    )


def send_label(parcels: RunningApplication, parcel: str) -> None:
    parcels.cloud.client("sqs").send_message(
        QueueUrl=parcels.outputs["Labels"],
        MessageBody=json.dumps({"parcel": parcel, "address": "1 Main Street"}),
    )


def send_scan(parcels: RunningApplication, parcel: str, scan: int, place: str) -> None:
    parcels.cloud.client("sqs").send_message(
        QueueUrl=parcels.outputs["Scans"],
        MessageBody=json.dumps({"parcel": parcel, "scan": scan, "place": place}),
        MessageGroupId=parcel,
    )


def await_dead_letters(parcels: RunningApplication, queue: str, parcel: str, count: int) -> None:
    """Wait until a dead-letter queue has that many messages about a parcel, which it keeps.

    It may have messages about other parcels: on a slow machine their visibility timeout ends.
    """
    sqs = parcels.cloud.client("sqs")
    url = parcels.stack.of_type("AWS::SQS::Queue")[queue]

    def found() -> bool:
        messages = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0
        ).get("Messages", [])
        return [json.loads(each["Body"])["parcel"] for each in messages].count(parcel) == count

    awaited(found)


def redrive(parcels: RunningApplication, queue: str) -> None:
    sqs = parcels.cloud.client("sqs")
    url = parcels.stack.of_type("AWS::SQS::Queue")[queue]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    sqs.start_message_move_task(SourceArn=attributes["QueueArn"])


def test_label_of_a_parcel_that_is_registered_later_is_written_after_a_redrive(
    parcels: RunningApplication,
):
    register(parcels, "A1")
    register(parcels, "A2")
    for parcel in ("A1", "later", "A2"):
        send_label(parcels, parcel)
    awaited(lambda: item(parcels, "A1").get("label") == {"S": "A1: 1 Main Street"})
    awaited(lambda: item(parcels, "A2").get("label"))
    await_dead_letters(parcels, "LabelsDeadLetterQueue", "later", 1)
    assert not item(parcels, "later")
    register(parcels, "later")
    redrive(parcels, "LabelsDeadLetterQueue")
    awaited(lambda: item(parcels, "later").get("label"))


def test_scans_of_a_parcel_that_is_registered_later_are_applied_in_order_after_a_redrive(
    parcels: RunningApplication,
):
    register(parcels, "B1")
    for scan, place in enumerate(("depot", "van", "door"), 1):
        send_scan(parcels, "late", scan, place)
        send_scan(parcels, "B1", scan, place)
    awaited(lambda: item(parcels, "B1").get("place") == {"S": "door"})
    await_dead_letters(parcels, "ScansDeadLetterQueue", "late", 3)
    assert not item(parcels, "late")
    register(parcels, "late")
    send_scan(parcels, "late", 2, "van again")  # before the redrive of the first and second scan
    awaited(lambda: item(parcels, "late").get("place") == {"S": "van again"})
    redrive(parcels, "ScansDeadLetterQueue")
    awaited(lambda: item(parcels, "late").get("place") == {"S": "door"})
    assert item(parcels, "late")["last_scan"] == {"N": "3"}


def test_scans_of_the_readmes_sample_event_fail_without_their_parcels(parcels: RunningApplication):
    [answer] = documented_answers(parcels, "sqs-worker")
    assert b"BatchProcessingError" in answer.payload
