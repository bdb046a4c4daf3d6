"""The origin-response trigger: Lambda@Edge's event, and which answers CloudFront accepts."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.cloudfront.answers import InvalidAnswerError, response_answer
from localcloud.cloudfront.behaviours import Trigger
from localcloud.cloudfront.messages import Request, Response
from localcloud.cloudfront.triggers import edge_event
from tests.support.distributions import API, BUCKET, cf_headers, distribution

ORIGINAL = Response(
    200,
    (
        ("Content-Type", "text/html"),
        ("Content-Length", "4"),
        ("Via", "1.1 gateway"),
        ("x-amzn-RequestId", "r"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ),
    b"page",
)
DISALLOWED = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "upgrade",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
    "x-amz-cf-id",
    "x-amz-cf-pop",
    "x-amzn-auth",
    "x-amzn-cf-billing",
    "x-amzn-cf-id",
    "x-amzn-cf-xff",
    "x-amzn-errortype",
    "x-amzn-fle-profile",
    "x-amzn-header-count",
    "x-amzn-header-order",
    "x-amzn-lambda-integration-tag",
    "x-amzn-requestid",
    "x-cache",
    "x-edge-location",
    "x-forwarded-proto",
    "x-real-ip",
]


def event(origin: Any = BUCKET, response: Response = ORIGINAL) -> dict[str, Any]:
    request = Request(
        "GET",
        "/photo.html",
        "id=1",
        (("Host", origin.domain), ("accept", "*/*"), *origin.custom_headers),
        client_ip="127.0.0.1",
    )
    return edge_event(
        Trigger.ORIGIN_RESPONSE,
        distribution(),
        request,
        "request-id",
        origin=origin,
        response=response,
    )


def answered(answer: object, response: Response) -> Response:
    return response_answer(Trigger.ORIGIN_RESPONSE, answer, response)


def answer(**changes: Any) -> dict[str, Any]:
    """The function's answer: the response that it got, with some changes."""
    response = event()["Records"][0]["cf"]["response"]
    headers = {**response["headers"], **changes.pop("headers", {})}
    return {**response, "headers": headers, **changes}


def without(name: str) -> dict[str, Any]:
    given = answer()
    del given["headers"][name]
    return given


def test_event_has_the_shape_of_lambda_at_edges():
    assert event() == {
        "Records": [
            {
                "cf": {
                    "config": {
                        "distributionDomainName": "d1.cloudfront.net",
                        "distributionId": "E1",
                        "eventType": "origin-response",
                        "requestId": "request-id",
                    },
                    "request": {
                        "clientIp": "127.0.0.1",
                        "headers": {
                            "host": [{"key": "Host", "value": BUCKET.domain}],
                            "accept": [{"key": "Accept", "value": "*/*"}],
                        },
                        "method": "GET",
                        "origin": {
                            "s3": {
                                "authMethod": "none",
                                "customHeaders": {
                                    "x-gallery-catalog-table": [
                                        {"key": "X-Gallery-Catalog-Table", "value": "catalog"}
                                    ]
                                },
                                "domainName": "site.s3.us-east-1.amazonaws.com",
                                "path": "",
                                "region": "us-east-1",
                            }
                        },
                        "querystring": "id=1",
                        "uri": "/photo.html",
                    },
                    "response": {
                        "headers": {
                            "content-type": [{"key": "Content-Type", "value": "text/html"}],
                            "content-length": [{"key": "Content-Length", "value": "4"}],
                            "via": [{"key": "Via", "value": "1.1 gateway"}],
                            "set-cookie": [
                                {"key": "Set-Cookie", "value": "a=1"},
                                {"key": "Set-Cookie", "value": "b=2"},
                            ],
                        },
                        "status": "200",
                        "statusDescription": "OK",
                    },
                }
            }
        ]
    }


def test_event_of_an_api_names_a_custom_origin():
    assert event(API)["Records"][0]["cf"]["request"]["origin"] == {
        "custom": {
            "customHeaders": {},
            "domainName": "abc123.execute-api.us-east-1.amazonaws.com",
            "keepaliveTimeout": 5,
            "path": "",
            "port": 443,
            "protocol": "https",
            "readTimeout": 30,
            "sslProtocols": ["TLSv1.2"],
        }
    }


def test_event_has_neither_body_nor_disallowed_headers():
    response = Response(404, tuple((name, "x") for name in DISALLOWED), b"secret")
    got = event(response=response)["Records"][0]["cf"]["response"]
    assert got == {"headers": {}, "status": "404", "statusDescription": "Not Found"}


def test_unchanged_answer_leaves_the_response_as_it_was():
    assert answered(answer(), ORIGINAL).status == 200
    assert answered(answer(), ORIGINAL).body == b"page"
    assert set(answered(answer(), ORIGINAL).headers) == set(ORIGINAL.headers)


def test_headers_may_be_added_changed_and_removed():
    changed = answer(headers=cf_headers(cache_control="max-age=60", content_type="text/plain"))
    response = answered(changed, ORIGINAL)
    assert response.header("cache-control") == "max-age=60"
    assert response.header("content-type") == "text/plain"
    assert answered(without("set-cookie"), ORIGINAL).header("set-cookie") is None


def test_key_may_be_left_out():
    response = answered(answer(headers={"x-robots-tag": [{"value": "noindex"}]}), ORIGINAL)
    assert response.header("x-robots-tag") == "noindex"


def test_status_and_body_may_be_replaced():
    response = answered(answer(status="404", body="gone ü"), ORIGINAL)
    assert (response.status, response.body) == (404, "gone ü".encode())
    assert response.header("content-length") == "7"
    encoded = base64.b64encode(b"\0\1").decode()
    assert answered(answer(body=encoded, bodyEncoding="base64"), ORIGINAL).body == b"\0\1"
    assert answered(answer(body=""), ORIGINAL).body == b""


def test_transfer_encoding_and_via_are_read_only():
    chunked = Response(200, (("Transfer-Encoding", "chunked"),), b"x")
    same = event(response=chunked)["Records"][0]["cf"]["response"]
    assert answered(same, chunked).status == 200
    for breach, response in (
        (answer(headers=cf_headers(via="mine")), ORIGINAL),
        (without("via"), ORIGINAL),
        (answer(headers=cf_headers(transfer_encoding="chunked")), ORIGINAL),
        ({**same, "headers": {}}, chunked),
    ):
        with pytest.raises(InvalidAnswerError, match="read-only header"):
            answered(breach, response)


@pytest.mark.parametrize("name", DISALLOWED)
def test_disallowed_header_is_refused(name: str):
    entry = {name: [{"key": name.title(), "value": "x"}]}
    with pytest.raises(InvalidAnswerError, match="disallowed header"):
        answered(answer(headers=entry), ORIGINAL)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "text",
        [],
        {},
        answer(status=200),
        answer(status="99"),
        answer(status="600"),
        answer(status="OK"),
        answer(status=None),
        answer(statusDescription=1),
        answer(body={"a": 1}),
        answer(body=None),
        answer(body="%", bodyEncoding="base64"),
        answer(body="x", bodyEncoding="gzip"),
        answer(body="\ud800"),
        answer(body="ü", bodyEncoding="base64"),
        answer(body="x" * 2**20),
        {"status": "200", "headers": []},
        answer(headers={"x-a": "b"}),
        answer(headers={"x-a": ["b"]}),
        answer(headers={"x-a": [{"key": "X-B", "value": "b"}]}),
        answer(headers={"x-a": [{"key": 1, "value": "b"}]}),
        answer(headers={"x-a": [{"key": "X-A", "value": 1}]}),
        answer(headers={"x-a": [{"key": "X-A"}]}),
        answer(headers={"x-a": [{"key": "X-A", "value": "b\r\nSet-Cookie: c"}]}),
        answer(headers={"x-a": [{"key": "X-A", "value": "→"}]}),
        answer(headers={"X-A": [{"key": "X-A", "value": "b"}]}),
        answer(headers={"x a": [{"key": "X A", "value": "b"}]}),
        answer(headers={"": [{"key": "", "value": "b"}]}),
    ],
    ids=lambda given: json.dumps(given)[-60:],
)
def test_answer_of_another_shape_is_refused(given: object):
    with pytest.raises(InvalidAnswerError) as refused:
        answered(given, ORIGINAL)
    assert (refused.value.status, refused.value.kind) == (502, "LambdaValidationError")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["status", "headers", "body", "x"]), json_values))
def test_any_answer_is_accepted_or_refused_as_invalid(changes: dict[str, Any]):
    try:
        response = answered({**answer(), **changes}, ORIGINAL)
    except InvalidAnswerError:
        return
    assert 200 <= response.status <= 599
    assert response.header("via") == "1.1 gateway"
    for name, value in response.headers:
        (name + value).encode("latin-1")
