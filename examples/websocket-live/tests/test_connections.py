"""A connection is a row while it lasts; pages of other origins get none."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.stub import Stubber

import connections

EVENTS = Path(__file__).parents[1] / "events"
KEY = {"connection": {"S": "JKJaXcJLIAMCJmA="}}


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def test_connected_page_is_a_row_that_expires(
    context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connections.time.time", lambda: 1795946400.5)
    row = {"TableName": "connections", "Item": KEY | {"expires": {"N": "1795953600"}}}
    with Stubber(connections.dynamodb) as dynamodb:
        dynamodb.add_response("put_item", {}, row)
        assert connections.handler(event("connect"), context) == {"statusCode": 200}


def test_row_of_a_page_that_disconnects_is_deleted(context: LambdaContext) -> None:
    with Stubber(connections.dynamodb) as dynamodb:
        dynamodb.add_response("delete_item", {}, {"TableName": "connections", "Key": KEY})
        assert connections.handler(event("disconnect"), context) == {"statusCode": 200}
        dynamodb.assert_no_pending_responses()


@pytest.mark.parametrize("headers", [{}, {"origin": "https://example.org"}])
def test_other_origins_are_refused(context: LambdaContext, headers: dict[str, str]) -> None:
    request = event("connect") | {"headers": headers}
    with Stubber(connections.dynamodb):
        assert connections.handler(request, context) == {"statusCode": 403}
