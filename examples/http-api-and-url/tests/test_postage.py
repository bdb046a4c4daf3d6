"""Both addresses get the same answer; the function refuses wrong requests."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

import postage

EVENTS = Path(__file__).parents[1] / "events"
FILES = ["http_api.json", "function_url.json"]


def asked(
    context: LambdaContext, file: str, path: str = "/postage/FR", grams: str = "120", **http: str
) -> tuple[int, Any]:
    """Status and body of the answer to the event of a file, with this path and query."""
    event = json.loads((EVENTS / file).read_text())
    event |= {"rawPath": path, "queryStringParameters": {"grams": grams}}
    event["requestContext"]["http"] |= {"path": path, **http}
    answer: Any = postage.handler(event, context)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize("file", FILES)
def test_each_fifty_grams_or_part_of_them_cost_the_same(context: LambdaContext, file: str) -> None:
    assert asked(context, file) == (200, {"euros": "4.20"})
    assert asked(context, file, grams="50") == (200, {"euros": "1.40"})
    assert asked(context, file, grams="51") == (200, {"euros": "2.80"})


@pytest.mark.parametrize("grams", ["", "0", "-1", "1.5", "2001", "²", "heavy"])
def test_other_weights_are_refused(context: LambdaContext, grams: str) -> None:
    status, body = asked(context, "http_api.json", grams=grams)
    assert status == 400
    assert body["message"] == f"grams: expected 1 to 2000, got {grams!r}"


def test_unknown_country_is_refused(context: LambdaContext) -> None:
    status, body = asked(context, "http_api.json", path="/postage/XX")
    assert (status, body["message"]) == (404, "no letters to 'XX': AT, FR, JP")


def test_function_url_passes_every_path_and_method_so_the_function_refuses(
    context: LambdaContext,
) -> None:
    assert asked(context, "function_url.json", path="/admin")[0] == 404
    assert asked(context, "function_url.json", method="DELETE")[0] == 404
