"""An outbox fills a bus; consumers process each event once, and their dead letters are redriven."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.running_application import RunningApplication
from tests.examples.conftest import running
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rentals() -> Iterator[RunningApplication]:
    with running("eventbridge-bus") as application:
        yield application


def item(rentals: RunningApplication, table: str, key: str) -> dict[str, Any]:
    return (
        rentals.cloud.client("dynamodb")
        .get_item(TableName=rentals.outputs[table], Key={"id": {"S": key}})
        .get("Item", {})
    )


def bring_back(rentals: RunningApplication, rental: str, station: str, event_id: str) -> None:
    """Update a rental, and write the event about it into the outbox, in one transaction."""
    table = rentals.outputs["Rentals"]
    detail = {"event_id": event_id, "rental": rental, "station": station, "minutes": 25}
    update = {
        "TableName": table,
        "Key": {"id": {"S": f"rental#{rental}"}},
        "UpdateExpression": "SET returned_at = :station",
        "ExpressionAttributeValues": {":station": {"S": station}},
    }
    event = {
        "id": {"S": f"event#{event_id}"},
        "detail_type": {"S": "BikeReturned"},
        "detail": {"S": json.dumps(detail)},
        "expires_at": {"N": "9999999999"},
    }
    rentals.cloud.client("dynamodb").transact_write_items(
        TransactItems=[{"Update": update}, {"Put": {"TableName": table, "Item": event}}]
    )


def bikes_returned(rentals: RunningApplication, station: str) -> int:
    found = item(rentals, "Stations", f"station#{station}")
    return int(found["bikes_returned"]["N"]) if found else 0


def redrive(rentals: RunningApplication, queue: str, function: str) -> None:
    """Invoke a function with the next event of its dead-letter queue, and delete it there."""
    sqs = rentals.cloud.client("sqs")
    url = rentals.stack.of_type("AWS::SQS::Queue")[queue]
    [message] = awaited(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    rentals.cloud.client("lambda").invoke(
        FunctionName=rentals.stack.of_type("AWS::Lambda::Function")[function],
        InvocationType="Event",
        Payload=message["Body"].encode(),
    )
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_event_in_the_outbox_reaches_both_consumers(rentals: RunningApplication):
    bring_back(rentals, "R1", "harbor", "e1")
    awaited(lambda: item(rentals, "Bills", "R1"))
    awaited(lambda: bikes_returned(rentals, "harbor") == 1)
    assert item(rentals, "Bills", "R1")["cents"] == {"N": "500"}


def test_event_that_is_on_the_bus_twice_has_the_effect_of_one(rentals: RunningApplication):
    detail = {"event_id": "e2", "rental": "R2", "station": "park", "minutes": 25}
    events, bus = rentals.cloud.client("events"), rentals.stack.of_type("AWS::Events::EventBus")
    entry = {
        "EventBusName": bus["RentalsBus"],
        "Source": "rentals",
        "DetailType": "BikeReturned",
        "Detail": json.dumps(detail),
    }
    events.put_events(Entries=[entry, entry])
    functions = rentals.stack.of_type("AWS::Lambda::Function")
    awaited(lambda: bikes_returned(rentals, "park"))
    rentals.cloud.client("lambda").invoke(  # waits for the answer, so that this delivery has ended
        FunctionName=functions["CountFunction"], Payload=json.dumps({"detail": detail}).encode()
    )
    awaited(lambda: item(rentals, "Bills", "R2"))
    assert bikes_returned(rentals, "park") == 1


def test_event_that_a_consumer_cannot_process_is_redriven(rentals: RunningApplication):
    iam = rentals.cloud.client("iam")
    role = rentals.stack.of_type("AWS::IAM::Role")["BillRole"]
    outage = {"Effect": "Deny", "Action": "dynamodb:PutItem", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [outage]})
    iam.put_role_policy(RoleName=role, PolicyName="Outage", PolicyDocument=document)
    bring_back(rentals, "R3", "tower", "e3")
    awaited(lambda: bikes_returned(rentals, "tower") == 1)  # the other consumer goes on
    url = rentals.stack.of_type("AWS::SQS::Queue")["BillDeadLetterQueue"]
    sqs = rentals.cloud.client("sqs")
    awaited(lambda: sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages"))
    assert not item(rentals, "Bills", "R3")
    iam.delete_role_policy(RoleName=role, PolicyName="Outage")
    redrive(rentals, "BillDeadLetterQueue", "BillFunction")
    awaited(lambda: item(rentals, "Bills", "R3"))


def test_event_that_the_rule_cannot_deliver_waits_in_the_dead_letter_queue(
    rentals: RunningApplication,
):
    function = rentals.stack.of_type("AWS::Lambda::Function")["CountFunction"]
    rentals.cloud.client("lambda").delete_function(FunctionName=function)
    bring_back(rentals, "R4", "mill", "e4")
    awaited(lambda: item(rentals, "Bills", "R4"))
    sqs, url = rentals.cloud.client("sqs"), rentals.stack.of_type("AWS::SQS::Queue")
    [message] = awaited(
        lambda: sqs.receive_message(
            QueueUrl=url["CountDeadLetterQueue"], MessageAttributeNames=["All"]
        ).get("Messages")
    )
    assert json.loads(message["Body"])["detail"]["event_id"] == "e4"
    assert message["MessageAttributes"]["TARGET_ARN"]["StringValue"].endswith(function)
