"""A standard and a FIFO queue: messages that fail alone, dead letters, and their redrive."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.running_application import RunningApplication
from tests.examples.conftest import running
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def parcels() -> Iterator[RunningApplication]:
    with running("sqs-worker") as application:
        sqs = application.cloud.client("sqs")
        for queue in ("Labels", "Scans"):  # so that the attempts follow each other at once
            sqs.set_queue_attributes(
                QueueUrl=application.outputs[queue], Attributes={"VisibilityTimeout": "1"}
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


def dead_letters(parcels: RunningApplication, queue: str) -> int:
    answer = parcels.cloud.client("sqs").get_queue_attributes(
        QueueUrl=parcels.stack.of_type("AWS::SQS::Queue")[queue],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_label_that_fails_reaches_the_dead_letter_queue_and_the_others_are_written(
    parcels: RunningApplication,
):
    register(parcels, "A1")
    register(parcels, "A2")
    for parcel in ("A1", "unknown", "A2"):
        send_label(parcels, parcel)
    for parcel in ("A1", "A2"):
        label = awaited(lambda parcel=parcel: item(parcels, parcel).get("label"))
        assert label == {"S": f"{parcel}: 1 Main Street"}
    awaited(lambda: dead_letters(parcels, "LabelsDeadLetterQueue") == 1)


def test_scans_of_a_parcel_are_applied_in_order_and_a_failure_holds_up_no_other_parcel(
    parcels: RunningApplication,
):
    register(parcels, "B1")
    for scan, place in enumerate(("depot", "van", "door"), 1):
        send_scan(parcels, "unknown", scan, place)
        send_scan(parcels, "B1", scan, place)
    awaited(lambda: item(parcels, "B1").get("place") == {"S": "door"})
    awaited(lambda: dead_letters(parcels, "ScansDeadLetterQueue") == 3)
    assert not item(parcels, "unknown")
