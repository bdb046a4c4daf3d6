"""A voter counts once per dish; an invalid vote is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.stub import Stubber

import poll

FILE = Path(__file__).parents[1] / "events" / "vote.json"
VOTER = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"


def answered(context: LambdaContext, **message: object) -> tuple[object, Any]:
    """Status and body of the answer to a message."""
    event = json.loads(FILE.read_text())
    event["body"] = json.dumps(json.loads(event["body"]) | message)
    event["requestContext"]["routeKey"] = message.get("action", "vote")
    answer = poll.handler(event, context)
    return answer["statusCode"], json.loads(str(answer["body"]))


def test_vote_adds_the_voter_to_a_set(context: LambdaContext) -> None:
    expected = {
        "TableName": "votes",
        "Key": {"dish": {"S": "soup"}},
        "UpdateExpression": "ADD voters :voter",
        "ExpressionAttributeValues": {":voter": {"SS": [VOTER]}},
    }
    with Stubber(poll.dynamodb) as dynamodb:
        dynamodb.add_response("update_item", {}, expected)
        assert answered(context) == (200, {"voted": "soup"})


@pytest.mark.parametrize(
    "message", [{"dish": "cake"}, {"dish": None}, {"voter": ""}, {"voter": 7}, {"voter": "x" * 37}]
)
def test_invalid_vote_is_refused(context: LambdaContext, message: dict[str, object]) -> None:
    with Stubber(poll.dynamodb):
        status, body = answered(context, **message)
    assert (status, body.keys()) == (400, {"error"})


def test_counts_are_the_numbers_of_voters(context: LambdaContext) -> None:
    items = [{"dish": {"S": "soup"}, "voters": {"SS": ["ada", "bob"]}}]
    with Stubber(poll.dynamodb) as dynamodb:
        dynamodb.add_response("scan", {"Items": items})
        assert answered(context, action="counts") == (200, {"counts": {"soup": 2}})
