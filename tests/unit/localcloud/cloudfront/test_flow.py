"""A request through localcloud's CloudFront: cache, origin, and the viewer's response."""

from dataclasses import replace

import pytest

from localcloud.cloudfront.behaviours import RequestPolicy, Selection, Trigger
from localcloud.cloudfront.messages import Response
from localcloud.cloudfront.origins import OriginError
from tests.support.distributions import (
    ALL_BUT_HOST,
    MISSING,
    OPTIMIZED,
    PAGE,
    World,
    distribution,
    raising,
    result,
)


def test_second_request_is_a_hit_with_its_age():
    world = World()
    first = world.get("/a")
    world.now += 7.9
    second = world.get("/a")
    assert (result(first), first.header("age")) == ("Miss", None)
    assert (result(second), second.header("age")) == ("Hit", "7")
    assert first.body == second.body == b"page"
    assert len(world.sent) == 1


def test_object_that_was_cached_before_the_clock_was_set_back_is_fetched_again():
    """Otherwise it would be fresh for as long as the clock was set back, with a negative age."""
    world = World()
    world.get("/a")
    world.now -= 3_600
    again = world.get("/a")
    assert (result(again), again.header("age"), len(world.sent)) == ("Miss", None, 2)
    world.now += 1
    assert world.get("/a").header("age") == "1"


def test_via_and_an_id_of_its_own_are_in_every_response():
    world = World(origin=replace(PAGE, headers=(*PAGE.headers, ("Via", "gateway"), ("Age", "9"))))
    first, second = world.get("/a"), world.get("/a")
    for response in (first, second):
        assert response.header("via") == "1.1 d1.cloudfront.net (CloudFront)"
        assert response.header("date")
    assert first.header("x-amz-cf-id") != second.header("x-amz-cf-id")
    assert first.header("age") is None


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 403), ("OPTIONS", 403), ("TRACE", 405), ("get", 405)]
)
def test_method_that_is_not_allowed_never_reaches_the_origin(method: str, status: int):
    world = World()
    response = world.get("/a", method)
    assert (response.status, result(response)) == (status, "Error")
    assert world.sent == []


def test_request_to_read_must_not_have_a_body():
    world = World()
    assert world.get("/a", body=b"x").status == 403
    assert world.get("/api/a", body=b"x").status == 403
    assert world.sent == []


def test_every_write_is_sent_to_the_origin_with_its_body():
    world = World(origin=Response(201, (("Content-Length", "0"),)))
    for _ in range(2):
        assert world.get("/api/photos", "POST", b"{}", authorization="token").status == 201
    assert [(each.method, each.body) for each in world.sent] == [("POST", b"{}")] * 2
    assert world.sent[0].header("authorization") == "token"


def test_nothing_is_cached_with_caching_disabled():
    world = World()
    assert [result(world.get("/api/photos")) for _ in range(2)] == ["Miss", "Miss"]


def test_error_is_cached_with_caching_disabled_too():
    world = World(origin=MISSING)
    assert world.get("/api/photos/1").header("age") is None
    assert world.get("/api/photos/1").header("age") == "0"
    world = World(settings=distribution(error_ttls={404: 0}), origin=MISSING)
    world.get("/api/photos/1")
    assert world.get("/api/photos/1").header("age") is None


def test_cached_error_of_the_origin_is_reported_as_an_error():
    world = World(origin=MISSING)
    first, second = world.get("/a"), world.get("/a")
    assert (first.status, first.body, result(first)) == (404, b"<Error/>", "Error")
    assert (second.status, second.body, result(second)) == (404, b"<Error/>", "Error")
    assert len(world.sent) == 1


@pytest.mark.parametrize("status", [502, 504])
def test_origin_without_an_answer_is_an_error_that_is_cached_like_others(status: int):
    world = World(
        settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]),
        origin=raising(OriginError(status, "refused by 127")),
    )
    response = world.get("/a")
    assert (response.status, result(response)) == (status, "Error")
    assert world.get("/a").header("age") == "0"
    assert world.events == [], "there is no response that the function could see"
    assert world.reported == ["GET /a: refused by 127"]
    assert b"refused by 127" not in response.body


@pytest.mark.parametrize("condition", ['"a"', 'W/"a"', '"b", "a"', "*"])
def test_viewer_with_the_current_object_gets_304(condition: str):
    world = World()
    for expected in ("Miss", "Hit"):
        response = world.get("/a", if_none_match=condition)
        assert (response.status, response.body, result(response)) == (304, b"", expected)
        assert response.header("content-length") is None
        assert response.header("etag") == '"a"'
    assert world.sent[0].header("if-none-match") is None


def test_conditions_of_viewers_are_not_sent_to_the_origin_of_a_cached_path():
    settings = distribution()
    forwarding = replace(settings.behaviours[-1], forward=ALL_BUT_HOST)
    world = World(settings=replace(settings, behaviours=(forwarding,)))
    world.get("/a", if_none_match='"a"', if_modified_since="Mon", range="bytes=0-0", accept="*/*")
    for name in ("if-none-match", "if-modified-since", "range"):
        assert world.sent[0].header(name) is None
    assert world.sent[0].header("accept") == "*/*"


def test_viewer_who_has_another_object_gets_it():
    assert World().get("/a", if_none_match='"b"').status == 200


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", 304),
        ("Thu, 01 Jan 2026 00:00:01 GMT", 304),
        ("Wed, 31 Dec 2025 23:59:59 GMT", 200),
        ("yesterday", 200),
    ],
)
def test_viewer_sends_a_condition_by_date(since: str, status: int):
    dated = replace(PAGE, headers=(("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"),))
    assert World(origin=dated).get("/a", if_modified_since=since).status == status
    assert World(origin=dated).get("/a", if_modified_since=since, if_none_match='"x"').status == 200


def test_conditions_go_to_the_origin_where_caching_is_disabled():
    world = World(origin=Response(304, (("ETag", '"a"'),)))
    assert world.get("/api/a", if_none_match='"a"').status == 304
    assert world.sent[0].header("if-none-match") == '"a"'


def test_head_is_answered_from_the_cached_object_of_a_get():
    world = World()
    world.get("/a")
    response = world.get("/a", "HEAD")
    assert (result(response), response.body, response.header("content-length")) == ("Hit", b"", "4")


def test_head_that_misses_goes_to_the_origin_and_is_not_cached():
    world = World(origin=replace(PAGE, body=b""))
    assert world.get("/a", "HEAD").header("content-length") == "4"
    world.origin = PAGE
    assert world.get("/a").body == b"page"
    assert [each.method for each in world.sent] == ["HEAD", "GET"]


def test_cookies_are_set_only_where_they_are_forwarded():
    setting = replace(PAGE, headers=(*PAGE.headers, ("Set-Cookie", "a=1")))
    world = World(origin=setting)
    assert world.get("/a").header("set-cookie") is None
    assert world.get("/api/a").header("set-cookie") == "a=1"


def test_query_string_counts_only_where_the_policy_names_it():
    world = World()
    assert [result(world.get(f"/a?id={id_}")) for id_ in "12"] == ["Miss", "Hit"]
    assert [result(world.get(f"/photo.html?id={id_}")) for id_ in "121"] == ["Miss", "Miss", "Hit"]


def test_viewers_cannot_bypass_the_cache():
    world = World()
    world.get("/a")
    response = world.get("/a", cache_control="no-cache", pragma="no-cache")
    assert result(response) == "Hit"


def test_range_request_gets_the_complete_object():
    world = World()
    assert (world.get("/a", range="bytes=0-0").status, world.sent[0].header("range")) == (200, None)


def test_changed_distribution_is_followed_by_the_next_request():
    world = World()
    world.get("/api/a")
    [_, _, default] = world.settings.behaviours
    world.edge.distribution = replace(world.settings, behaviours=(default,))
    world.get("/api/a")
    assert [each.header("host") for each in world.sent] == [
        "abc123.execute-api.us-east-1.amazonaws.com",
        "site.s3.us-east-1.amazonaws.com",
    ]


def test_cookies_in_the_cache_key_are_set_too():
    key = RequestPolicy(cookies=Selection("all"))
    setting = replace(PAGE, headers=(("Set-Cookie", "a=1"),))
    world = World(settings=distribution(cache=replace(OPTIMIZED, key=key)), origin=setting)
    assert world.get("/a").header("set-cookie") == "a=1"
