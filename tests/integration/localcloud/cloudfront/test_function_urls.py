"""Function URLs with origin access control as origins, over loopback."""

import hashlib
import json
from typing import Any

import pytest

from localcloud.cloudfront.messages import Request, Response
from localcloud.cloudfront.origins import Origins
from tests.integration.localcloud.cloudfront.stub_cloud import URL_GRANTS, StubCloud
from tests.support.distributions import FUNCTION_URL, distribution

EMPTY = hashlib.sha256(b"").hexdigest()


def ask(origins: Origins, method: str, body: bytes = b"", **headers: str) -> Response:
    given = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    request = Request(method, "/api/photos/1/views", "", given, body)
    return origins.fetch(distribution(), FUNCTION_URL, request)


def seen(response: Response) -> dict[str, Any]:
    assert response.status == 200
    return dict(json.loads(response.body))


def test_request_to_a_function_url_is_signed_in_place_of_the_viewers_authorization(
    origins: Origins,
):
    request = seen(ask(origins, "GET", authorization="a token of the viewer"))
    assert request["path"] == "/api/photos/1/views"
    assert request["headers"]["host"] == FUNCTION_URL.domain
    assert request["headers"]["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
    assert "/us-east-1/lambda/aws4_request" in request["headers"]["authorization"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_body_needs_its_hash_from_the_viewer(origins: Origins, method: str, body: bytes):
    right = hashlib.sha256(body).hexdigest()
    assert seen(ask(origins, method, body, x_amz_content_sha256=right))["body"] == body.decode()
    wrong = hashlib.sha256(body + b" ").hexdigest()
    for headers in ({}, {"x_amz_content_sha256": wrong}, {"x_amz_content_sha256": ""}):
        refused = ask(origins, method, body, **headers)
        assert refused.status == 403
        assert refused.header("x-amzn-errortype") == "InvalidSignatureException"


def test_request_without_a_body_needs_no_hash(origins: Origins):
    for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        assert ask(origins, method).status == 200
        assert ask(origins, method, x_amz_content_sha256=EMPTY).status == 200


@pytest.mark.parametrize(
    "grants",
    [
        [],
        URL_GRANTS[:1],
        URL_GRANTS[1:],
        [URL_GRANTS[0], {**URL_GRANTS[1], "Condition": {"ArnLike": {"AWS:SourceArn": "arn:x"}}}],
        [URL_GRANTS[0], {**URL_GRANTS[1], "Principal": {"Service": "s3.amazonaws.com"}}],
        [{**URL_GRANTS[0], "Resource": "arn:aws:lambda:::function:views"}, URL_GRANTS[1]],
    ],
)
def test_policy_of_the_function_must_grant_both_actions_to_the_distribution(
    stub: StubCloud, origins: Origins, grants: list[Any]
):
    assert ask(origins, "GET").status == 200
    stub.grants = grants
    refused = ask(origins, "GET")
    assert refused.status == 403
    assert refused.header("x-amzn-errortype") == "AccessDeniedException"
