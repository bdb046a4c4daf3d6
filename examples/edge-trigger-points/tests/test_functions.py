"""Each function changes its part of the request or the response, whatever a visitor sends."""

import json
from pathlib import Path
from typing import Any

import pytest

import origin_request
import viewer_request
import viewer_response

EVENTS = Path(__file__).parents[1] / "events"


def event(name: str, **headers: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    for key, value in headers.items():
        name = key.replace("_", "-")
        read["Records"][0]["cf"]["request"]["headers"][name] = [{"key": name, "value": value}]
    return read


def group(**headers: str) -> str:
    answer = viewer_request.handler(event("viewer_request", **headers), None)
    [entry] = answer["headers"]["x-group"]
    return str(entry["value"])


def file(uri: str) -> str:
    given = event("origin_request")
    given["Records"][0]["cf"]["request"]["uri"] = uri
    return str(origin_request.handler(given, None)["uri"])


def cookies(**headers: str) -> list[str]:
    answer = viewer_response.handler(event("viewer_response", **headers), None)
    return [entry["value"] for entry in answer["headers"].get("set-cookie", [])]


@pytest.mark.parametrize("chosen", ["a", "b"])
def test_visitor_keeps_the_group_of_the_cookie(chosen: str) -> None:
    assert group(cookie=f"x=1; group={chosen}") == chosen
    assert cookies(cookie=f"x=1; group={chosen}") == []


def test_new_visitors_are_divided_by_address_and_browser() -> None:
    groups = [group(user_agent=f"browser {each}") for each in range(200)]
    assert groups == [group(user_agent=f"browser {each}") for each in range(200)]
    assert 40 < groups.count("b") < 80


@pytest.mark.parametrize("cookie", ["group=c", "group", ";;", "\x00=\x7f", "group=a b; é=1"])
def test_visitor_with_invalid_cookies_is_a_new_visitor(cookie: str) -> None:
    assert group(cookie=cookie) in ("a", "b")
    [kept] = cookies(cookie=cookie)
    assert kept.startswith("group=b; ")


def test_visitor_cannot_choose_the_group_by_the_header() -> None:
    assert group(x_group="c", cookie="group=a") == "a"


def test_moved_page_is_redirected() -> None:
    moved = event("viewer_request")
    moved["Records"][0]["cf"]["request"]["uri"] = "/bread"
    answer = viewer_request.handler(moved, None)
    assert answer["status"] == "301"
    assert answer["headers"]["location"][0]["value"] == "/breads/"


def test_page_has_a_file() -> None:
    assert file("/") == "/front/b/index.html"
    assert file("/breads/") == "/breads/index.html"
    assert file("/oven.jpg") == "/oven.jpg"


def test_cookie_is_set_for_a_visitor_without_one() -> None:
    [kept] = cookies()
    assert kept == "group=b; Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Lax"
