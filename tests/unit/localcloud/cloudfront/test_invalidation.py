"""Invalidations of paths and of cache tags."""

from dataclasses import replace
from typing import Any

from localcloud.cloudfront.behaviours import Trigger
from localcloud.cloudfront.messages import Request, Response
from tests.support.distributions import (
    PAGE,
    World,
    cf_headers,
    distribution,
    result,
)


def test_response_to_a_request_from_before_an_invalidation_is_not_cached():
    world = World()

    def invalidated_before_the_answer(_: Request) -> Response:
        world.cache.invalidate(["/a"])
        return PAGE

    world.origin = invalidated_before_the_answer
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
