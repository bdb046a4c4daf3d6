"""The functions at viewer-request, origin-request and viewer-response."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from localcloud.cloudfront.behaviours import CachePolicy, RequestPolicy, Selection, Trigger
from localcloud.cloudfront.messages import Response
from localcloud.cloudfront.origins import OriginError
from tests.support.distributions import (
    BUCKET,
    PAGE,
    World,
    cf_headers,
    distribution,
    raising,
    result,
)

BY_LANGUAGE = CachePolicy(
    0, 60, 600, RequestPolicy(headers=Selection("whitelist", frozenset(["x-language"])))
)
MOVED = {"status": "301", "headers": cf_headers(location="/new")}


def world(*triggers: Trigger, cache: CachePolicy = BY_LANGUAGE, **given: Any) -> World:
    return World(settings=distribution(triggers=triggers, cache=cache), **given)


def seen(world: World) -> list[str]:
    return [each["Records"][0]["cf"]["config"]["eventType"] for each in world.events]


def unchanged(event: dict[str, Any]) -> object:
    return event.get("response", event["request"])


def request_with(**changes: Any) -> Callable[[dict[str, Any]], object]:
    def change(event: dict[str, Any]) -> object:
        headers = {**event["request"]["headers"], **changes.get("headers", {})}
        return {**event["request"], **changes, "headers": headers}

    return change


def test_all_functions_run_on_a_miss_and_the_viewers_on_a_hit():
    visited = world(*Trigger, function=unchanged)
    visited.get("/a")
    assert seen(visited) == [
        "viewer-request",
        "origin-request",
        "origin-response",
        "viewer-response",
    ]
    visited.get("/a")
    assert seen(visited)[4:] == ["viewer-request", "viewer-response"]


def test_event_of_viewer_request_has_what_the_viewer_sent():
    visited = world(Trigger.VIEWER_REQUEST, function=unchanged)
    visited.get("/a%20b?q=1", accept_language="de", host="d1.cloudfront.net", x_edge_a="1")
    assert visited.events[0]["Records"][0]["cf"]["request"] == {
        "clientIp": "127.0.0.1",
        "headers": cf_headers(accept_language="de", host="d1.cloudfront.net"),
        "method": "GET",
        "querystring": "q=1",
        "uri": "/a%20b",
    }


def test_viewer_request_gets_the_default_root_object():
    visited = world(Trigger.VIEWER_REQUEST, function=unchanged)
    visited.get("/")
    assert visited.events[0]["Records"][0]["cf"]["request"]["uri"] == "/index.html"


def test_event_of_origin_request_has_what_the_origin_gets():
    visited = world(Trigger.ORIGIN_REQUEST, function=unchanged)
    visited.get("/a?q=1", x_language="de", accept_language="de")
    request = visited.events[0]["Records"][0]["cf"]["request"]
    assert request["headers"]["x-language"] == [{"key": "X-Language", "value": "de"}]
    assert "accept-language" not in request["headers"]
    assert (request["uri"], request["querystring"]) == ("/a", "")
    assert request["origin"]["s3"]["domainName"] == BUCKET.domain
    [sent] = visited.sent
    assert sent.path == "/a"
    assert ("x-gallery-catalog-table", "catalog") in sent.headers


def test_event_of_viewer_response_has_the_age_of_a_hit():
    visited = world(Trigger.VIEWER_RESPONSE, function=unchanged)
    visited.get("/a")
    visited.now += 5
    visited.get("/a?q=1")
    cf = visited.events[1]["Records"][0]["cf"]
    assert cf["request"]["querystring"] == "q=1"
    assert cf["response"]["headers"]["age"] == [{"key": "Age", "value": "5"}]
    assert "x-cache" not in cf["response"]["headers"]


def test_header_that_viewer_request_adds_is_in_the_cache_key():
    def language(event: dict[str, Any]) -> object:
        chosen = event["request"]["headers"]["accept-language"][0]["value"][:2]
        return request_with(headers=cf_headers(x_language=chosen))(event)

    visited = world(Trigger.VIEWER_REQUEST, function=language)
    accepted = ("de-DE", "de-AT", "en", "en-GB")
    assert [result(visited.get("/a", accept_language=each)) for each in accepted] == [
        "Miss",
        "Hit",
        "Miss",
        "Hit",
    ]


def test_path_that_viewer_request_changes_is_cached_in_the_same_behaviour():
    visited = world(Trigger.VIEWER_REQUEST, function=request_with(uri="/api/x"))
    assert [result(visited.get(each)) for each in ("/a", "/b")] == ["Miss", "Hit"]
    assert [each.path for each in visited.sent] == ["/api/x"]


def test_path_that_origin_request_changes_leaves_the_cache_key():
    settings = distribution(triggers=[Trigger.ORIGIN_REQUEST], cache=BY_LANGUAGE)
    deep = replace(
        settings.behaviours[2], origin=replace(settings.behaviours[2].origin, path="/site")
    )
    visited = World(
        settings=replace(settings, behaviours=(*settings.behaviours[:2], deep)),
        function=request_with(uri="/en/index.html"),
    )
    assert [result(visited.get(each)) for each in ("/a", "/a", "/b")] == ["Miss", "Hit", "Miss"]
    assert [each.path for each in visited.sent] == ["/site/en/index.html"] * 2


def test_response_of_viewer_request_goes_to_the_viewer_and_is_not_cached():
    visited = world(*Trigger, function=lambda _: MOVED)
    for _ in range(2):
        response = visited.get("/a")
        assert (response.status, response.header("location")) == (301, "/new")
        assert result(response) == "LambdaGeneratedResponse"
    assert seen(visited) == ["viewer-request"] * 2
    assert visited.sent == []


def test_response_of_origin_request_is_cached_without_the_origin():
    visited = world(
        Trigger.ORIGIN_REQUEST,
        Trigger.ORIGIN_RESPONSE,
        function=lambda _: {"status": "200", "body": "made", "headers": {}},
    )
    first, second = (visited.get("/a") for _ in range(2))
    assert (first.body, second.body, result(second)) == (b"made", b"made", "Hit")
    assert first.header("content-length") == "4"
    assert seen(visited) == ["origin-request"]
    assert visited.sent == []


@pytest.mark.parametrize("status", [400, 404, 503])
def test_viewer_response_does_not_run_on_errors(status: int):
    visited = world(Trigger.VIEWER_RESPONSE, origin=Response(status), function=unchanged)
    for _ in range(2):
        assert visited.get("/a").status == status
    assert visited.events == []


def test_viewer_response_does_not_run_where_the_origin_has_no_answer():
    refused = raising(OriginError(502, "refused"))
    visited = world(Trigger.VIEWER_RESPONSE, origin=refused, function=unchanged)
    assert visited.get("/a").status == 502
    assert visited.events == []


def test_viewer_response_changes_what_one_viewer_gets():
    visited = world(
        Trigger.VIEWER_RESPONSE,
        function=lambda event: {
            **event["response"],
            "headers": {
                **event["response"]["headers"],
                **cf_headers(set_cookie=f"group={len(visited.events)}"),
            },
        },
    )
    assert [visited.get("/a").header("set-cookie") for _ in range(2)] == ["group=1", "group=2"]
    assert visited.get("/a").body == PAGE.body


def test_viewer_response_sees_304_for_a_viewer_with_the_current_object():
    visited = world(Trigger.VIEWER_RESPONSE, function=unchanged)
    assert visited.get("/a", if_none_match='"a"').status == 304
    assert visited.events[0]["Records"][0]["cf"]["response"]["status"] == "304"


@pytest.mark.parametrize(
    ("trigger", "answer", "reason"),
    [
        (Trigger.VIEWER_REQUEST, {"headers": cf_headers(host="other")}, "read-only header: host"),
        (Trigger.VIEWER_REQUEST, {"headers": cf_headers(via="1")}, "read-only header: via"),
        (Trigger.VIEWER_REQUEST, {"headers": cf_headers(x_cache="1")}, "disallowed header"),
        (Trigger.VIEWER_REQUEST, {"method": "POST"}, "changed method"),
        (Trigger.VIEWER_REQUEST, {"uri": "a"}, "uri is 'a'"),
        (Trigger.VIEWER_REQUEST, {"uri": "/a?b=1"}, "uri is '/a?b=1'"),
        (Trigger.VIEWER_REQUEST, {"uri": None}, "uri is None"),
        (Trigger.VIEWER_REQUEST, {"querystring": "a b"}, "querystring is 'a b'"),
        (Trigger.VIEWER_REQUEST, {"uri": "/" + "a" * 8_191}, "8,191 characters"),
        (Trigger.ORIGIN_REQUEST, {"headers": cf_headers(accept_encoding="x")}, "accept-encoding"),
        (Trigger.ORIGIN_REQUEST, {"origin": {"custom": {}}}, "another origin"),
    ],
)
def test_request_that_a_function_may_not_make(
    trigger: Trigger, answer: dict[str, Any], reason: str
):
    visited = world(trigger, function=request_with(**answer))
    response = visited.get("/a")
    assert (response.status, result(response)) == (502, "LambdaValidationError")
    assert reason in visited.reported[0]
    assert visited.sent == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("no object", "not an object"),
        ({"status": "204", "body": "x"}, "status 204 has a body"),
        ({"status": "99"}, "status is '99'"),
        ({"status": "200", "headers": cf_headers(via="1")}, "read-only header: via"),
        ({"status": "200", "body": "x" * 41_000}, "larger than 40,960 bytes"),
    ],
)
def test_response_that_viewer_request_may_not_generate(answer: object, reason: str):
    visited = world(Trigger.VIEWER_REQUEST, function=lambda _: answer)
    assert visited.get("/a").status == 502
    assert reason in visited.reported[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "201"}, "status or the body"),
        ({"body": "x"}, "status or the body"),
        ({"headers": cf_headers(content_length="1")}, "read-only header: content-length"),
    ],
)
def test_response_that_viewer_response_may_not_make(change: dict[str, Any], reason: str):
    visited = world(Trigger.VIEWER_RESPONSE, function=lambda event: {**event["response"], **change})
    response = visited.get("/a")
    assert (response.status, result(response)) == (502, "LambdaValidationError")
    assert reason in visited.reported[0]
