"""An outbox fills a bus; consumers process each event once, and their dead letters are redriven."""

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
    text = (ROOT / "examples" / "eventbridge-bus" / "events" / "return_bike.json").read_text()
    values = {
        "<Rentals>": rentals.outputs["Rentals"],
        "R1": rental,
        "harbor": station,
        "6f11": event_id,
    }
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    rentals.cloud.client("dynamodb").transact_write_items(TransactItems=json.loads(text))


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
    with denied(rentals, "BillRole", "dynamodb:PutItem"):
        bring_back(rentals, "R3", "tower", "e3")
        awaited(lambda: bikes_returned(rentals, "tower") == 1)  # the other consumer continues
        url = rentals.stack.of_type("AWS::SQS::Queue")["BillDeadLetterQueue"]
        sqs = rentals.cloud.client("sqs")
        awaited(lambda: sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages"))
        assert not item(rentals, "Bills", "R3")
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


def test_rental_of_the_readmes_sample_event_is_billed(rentals: RunningApplication):
    [answer] = documented_answers(rentals, "eventbridge-bus")
    assert not answer.function_error
    assert item(rentals, "Bills", "R1")["cents"] == {"N": "500"}
