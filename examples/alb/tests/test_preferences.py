"""Repeated parameters, several cookies in one answer, and refused values."""

import json
from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

import preferences

FILE = Path(__file__).parents[1] / "events" / "set.json"


def answered(
    context: LambdaContext, query: dict[str, list[str]], cookies: list[str] | None = None
) -> tuple[int, Any, list[str]]:
    """Status, body and cookies of the answer to a query."""
    event = json.loads(FILE.read_text()) | {"multiValueQueryStringParameters": query}
    event["multiValueHeaders"]["cookie"] = cookies or []
    answer = preferences.handler(event, context)
    headers = answer["multiValueHeaders"]
    assert headers["content-type"] == ["application/json"]
    assert "headers" not in answer  # a load balancer drops them from such a target group
    return answer["statusCode"], json.loads(answer["body"]), headers.get("set-cookie", [])


def test_each_chosen_preference_is_a_cookie_of_its_own(context: LambdaContext) -> None:
    answer = preferences.handler(json.loads(FILE.read_text()), context)
    assert answer["multiValueHeaders"]["set-cookie"] == [
        f"language=de.fr; {preferences.ATTRIBUTES}",
        f"theme=dark; {preferences.ATTRIBUTES}",
    ]


def test_cookies_are_read_from_all_headers(context: LambdaContext) -> None:
    cookies = ["language=de.fr; other=1", "theme=dark"]
    kept = {"language": ["de", "fr"], "theme": ["dark"]}
    assert answered(context, {}, cookies) == (200, kept, [])


def test_choice_replaces_what_was_kept(context: LambdaContext) -> None:
    status, body, cookies = answered(context, {"theme": ["light"]}, ["theme=dark", "language=de"])
    assert (status, body) == (200, {"language": ["de"], "theme": ["light"]})
    assert cookies == [f"theme=light; {preferences.ATTRIBUTES}"]


def test_unknown_value_is_refused_and_sets_nothing(context: LambdaContext) -> None:
    status, body, cookies = answered(context, {"language": ["de", "x%0d%0ay"]})
    assert (status, cookies) == (400, [])
    assert body["message"] == r"language: expected de or en or fr, got 'x\r\ny'"


def test_request_without_cookies_has_no_preferences(context: LambdaContext) -> None:
    assert answered(context, {}) == (200, {}, [])
