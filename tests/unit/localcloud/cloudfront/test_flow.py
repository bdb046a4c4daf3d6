"""A request through localcloud's CloudFront: cache, origin, and the viewer's response."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.cloudfront import edge
from localcloud.cloudfront.answers import FunctionError
from localcloud.cloudfront.behaviours import RequestPolicy, Selection, Trigger
from localcloud.cloudfront.messages import Request, Response
from localcloud.cloudfront.origins import OriginError
from tests.support.distributions import (
    ALL_BUT_HOST,
    BY_ID,
    OPTIMIZED,
    PAGE,
    World,
    cf_headers,
    distribution,
    result,
)

MISSING = Response(404, (("Content-Type", "application/xml"),), b"<Error/>")
BROKEN = Response(500, (), b"broken")


def raising(error: Exception) -> Callable[[Any], Any]:
    def fail(_: Any) -> Any:
        raise error

    return fail


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


def test_stale_object_is_confirmed_by_the_origin():
    world = World(origin=replace(PAGE, headers=(*PAGE.headers, ("Last-Modified", "Mon"))))
    world.get("/a")
    world.now += 86_400
    world.origin = Response(304, (("X-New", "1"), ("ETag", '"a"')))
    response = world.get("/a")
    assert (response.status, response.body, result(response)) == (200, b"page", "RefreshHit")
    assert response.header("x-new") == "1"
    assert response.header("content-type") == "text/html"
    assert world.sent[-1].header("if-none-match") == '"a"'
    assert world.sent[-1].header("if-modified-since") == "Mon"
    world.now += 3
    again = world.get("/a")
    assert (result(again), again.header("age")) == ("Hit", "3")


def test_compressed_object_is_confirmed_by_its_origins_strong_etag():
    page = replace(PAGE, body=b"a" * 2_000)
    world = World(origin=page)
    assert world.get("/a", accept_encoding="gzip").header("etag") == 'W/"a"'
    world.now += 86_400
    world.origin = Response(304, (("ETag", '"a"'),))
    response = world.get("/a", accept_encoding="gzip")
    assert world.sent[-1].header("if-none-match") == '"a"'
    assert (response.header("etag"), response.header("content-encoding")) == ('W/"a"', "gzip")


def test_stale_object_is_replaced_by_a_newer_one():
    world = World()
    world.get("/a")
    world.now += 86_400
    world.origin = replace(PAGE, body=b"new")
    assert [(world.get("/a").body, result(world.get("/a"))) for _ in range(2)] == [
        (b"new", "Hit"),
        (b"new", "Hit"),
    ]
    assert len(world.sent) == 2


@pytest.mark.parametrize(
    "failure", [BROKEN, raising(OriginError(502, "down")), raising(OriginError(504, "slow"))]
)
def test_stale_object_is_served_while_the_origin_is_broken(failure: Any):
    world = World()
    world.get("/a")
    world.now += 86_400
    world.origin = failure
    response = world.get("/a")
    assert (response.status, response.body, result(response)) == (200, b"page", "Hit")
    world.get("/a")
    assert len(world.sent) == 2, "for the error caching minimum TTL, the origin is left alone"
    world.now += 10
    world.get("/a")
    assert len(world.sent) == 3


def with_cache_control(text: str) -> Response:
    return replace(PAGE, headers=(*PAGE.headers, ("Cache-Control", text)))


def test_expired_object_is_served_while_it_is_revalidated():
    world = World(origin=with_cache_control("max-age=3, stale-while-revalidate=5"))
    world.get("/a")
    world.now += 4
    world.origin = replace(world.origin, body=b"new")
    response = world.get("/a")
    assert (response.body, result(response), response.header("age")) == (b"page", "Hit", "4")
    assert len(world.sent) == 1, "the viewer does not wait for the origin"
    [revalidate] = world.background
    revalidate()
    assert len(world.sent) == 2
    assert world.get("/a").body == b"new"
    assert len(world.background) == 1


def test_viewers_share_one_request_that_revalidates():
    world = World(origin=with_cache_control("max-age=3, stale-while-revalidate=5"))
    world.get("/a")
    world.now += 4
    world.get("/a")
    world.get("/a")
    for revalidate in world.background:
        revalidate()
    assert len(world.sent) == 2
    fresh = world.origin

    def another_viewer_comes(_request: Request) -> Response:
        world.get("/a")
        return fresh

    world.now += 4
    world.origin = another_viewer_comes
    world.get("/a")
    world.background[-1]()
    assert len(world.background) == 3, "no second request while the first is under way"


def test_object_is_not_served_after_the_time_for_its_revalidation():
    world = World(origin=with_cache_control("max-age=3, stale-while-revalidate=5"))
    world.get("/a")
    world.now += 8
    world.origin = replace(PAGE, body=b"new")
    assert world.get("/a").body == b"new"
    assert world.background == []


def test_function_that_fails_while_an_object_is_revalidated_is_reported():
    world = World(
        settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]),
        origin=with_cache_control("max-age=3, stale-while-revalidate=5"),
    )
    world.get("/a")
    world.now += 4
    world.function = raising(FunctionError(502, "LambdaExecutionError", "it raised"))
    assert world.get("/a").status == 200
    world.background[0]()
    assert world.reported == ["GET /a: it raised"]


def test_stale_if_error_limits_how_long_an_object_replaces_an_error():
    world = World(origin=with_cache_control("max-age=3, stale-if-error=60"))
    world.get("/a")
    world.origin = BROKEN
    for age, status in ((4, 200), (62, 200), (63, 500)):
        world.now = 1_000_000 + age
        assert world.get("/a").status == status


def test_stale_if_error_of_0_lets_the_error_through():
    world = World(origin=with_cache_control("max-age=3, stale-if-error=0"))
    world.get("/a")
    world.now += 4
    world.origin = BROKEN
    assert world.get("/a").status == 500


def test_error_that_has_expired_is_not_served_in_place_of_another():
    world = World(origin=replace(MISSING, headers=(("ETag", '"e"'),)))
    world.get("/a")
    world.now += 10
    world.origin = BROKEN
    assert world.get("/a").status == 500
    assert world.sent[1].header("if-none-match") is None


def test_stale_object_is_replaced_by_an_error_of_the_request():
    world = World(settings=distribution(error_ttls={404: 0}))
    world.get("/a")
    world.now += 86_400
    world.origin = MISSING
    assert world.get("/a").status == 404
    world.origin = BROKEN
    assert world.get("/a").status == 500, "what is gone does not come back"


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


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released by each request that begins to wait for another one's answer."""
    waiting = threading.Semaphore(0)

    class Counted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waiting.release()
            return super().wait(timeout)

    monkeypatch.setattr(edge, "threading", SimpleNamespace(Event=Counted, Lock=threading.Lock))
    return waiting


def at_once(
    world: World, waiting: threading.Semaphore, first: Response, others: Callable[[], Response]
) -> list[str]:
    """The responses to four viewers that request before the origin has answered the first."""
    arrived, go_on = threading.Event(), threading.Event()

    def origin(_: Request) -> Response:
        if arrived.is_set():
            return others()
        arrived.set()
        assert go_on.wait(5)
        return first

    world.origin = origin
    with ThreadPoolExecutor(4) as viewers:
        answers = [viewers.submit(world.get, "/a")]
        assert arrived.wait(5)
        answers += [viewers.submit(world.get, "/a") for _ in range(3)]
        assert all(waiting.acquire(timeout=5) for _ in range(3))
        go_on.set()
        return [result(each.result(5)) for each in answers]


def test_equal_misses_at_the_same_time_are_one_request_to_the_origin(waiting: threading.Semaphore):
    world = World()
    assert at_once(world, waiting, PAGE, lambda: PAGE) == ["Miss", "Hit", "Hit", "Hit"]
    assert len(world.sent) == 1


def test_equal_misses_of_a_response_that_is_not_cached_do_not_queue(waiting: threading.Semaphore):
    """The three that waited are at the origin together, or the barrier breaks."""
    together = threading.Barrier(3, timeout=5)
    uncacheable = replace(PAGE, headers=(("Cache-Control", "no-store"),))

    def others() -> Response:
        together.wait()
        return uncacheable

    world = World(settings=distribution(cache=BY_ID))
    assert at_once(world, waiting, uncacheable, others) == ["Miss"] * 4
    assert len(world.sent) == 4


def test_no_request_waits_with_caching_disabled():
    """Two viewers are at the origin together, or the barrier breaks."""
    together = threading.Barrier(2, timeout=5)

    def origin(_: Request) -> Response:
        together.wait()
        return PAGE

    world = World(origin=origin)
    with ThreadPoolExecutor(2) as viewers:
        answers = [viewers.submit(world.get, "/api/a") for _ in range(2)]
        assert [result(each.result(5)) for each in answers] == ["Miss", "Miss"]


def test_response_to_a_request_from_before_an_invalidation_is_not_cached():
    world = World()

    def overtaken(_: Request) -> Response:
        world.cache.invalidate(["/a"])
        return PAGE

    world.origin = overtaken
    world.get("/a")
    world.origin = replace(PAGE, body=b"new")
    assert world.get("/a").body == b"new"


def test_invalidation_of_a_tag_removes_objects_that_the_function_has_tagged():
    def tagged(event: dict[str, Any]) -> object:
        tags = cf_headers(x_tag=f"photo-{event['request']['uri'][1]}")
        return {**event["response"], "headers": {**event["response"]["headers"], **tags}}

    world = World(
        distribution(triggers=[Trigger.ORIGIN_RESPONSE], tag_header="x-tag"), function=tagged
    )
    for path in ("/a/1", "/a/2", "/b/1"):
        world.get(path)
    assert world.cache.invalidate(["#photo-a"]) == 2
    assert [result(world.get(path)) for path in ("/a/1", "/a/2", "/b/1")] == ["Miss", "Miss", "Hit"]


def test_tags_are_those_of_the_response_that_confirms_an_object():
    world = World(
        distribution(tag_header="x-tag"), replace(PAGE, headers=(*PAGE.headers, ("X-Tag", "old")))
    )
    world.get("/a")
    world.now += 86_400
    world.origin = Response(304, (("ETag", '"a"'), ("X-Tag", "new")))
    assert result(world.get("/a")) == "RefreshHit"
    assert world.cache.invalidate(["#old"]) == 0
    assert world.cache.invalidate(["#new"]) == 1


def test_object_that_was_cached_before_the_distribution_had_tags_has_none():
    world = World(origin=replace(PAGE, headers=(*PAGE.headers, ("X-Tag", "a"))))
    world.get("/a")
    world.edge.distribution = replace(world.settings, tag_header="x-tag")
    assert world.cache.invalidate(["#a"]) == 0
    assert result(world.get("/a")) == "Hit"
    assert world.cache.invalidate(["/*"]) == 1
    world.get("/a")
    assert world.cache.invalidate(["#a"]) == 1


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
