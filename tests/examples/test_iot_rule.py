"""A topic rule: what its SQL selects, and what fails."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.running_application import RunningApplication
from tests.examples.conftest import documented_answers, running
from tests.support.permissions import denied
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def freezers() -> Iterator[RunningApplication]:
    with running("iot-rule") as application:
        yield application


def publish(freezers: RunningApplication, topic: str, message: object) -> None:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    freezers.cloud.client("iot-data").publish(topic=topic, qos=1, payload=payload)


def row(freezers: RunningApplication, freezer: str, measured_at: int) -> Any:
    key = {"freezer": {"S": freezer}, "measured_at": {"N": str(measured_at)}}
    table = freezers.outputs["Thaws"]
    return freezers.cloud.client("dynamodb").get_item(TableName=table, Key=key).get("Item")


def failed(freezers: RunningApplication) -> Any:
    """The next message of the queue, awaited and deleted."""
    sqs, url = freezers.cloud.client("sqs"), freezers.outputs["FailedThaws"]

    def received() -> list[Any]:
        return sqs.receive_message(QueueUrl=url).get("Messages", [])

    [message] = awaited(received)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return json.loads(message["Body"])


def test_only_what_the_sql_selects_is_stored(freezers: RunningApplication):
    publish(freezers, "freezers/a/measured", {"celsius": -20, "measured_at": 1})
    publish(freezers, "freezers/a/measured", b"not JSON")
    publish(freezers, "freezers/a/measured", {"celsius": "warm", "measured_at": 2})
    publish(freezers, "freezers/a/measured", {"celsius": -10})
    publish(freezers, "freezers/a/door/measured", {"celsius": -10, "measured_at": 3})
    publish(freezers, "freezers/a/measured", {"celsius": -10.5, "measured_at": 4, "battery": 9})
    item = awaited(lambda: row(freezers, "a", 4))
    assert item.keys() == {"freezer", "measured_at", "celsius"}
    assert item["celsius"] == {"N": "-10.5"}
    rows = freezers.cloud.client("dynamodb").scan(TableName=freezers.outputs["Thaws"])["Items"]
    assert rows == [item]


def test_measurement_that_fails_three_times_waits_in_the_queue_and_is_sent_again(
    freezers: RunningApplication,
):
    with denied(freezers, "StoreThawRole", "dynamodb:PutItem"):
        publish(freezers, "freezers/b/measured", {"celsius": -9, "measured_at": 5})
        record = failed(freezers)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert not row(freezers, "b", 5)
    freezers.cloud.client("lambda").invoke(
        FunctionName=freezers.stack.function_name("StoreThawFunction"),
        InvocationType="Event",
        Payload=json.dumps(record["requestPayload"]),
    )
    assert awaited(lambda: row(freezers, "b", 5))["celsius"] == {"N": "-9"}


def test_message_waits_in_the_queue_while_the_rule_may_not_invoke(freezers: RunningApplication):
    client = freezers.cloud.client("lambda")
    name = freezers.stack.function_name("StoreThawFunction")
    [statement] = json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"]
    client.remove_permission(FunctionName=name, StatementId=statement["Sid"])
    try:
        publish(freezers, "freezers/c/measured", {"celsius": -8, "measured_at": 6})
        record = failed(freezers)
    finally:
        client.add_permission(
            FunctionName=name,
            StatementId=statement["Sid"],
            Action="lambda:InvokeFunction",
            Principal="iot.amazonaws.com",
        )
    assert record["topic"] == "freezers/c/measured"
    assert record["failures"][0]["failedAction"] == "LambdaAction"
    assert not row(freezers, "c", 6)
    publish(
        freezers, record["topic"], json.loads(base64.b64decode(record["base64OriginalPayload"]))
    )
    assert awaited(lambda: row(freezers, "c", 6))["celsius"] == {"N": "-8"}


def test_measurement_of_the_readmes_sample_event_is_stored(freezers: RunningApplication):
    [answer] = documented_answers(freezers, "iot-rule")
    assert not answer.function_error
    assert row(freezers, "hall-3", 1795946400)
