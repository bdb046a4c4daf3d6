"""Gives the requests of a function URL the form of REST API requests; only views are served."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from shared.events import check_event

# The path that the browser has requested; `/api` is also the stage of the REST API.
_VIEWS: Final = re.compile(r"/api(/photos/[^/]+/views)")
# No route begins with it. The function URL has no authorizer, so it must serve nothing private.
_NOT_SERVED: Final = "/not-served-by-the-function-url"


class _Http(msgspec.Struct, rename="camel"):
    method: str
    source_ip: str


class _RequestContext(msgspec.Struct, rename="camel"):
    request_id: str
    http: _Http


class _Request(msgspec.Struct, rename="camel"):
    raw_path: str
    headers: dict[str, str]
    request_context: _RequestContext


def is_from_function_url(event: object) -> bool:
    """Whether an event has the form of a function URL: version 2.0 of the payload format."""
    return isinstance(event, dict) and "rawPath" in event


def as_rest_request(event: dict[str, Any]) -> dict[str, Any]:
    """The same request in the form of a REST API; any other path than the views' gets no route.

    It has neither claims of a user nor a body nor a query: the routes of the views read none.

    Raises:
        UnexpectedEventError: the event is not a request to a function URL.
    """
    check_event("gallery_api", "requests to a function URL", event, _Request)
    context, path = event["requestContext"], event["rawPath"]
    views = _VIEWS.fullmatch(path)
    return {
        "httpMethod": context["http"]["method"],
        "path": views[1] if views else f"{_NOT_SERVED}{path}",
        "headers": event["headers"],
        "multiValueHeaders": _with_viewer(event["headers"]),
        "queryStringParameters": None,
        "body": None,
        "isBase64Encoded": False,
        "requestContext": {
            "requestId": context["requestId"],
            "identity": {"sourceIp": context["http"]["sourceIp"]},
        },
    }


def as_url_answer(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The same answer in the form of a function URL, which takes one value for each header."""
    headers = answer["multiValueHeaders"].items()
    return {
        "statusCode": answer["statusCode"],
        "headers": {name: ", ".join(values) for name, values in headers},
        "body": answer["body"],
        "isBase64Encoded": answer["isBase64Encoded"],
    }


def _with_viewer(headers: Mapping[str, str]) -> dict[str, list[str]]:
    """The viewer's address as X-Forwarded-For, where `viewer_address` reads it.

    CloudFront overwrites the header CloudFront-Viewer-Address, so a viewer cannot forge it. The
    request's own X-Forwarded-For is not used: Lambda does not document which addresses it keeps.
    """
    address, _, port = headers.get("cloudfront-viewer-address", "").rpartition(":")
    return {"X-Forwarded-For": [address]} if port else {}
