"""One message per batch to every page; pages that are gone are removed, others are repeated."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.stub import Stubber

import push

EVENT = json.loads((Path(__file__).parents[1] / "events" / "voted.json").read_text())


@pytest.fixture
def dynamodb() -> Iterator[Stubber]:
    items = [{"connection": {"S": each}} for each in ("A=", "B=")]
    with Stubber(push.dynamodb) as stubber:
        stubber.add_response("scan", {"Items": items})
        yield stubber


@pytest.fixture
def pages() -> Iterator[Stubber]:
    with Stubber(push.pages) as stubber:
        yield stubber


def message_to(connection: str) -> dict[str, Any]:
    counts = json.dumps({"counts": {"soup": 2, "salad": 1}}).encode()
    return {"ConnectionId": connection, "Data": counts}


def test_every_page_gets_the_newest_count_of_each_dish(
    dynamodb: Stubber, pages: Stubber, context: LambdaContext
) -> None:
    pages.add_response("post_to_connection", {}, message_to("A="))
    pages.add_response("post_to_connection", {}, message_to("B="))
    push.handler(EVENT, context)
    pages.assert_no_pending_responses()


def test_page_that_is_gone_is_removed_and_the_next_one_is_reached(
    dynamodb: Stubber, pages: Stubber, context: LambdaContext
) -> None:
    pages.add_client_error("post_to_connection", "GoneException", http_status_code=410)
    pages.add_response("post_to_connection", {}, message_to("B="))
    dynamodb.add_response(
        "delete_item", {}, {"TableName": "connections", "Key": {"connection": {"S": "A="}}}
    )
    push.handler(EVENT, context)
    dynamodb.assert_no_pending_responses()


def test_batch_is_repeated_if_a_page_cannot_be_reached_and_the_others_get_it(
    dynamodb: Stubber, pages: Stubber, context: LambdaContext
) -> None:
    pages.add_client_error("post_to_connection", "LimitExceededException", http_status_code=429)
    pages.add_response("post_to_connection", {}, message_to("B="))
    with pytest.raises(push.NotReachedError, match="1 of 2"):
        push.handler(EVENT, context)
    pages.assert_no_pending_responses()
