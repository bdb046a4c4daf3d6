"""Objects that have expired: confirmed, replaced, or served in place of an answer."""

from dataclasses import replace
from typing import Any

import pytest

from localcloud.cloudfront.answers import FunctionError
from localcloud.cloudfront.behaviours import Trigger
from localcloud.cloudfront.messages import Request, Response
from localcloud.cloudfront.origins import OriginError
from tests.support.distributions import (
    BROKEN,
    MISSING,
    PAGE,
    World,
    distribution,
    raising,
    result,
)


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
    [revalidate] = world.background
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
    assert len(world.background) == 2, "no second request while the first is under way"


def test_head_revalidates_the_object_that_viewers_get():
    world = World(origin=with_cache_control("max-age=3, stale-while-revalidate=5"))
    world.get("/a")
    world.now += 4
    world.origin = replace(world.origin, body=b"new")
    assert result(world.get("/a", "HEAD")) == "Hit"
    [revalidate] = world.background
    revalidate()
    assert result(response := world.get("/a")) == "Hit"
    assert response.body == b"new"


def test_object_that_is_confirmed_gets_new_time_for_its_revalidation():
    world = World(origin=with_cache_control("max-age=3, stale-while-revalidate=5"))
    world.get("/a")
    world.now += 4
    world.origin = Response(304, (("ETag", '"a"'),))
    world.get("/a")
    world.background[0]()
    world.now += 86_400 + 4
    assert len(world.sent) == 2
    assert result(world.get("/a")) == "Hit"


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
    for _ in range(2):
        assert world.get("/a").status == 200
        world.background.pop()()
    assert world.reported == ["GET /a: it raised"] * 2, "the next viewer's request tries again"


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
