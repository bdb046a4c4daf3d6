"""The function and the API Gateway of template.yaml agree."""

import json
import re
from http import HTTPStatus
from typing import Any

import msgspec
import pytest

from gallery_api.models import NewPhoto
from gallery_api.problems import Problem
from tests.support.gallery_api import Api, Context
from tests.support.moto_stack import MotoStack
from tests.support.repository import ROOT, load_template

RESOURCES = load_template()["Resources"]
API = RESOURCES["GalleryApi"]["Properties"]
EVENTS = RESOURCES["GalleryApiFunction"]["Properties"]["Events"]
RESPONSES: dict[str, dict[str, Any]] = API["GatewayResponses"]


def without_words(schema: dict[str, Any]) -> dict[str, Any]:
    """The constraints of a schema without its descriptions, in a fixed order."""
    return {
        name: without_words(value)
        if isinstance(value, dict)
        else (sorted(value) if isinstance(value, list) else value)
        for name, value in schema.items()
        if name != "description" and not (name == "title" and isinstance(value, str))
    }


def test_gateway_model_is_the_one_of_the_function():
    schema = msgspec.json.schema(NewPhoto)["$defs"]["NewPhoto"]
    assert without_words(API["Models"]["NewPhoto"]) == without_words(schema), (
        "Left: Models of GalleryApi in template.yaml, right: functions/gallery_api/models.py. Give"
        " both the same fields, with the same limits and defaults."
    )


def test_gateway_validates_the_body_of_every_route_that_takes_one():
    requests = [json.loads(path.read_text()) for path in (ROOT / "events").glob("api_*.json")]
    with_body = {
        (request["httpMethod"], request["resource"]) for request in requests if request["body"]
    }
    assert with_body
    for event in EVENTS.values():
        properties = event["Properties"]
        model = properties.get("RequestModel")
        assert bool(model) == ((properties["Method"], properties["Path"]) in with_body)
        if model:
            assert model["ValidateBody"]
            assert model["Required"]
            assert model["Model"] in API["Models"]


def test_every_route_has_a_request_in_events():
    requests = [json.loads(path.read_text()) for path in (ROOT / "events").glob("api_*.json")]
    assert {(request["httpMethod"], request["resource"]) for request in requests} == {
        (event["Properties"]["Method"], event["Properties"]["Path"]) for event in EVENTS.values()
    }, (
        "Left: routes of the requests in events/, right: routes of template.yaml. Add a request"
        " events/api_<what_happens>.json for a new route."
    )


def test_gateway_and_function_know_the_same_routes(stack: MotoStack):
    app = stack.handler("gallery_api").app
    routes = {
        (route.method, route.openapi_path) for route in (*app._static_routes, *app._dynamic_routes)
    }
    declared = {
        (event["Properties"]["Method"], event["Properties"]["Path"]) for event in EVENTS.values()
    }
    assert routes == declared, (
        "Left: routes of functions/gallery_api/routes/, right: events of GalleryApiFunction in"
        " template.yaml. Add what is missing."
    )


def parameters(event: dict[str, Any], place: str) -> dict[str, bool]:
    """The parameters that an event of the template declares, and whether they are required."""
    prefix = f"method.request.{place}."
    return {
        name.removeprefix(prefix): bool(value["Required"])
        for parameter in event["Properties"].get("RequestParameters", [])
        for name, value in parameter.items()
        if name.startswith(prefix)
    }


def test_gateway_requires_every_parameter_of_a_path():
    for event in EVENTS.values():
        names = re.findall(r"\{(\w+)\}", event["Properties"]["Path"])
        assert parameters(event, "path") == dict.fromkeys(names, True)


def test_gateway_accepts_lists_with_and_without_query_parameters():
    lists = {"ListPhotos", "ListOwnPhotos"}
    assert lists <= EVENTS.keys()
    for name, event in EVENTS.items():
        optional = {"limit": False, "cursor": False} if name in lists else {}
        assert parameters(event, "querystring") == optional


def test_gateway_and_function_require_a_token_for_the_same_routes(api: Api):
    for event in EVENTS.values():
        method, path = event["Properties"]["Method"], event["Properties"]["Path"]
        requests = [json.loads(file.read_text()) for file in (ROOT / "events").glob("api_*.json")]
        matching = [r for r in requests if (r["httpMethod"], r["resource"]) == (method, path)]
        assert matching, f"There is no request events/api_*.json for {method} {path}: add one."
        request = matching[0]
        request["requestContext"].pop("authorizer", None)
        answer = api.handler(request, Context())
        authorizer = event["Properties"].get("Auth", {}).get("Authorizer")
        assert (authorizer == "SignedIn") == (answer["statusCode"] == 401), (method, path)


@pytest.mark.parametrize("response_type", RESPONSES)
def test_gateway_response_is_a_problem(response_type: str):
    response = RESPONSES[response_type]
    headers = response["ResponseParameters"]["Headers"]
    assert headers["Content-Type"] == "'application/problem+json'"
    assert headers["Cache-Control"] == "'no-store'"
    body = response["ResponseTemplates"]["application/json"]
    body = body.replace("$context.error.messageString", '"Forbidden"')
    assert "$" not in body
    problem = json.loads(body)
    assert list(problem) == [name for name in Problem.__struct_fields__ if name in problem]
    if not response_type.startswith("DEFAULT_"):
        assert problem["status"] == response["StatusCode"]
        assert problem["title"] == HTTPStatus(problem["status"]).phrase
        assert problem["detail"]
