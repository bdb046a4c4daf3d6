"""Requests to the function URL in the form of a REST API, and answers in that of the URL."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery_api.function_url import as_rest_request, as_url_answer, is_from_function_url
from gallery_api.viewers import viewer_address
from shared.events import UnexpectedEventError
from tests.support.gallery_api import EVENTS, load_request
from tests.support.repository import load_template

PHOTO = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"


def request(path: str | None = None, method: str = "POST", **headers: str) -> dict[str, Any]:
    """The sample event, with another path or method and further headers."""
    event = json.loads((EVENTS / "function_url_record_view.json").read_text())
    event["headers"] |= {name.replace("_", "-"): text for name, text in headers.items()}
    event["requestContext"]["http"]["method"] = method
    return dict(event if path is None else event | {"rawPath": path})


def routes() -> list[tuple[str, str]]:
    resources = load_template()["Resources"]
    events = resources["GalleryApiFunction"]["Properties"]["Events"].values()
    return [(each["Properties"]["Method"], each["Properties"]["Path"]) for each in events]


def test_request_of_a_view_is_that_of_the_rest_api_without_its_stage():
    given, rest = as_rest_request(request()), load_request("record_view")
    for name in ("httpMethod", "path", "queryStringParameters", "body", "isBase64Encoded"):
        assert given[name] == rest[name], name
    assert given["requestContext"]["requestId"] == rest["requestContext"]["requestId"]


def test_request_of_the_function_url_is_distinguished_from_one_of_the_rest_api():
    assert is_from_function_url(request())
    assert not is_from_function_url(load_request("record_view"))
    assert not is_from_function_url(None)


@pytest.mark.parametrize(("method", "path"), routes())
def test_no_route_but_those_of_the_views_has_its_path(method: str, path: str):
    path = path.replace("{photo_id}", PHOTO)
    for asked in (f"/api{path}", path):
        converted = as_rest_request(request(asked, method))["path"]
        is_served = asked == f"/api/photos/{PHOTO}/views"
        assert (converted == path) == is_served
        assert converted.startswith("/not-served-by-the-function-url/") != is_served


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/api/photos//views",
        f"/api/photos/{PHOTO}/views/",
        f"/api/photos/{PHOTO}/views\n",
        f"/api/photos/{PHOTO}/x/views",
        f"/api/api/photos/{PHOTO}/views",
        f"//api/photos/{PHOTO}/views",
        f"/api/me/photos/{PHOTO}/views",
        "/api/photos/../me/photos/views",
    ],
)
def test_path_that_only_resembles_the_views_has_no_route(path: str):
    assert as_rest_request(request(path))["path"].startswith("/not-served-by-the-function-url")


@given(st.text(max_size=40))
def test_every_path_is_that_of_the_views_or_has_no_route(text: str):
    path = as_rest_request(request(f"/api/photos/{text}/views"))["path"]
    assert path in (
        f"/photos/{text}/views",
        f"/not-served-by-the-function-url/api/photos/{text}/views",
    )
    assert "/" not in path.removeprefix("/photos/").removesuffix("/views") or path.startswith(
        "/not-served-by-the-function-url/"
    )


def test_claims_in_the_event_are_left_out():
    event = request()
    event["requestContext"]["authorizer"] = {"claims": {"sub": "a", "token_use": "id"}}
    assert "authorizer" not in as_rest_request(event)["requestContext"]


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("192.0.2.1:46532", "192.0.2.1"),
        ("2001:db8::1:46532", "2001:db8::1"),
        ("192.0.2.1", ""),
        ("", ""),
    ],
)
def test_viewer_is_the_one_that_cloudfront_names(header: str, address: str):
    forged = request(cloudfront_viewer_address=header, x_forwarded_for="203.0.113.9, 203.0.113.8")
    assert viewer_address(as_rest_request(forged), behind_cloudfront=True) == address


def test_answer_has_one_value_for_each_header():
    rest = {
        "statusCode": 202,
        "body": "{}",
        "isBase64Encoded": False,
        "multiValueHeaders": {"Vary": ["Origin", "Accept"], "Cache-Control": ["no-store"]},
    }
    assert as_url_answer(rest) == {
        "statusCode": 202,
        "body": "{}",
        "isBase64Encoded": False,
        "headers": {"Vary": "Origin, Accept", "Cache-Control": "no-store"},
    }


@pytest.mark.parametrize("missing", ["headers", "requestContext"])
def test_event_of_another_shape_is_refused(missing: str):
    event = request()
    del event[missing]
    with pytest.raises(UnexpectedEventError, match=f"function URL.*{missing}"):
        as_rest_request(event)
