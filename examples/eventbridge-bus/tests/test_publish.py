"""The events of the outbox are put on the bus; the first that is refused is delivered again."""

import json
from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.stub import Stubber

import publish

EVENT = json.loads((Path(__file__).parents[1] / "events" / "outbox.json").read_text())
ENTRIES = [
    {
        "EventBusName": "rentals",
        "Source": "rentals",
        "DetailType": "BikeReturned",
        "Detail": record["dynamodb"]["NewImage"]["detail"]["S"],
    }
    for record in EVENT["Records"]
]


def published(results: list[dict[str, str]], context: LambdaContext) -> dict[str, Any]:
    with Stubber(publish.events) as events:
        events.add_response("put_events", {"Entries": results}, {"Entries": ENTRIES})
        return publish.handler(EVENT, context)


def test_events_of_a_batch_are_put_in_their_order(context: LambdaContext) -> None:
    accepted = [{"EventId": "1"}, {"EventId": "2"}, {"EventId": "3"}]
    assert published(accepted, context) == {"batchItemFailures": []}


def test_first_event_that_is_refused_is_reported(context: LambdaContext) -> None:
    refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
    answer = published([{"EventId": "1"}, refused, refused], context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "102"}]}
