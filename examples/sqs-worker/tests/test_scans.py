"""A failed scan holds up the later scans of its parcel, and no other parcel."""

import json
from pathlib import Path

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.stub import Stubber

import scans

EVENT = json.loads((Path(__file__).parents[1] / "events" / "scans.json").read_text())
P1_DEPOT, P2_DEPOT, P1_VAN, P2_VAN = (record["messageId"] for record in EVENT["Records"])
REFUSED = "ConditionalCheckFailedException"


def failed(context: LambdaContext) -> list[object]:
    """The messages of the event that the worker reports."""
    answer = scans.handler(EVENT, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_all_scans_are_applied(context: LambdaContext) -> None:
    with Stubber(scans.dynamodb) as dynamodb:
        for _ in EVENT["Records"]:
            dynamodb.add_response("update_item", {})
        assert failed(context) == []


def test_scan_of_an_unknown_parcel_holds_up_its_later_scans_only(context: LambdaContext) -> None:
    with Stubber(scans.dynamodb) as dynamodb:
        dynamodb.add_client_error("update_item", REFUSED)
        dynamodb.add_response("update_item", {})
        dynamodb.add_response("update_item", {})
        assert failed(context) == [P1_DEPOT, P1_VAN]
        dynamodb.assert_no_pending_responses()


def test_scan_that_is_not_newer_changes_nothing_and_succeeds(context: LambdaContext) -> None:
    newer = {"Item": {"parcel": {"S": "P1"}, "last_scan": {"N": "2"}}}
    with Stubber(scans.dynamodb) as dynamodb:
        dynamodb.add_client_error("update_item", REFUSED, modeled_fields=newer)
        for _ in EVENT["Records"][1:]:
            dynamodb.add_response("update_item", {})
        assert failed(context) == []


def test_scan_fails_if_the_table_cannot_be_written(context: LambdaContext) -> None:
    with Stubber(scans.dynamodb) as dynamodb:
        dynamodb.add_response("update_item", {})
        dynamodb.add_client_error("update_item", "InternalServerError")
        dynamodb.add_response("update_item", {})
        assert failed(context) == [P2_DEPOT, P2_VAN]
