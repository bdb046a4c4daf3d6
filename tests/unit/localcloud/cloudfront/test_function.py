"""When localcloud's CloudFront runs the function, and how it uses the answers."""

from dataclasses import replace

import pytest

from localcloud.cloudfront.answers import FunctionError
from localcloud.cloudfront.behaviours import Trigger
from localcloud.cloudfront.messages import Response
from tests.support.distributions import PAGE, World, cf_headers, distribution, raising, result


def test_function_runs_before_the_cache_and_not_on_hits():
    world = World(settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]))
    world.function = lambda event: {
        **event["response"],
        "headers": cf_headers(cache_control="max-age=5", x_frame_options="DENY"),
    }
    for expected in ("Miss", "Hit"):
        response = world.get("/a")
        assert (result(response), response.header("x-frame-options")) == (expected, "DENY")
    world.now += 5
    world.get("/a")
    assert len(world.events) == 2, "its Cache-Control is what the lifetime comes from"


@pytest.mark.parametrize("status", [200, 301, 404, 403, 500, 503])
def test_function_sees_every_status_of_the_origin(status: int):
    world = World(
        settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]), origin=Response(status)
    )
    world.get("/a")
    assert world.events[0]["Records"][0]["cf"]["response"]["status"] == str(status)


def test_function_sees_that_an_object_is_confirmed():
    world = World(settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]))
    world.get("/a")
    world.now += 86_400
    world.origin = Response(304)
    world.function = lambda event: {**event["response"], "headers": cf_headers(x_new="1")}
    response = world.get("/a")
    assert world.events[1]["Records"][0]["cf"]["response"]["status"] == "304"
    assert (response.status, response.header("x-new")) == (200, "1")


def test_function_runs_only_where_it_is_associated():
    world = World(settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]))
    world.get("/api/a")
    assert world.events == []


def test_function_gets_the_origins_request_and_its_custom_headers():
    world = World(settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]))
    world.get("/photo.html?id=1&x=2", accept="text/html")
    request = world.events[0]["Records"][0]["cf"]["request"]
    assert (request["uri"], request["querystring"]) == ("/photo.html", "id=1")
    assert "accept" not in request["headers"]
    assert "x-gallery-catalog-table" not in request["headers"]
    assert request["origin"]["s3"]["customHeaders"]["x-gallery-catalog-table"] == [
        {"key": "X-Gallery-Catalog-Table", "value": "catalog"}
    ]


def test_invalid_answer_of_the_function_is_502_and_not_cached():
    world = World(settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]))
    world.function = lambda event: {**event["response"], "headers": cf_headers(x_cache="mine")}
    for _ in range(2):
        response = world.get("/a")
        assert (response.status, result(response)) == (502, "LambdaValidationError")
        assert b"could not be satisfied" in response.body
    assert len(world.events) == 2
    assert "disallowed header: x-cache" in world.reported[0]


@pytest.mark.parametrize("kind", ["LambdaExecutionError", "LambdaLimitExceeded"])
def test_function_that_fails_is_503(kind: str):
    world = World(settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]))
    world.function = raising(FunctionError(503, kind, "Traceback: secret"))
    response = world.get("/a")
    assert (response.status, result(response)) == (503, kind)
    assert b"secret" not in response.body
    assert "secret" in world.reported[0]


def test_disallowed_headers_of_the_origin_are_hidden_from_the_function_and_kept():
    named = replace(PAGE, headers=(("x-amzn-RequestId", "r"),))
    world = World(settings=distribution(triggers=[Trigger.ORIGIN_RESPONSE]), origin=named)
    assert world.get("/a").header("x-amzn-requestid") == "r"
