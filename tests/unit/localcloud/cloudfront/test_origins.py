"""What localcloud's CloudFront sends to origins, and when a bucket policy lets it read."""

from dataclasses import replace
from typing import Any

import pytest

from localcloud.cloudfront.behaviours import Behaviour, RequestPolicy, Selection
from localcloud.cloudfront.messages import Request
from localcloud.cloudfront.origins import origin_request
from localcloud.cloudfront.resource_policies import allows
from tests.support.distributions import (
    ALL_BUT_HOST,
    API,
    BUCKET,
    BY_ID,
    DISABLED,
    OPTIMIZED,
    READING,
    distribution,
)

VIEWER = Request(
    "GET",
    "/photo.html",
    "id=1&x=2",
    (
        ("host", "127.0.0.1:4567"),
        ("user-agent", "Firefox"),
        ("accept", "text/html"),
        ("accept-encoding", "deflate, gzip, br"),
        ("authorization", "token"),
        ("cookie", "a=1; b=2"),
        ("connection", "keep-alive"),
        ("te", "trailers"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-edge-location", "here"),
        ("x-gallery-catalog-table", "of a thief"),
    ),
)
SITE = Behaviour("*", BUCKET, READING, BY_ID)
TO_API = Behaviour("/api/*", API, READING, DISABLED, ALL_BUT_HOST)
ARN = distribution().arn


def sent(behaviour: Behaviour, viewer: Request = VIEWER) -> Request:
    return origin_request(viewer, behaviour, "1.1 d1", "id")


def test_only_what_the_cache_policy_names_is_forwarded():
    request = sent(SITE)
    assert (request.path, request.query) == ("/photo.html", "id=1")
    assert sorted(name.lower() for name, _ in request.headers) == [
        "accept-encoding",
        "host",
        "user-agent",
        "via",
        "x-amz-cf-id",
        "x-forwarded-for",
        "x-gallery-catalog-table",
    ]


def test_origin_request_policy_forwards_more():
    request = sent(TO_API)
    assert request.query == "id=1&x=2"
    for name, value in (
        ("accept", "text/html"),
        ("authorization", "token"),
        ("user-agent", "Firefox"),
        ("cookie", "a=1; b=2"),
    ):
        assert request.header(name) == value


def test_hop_by_hop_headers_and_cloudfronts_own_are_never_forwarded():
    request = sent(TO_API)
    for name in ("connection", "te", "x-forwarded-proto", "x-edge-location"):
        assert request.header(name) is None


def test_host_is_the_origins():
    assert sent(TO_API).header("host") == "abc123.execute-api.us-east-1.amazonaws.com"
    assert sent(SITE).header("host") == "site.s3.us-east-1.amazonaws.com"


def test_user_agent_is_cloudfronts_unless_it_is_forwarded():
    assert sent(SITE).header("user-agent") == "Amazon CloudFront"


def test_viewers_address_is_appended_to_x_forwarded_for():
    assert sent(SITE).header("x-forwarded-for") == "10.0.0.1, 127.0.0.1"
    assert sent(SITE, replace(VIEWER, headers=())).header("x-forwarded-for") == "127.0.0.1"


def test_viewers_address_is_added_by_the_policy_that_forwards_all_but_the_host():
    forged = replace(VIEWER, headers=(("cloudfront-viewer-address", "10.0.0.1:1"),))
    for viewer in (VIEWER, forged):
        given = replace(viewer, client_ip="192.0.2.1", client_port=46532)
        assert sent(TO_API, given).header("cloudfront-viewer-address") == "192.0.2.1:46532"
    assert sent(SITE, forged).header("cloudfront-viewer-address") is None


def test_custom_headers_take_precedence_over_a_viewers():
    everything = replace(SITE, forward=ALL_BUT_HOST)
    assert sent(everything).header("x-gallery-catalog-table") == "catalog"


def test_accept_encoding_is_forwarded_normalised():
    def encoding(header: str | None, behaviour: Behaviour = SITE) -> str | None:
        headers = () if header is None else (("accept-encoding", header),)
        return sent(behaviour, replace(VIEWER, headers=headers)).header("accept-encoding")

    assert encoding("deflate, gzip") == "gzip"
    assert encoding("deflate") == "identity"
    assert encoding(None) is None
    assert encoding("deflate", TO_API) == "deflate"


def test_origin_path_precedes_the_viewers_path():
    behaviour = replace(SITE, origin=replace(BUCKET, path="/public"))
    assert sent(behaviour).path == "/public/photo.html"


def test_query_strings_and_cookies_by_name():
    policy = RequestPolicy(
        Selection("whitelist", frozenset("x")), cookies=Selection("allExcept", frozenset("a"))
    )
    request = sent(Behaviour("*", API, READING, OPTIMIZED, policy))
    assert (request.query, request.header("cookie")) == ("x=2", "b=2")


def policy(**changes: Any) -> dict[str, Any]:
    """As the template writes it, with changes of its one statement."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::site/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": ARN}},
    }
    return {"Statement": [{**statement, **changes}]}


def may_read(given: dict[str, Any]) -> bool:
    return allows(given, "s3:GetObject", "arn:aws:s3:::site/index.html", ARN)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Principal": "*"},
        {"Principal": {"Service": ["s3.amazonaws.com", "cloudfront.amazonaws.com"]}},
        {"Action": ["s3:ListBucket", "s3:Get*"]},
        {"Resource": ["arn:aws:s3:::site", "arn:aws:s3:::site/*"]},
        {"Condition": {}},
        {"Condition": {"ArnLike": {"aws:SourceArn": ARN[:-1] + "*"}}},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": True}}},
    ],
)
def test_bucket_policy_that_lets_the_distribution_read(changes: dict[str, Any]):
    assert may_read(policy(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"Effect": "Deny"},
        {"Principal": {"Service": "lambda.amazonaws.com"}},
        {"Principal": {"AWS": "*"}},
        {"Action": "s3:ListBucket"},
        {"Resource": "arn:aws:s3:::site/photos/*"},
        {"Resource": "arn:aws:s3:::other/*"},
        {"Condition": {"StringEquals": {"aws:SourceArn": ARN + "2"}}},
        {"Condition": {"StringEquals": {"aws:SourceArn": ARN, "aws:SourceAccount": "1"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o"}}},
        {"Condition": {"NumericLessThan": {"aws:SourceArn": ARN}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ],
)
def test_bucket_policy_that_does_not(changes: dict[str, Any]):
    assert not may_read(policy(**changes))


def test_reading_without_a_bucket_policy_is_denied():
    assert not may_read({})


def test_denial_takes_precedence_over_a_grant():
    [grant] = policy()["Statement"]
    plain_http = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::site/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert may_read({"Statement": [grant, plain_http]})
    assert not may_read({"Statement": [grant, {**plain_http, "Condition": {}}]})
    unknown = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o"}}}
    assert not may_read({"Statement": [grant, {**plain_http, **unknown}]})
