"""How localcloud's CloudFront reads a distribution and selects a behaviour."""

import copy
from typing import Any

import pytest

from localcloud.cloudfront.behaviours import (
    NotModelledError,
    Selection,
    distribution_from_api,
    matches,
    normalised,
    policy_ids,
)
from tests.support.distributions import FUNCTION, World, distribution

NOTHING: dict[str, Any] = {"Quantity": 0}
CACHE_POLICIES = {
    "by-id": {
        "MinTTL": 0,
        "DefaultTTL": 60,
        "MaxTTL": 600,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": True,
            "EnableAcceptEncodingBrotli": True,
            "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": {"Items": ["Accept"]}},
            "CookiesConfig": {"CookieBehavior": "none"},
            "QueryStringsConfig": {
                "QueryStringBehavior": "whitelist",
                "QueryStrings": {"Quantity": 1, "Items": ["id"]},
            },
        },
    },
}
REQUEST_POLICIES = {
    "viewer": {
        "HeadersConfig": {"HeaderBehavior": "allExcept", "Headers": {"Items": ["Host"]}},
        "CookiesConfig": {"CookieBehavior": "all"},
        "QueryStringsConfig": {"QueryStringBehavior": "all"},
    }
}


def given() -> dict[str, Any]:
    """A distribution as GetDistribution answers it."""
    return {
        "Id": "E1",
        "ARN": "arn:aws:cloudfront::000000000000:distribution/E1",
        "DomainName": "d1.cloudfront.net",
        "DistributionConfig": {
            "DefaultRootObject": "index.html",
            "Origins": {
                "Items": [
                    {
                        "Id": "site",
                        "DomainName": "site.s3.us-east-1.amazonaws.com",
                        "OriginAccessControlId": "OAC",
                        "OriginPath": "/public",
                        "CustomHeaders": {"Items": [{"HeaderName": "x-a", "HeaderValue": "b"}]},
                    },
                    {
                        "Id": "api",
                        "DomainName": "abc123.execute-api.us-east-1.amazonaws.com",
                        "CustomOriginConfig": {"OriginReadTimeout": 20},
                    },
                ]
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "site",
                "CachePolicyId": "by-id",
                "Compress": True,
                "LambdaFunctionAssociations": {
                    "Items": [{"EventType": "origin-response", "LambdaFunctionARN": FUNCTION}]
                },
            },
            "CacheBehaviors": {
                "Items": [
                    {
                        "PathPattern": "/api/*",
                        "TargetOriginId": "api",
                        "CachePolicyId": "by-id",
                        "OriginRequestPolicyId": "viewer",
                        "AllowedMethods": {"Items": ["GET", "HEAD", "POST"]},
                        "LambdaFunctionAssociations": NOTHING,
                    }
                ]
            },
            "CustomErrorResponses": {"Items": [{"ErrorCode": 404, "ErrorCachingMinTTL": 0}]},
        },
    }


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/api/*", "/api/photos/1", True),
        ("/api/*", "/api/", True),
        ("/api/*", "/api", False),
        ("api/*", "/api/photos", True),
        ("/photos/*.webp", "/photos/1/a/thumb.webp", True),
        ("/photos/*.webp", "/photos/1/a/thumb.webpx", False),
        ("/photos/*.webp", "/photos/1/athumbxwebp", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/Photos/*", "/photos/1", False),
        ("/a+(b)[c]", "/a+(b)[c]", True),
        ("*", "/", True),
    ],
)
def test_path_pattern(pattern: str, path: str, expected: bool):
    assert matches(pattern, path) is expected


def test_first_behaviour_that_matches_is_taken_and_the_default_one_last():
    assert distribution().behaviour("/api/photo.html").pattern == "/api/*"
    assert distribution().behaviour("/photo.html").pattern == "/photo.html"
    assert distribution().behaviour("/photo.htm").pattern == "*"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/%61pi/x", "/api/x"),
        ("/a%2fb%c3%bc", "/a%2Fb%C3%BC"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/../..", "/"),
        ("/a/..", "/"),
        ("/a/b/.", "/a/b/"),
        ("/%2e%2E/api/", "/api/"),
        ("//a//b", "//a//b"),
        ("*", "/"),
        ("/100%", "/100%"),
    ],
)
def test_paths_are_normalised_before_they_are_matched(path: str, expected: str):
    assert normalised(path) == expected


def test_cache_and_origin_get_the_path_exactly_as_the_viewer_sent_it():
    world = World()
    for path in ("/a%2fb", "/a/%62", "/x/../a/b", "/%61pi/health"):
        world.get(path)
        world.get(path)
    assert [each.path for each in world.sent] == [
        "/a%2fb",
        "/a/%62",
        "/x/../a/b",
        "/api/health",
        "/api/health",  # by the behaviour of /api/*, which caches nothing
    ]


def test_default_root_object_is_answered_for_the_root_only():
    world = World()
    world.get("/")
    world.get("/photos/")
    assert [each.path for each in world.sent] == ["/index.html", "/photos/"]


def test_complete_configuration_is_read():
    read = distribution_from_api(given(), CACHE_POLICIES, REQUEST_POLICIES)
    api, default = read.behaviours
    assert (read.id, read.domain, read.root_object) == ("E1", "d1.cloudfront.net", "index.html")
    assert read.error_ttls == {404: 0}
    assert (api.pattern, default.pattern) == ("/api/*", "*")
    assert api.methods == {"GET", "HEAD", "POST"}
    assert default.methods == {"GET", "HEAD"}
    assert (api.compress, default.compress) == (False, True)
    assert (api.functions, default.functions) == ({}, {"origin-response": FUNCTION})
    assert default.origin.bucket == "site"
    assert default.origin.region == "us-east-1"
    assert default.origin.path == "/public"
    assert default.origin.custom_headers == (("x-a", "b"),)
    assert api.origin.bucket is None
    assert api.origin.settings == {"OriginReadTimeout": 20}
    assert api.forward.headers == Selection("allExcept", frozenset(["host"]))
    assert (api.forward.queries.kind, api.forward.cookies.kind) == ("all", "all")
    cache = default.cache
    assert (cache.min_ttl, cache.default_ttl, cache.max_ttl) == (0, 60, 600)
    assert cache.compressed
    assert cache.key.queries == Selection("whitelist", frozenset(["id"]))
    assert cache.key.headers == Selection("whitelist", frozenset(["accept"]))
    assert policy_ids(given()["DistributionConfig"]) == ({"by-id"}, {"viewer"})


def test_default_behaviour_may_be_the_only_one():
    changed = given()
    del changed["DistributionConfig"]["CacheBehaviors"]
    assert policy_ids(changed["DistributionConfig"])[0] == {"by-id"}
    [only] = distribution_from_api(changed, CACHE_POLICIES, REQUEST_POLICIES).behaviours
    assert only.pattern == "*"


@pytest.mark.parametrize(
    ("where", "setting", "text"),
    [
        ("DefaultCacheBehavior", {"FunctionAssociations": {"Quantity": 1}}, "CloudFront Functions"),
        ("DefaultCacheBehavior", {"ResponseHeadersPolicyId": "x"}, "response headers policy"),
        ("DefaultCacheBehavior", {"TrustedKeyGroups": {"Enabled": True}}, "trusted key groups"),
        ("DefaultCacheBehavior", {"TrustedSigners": {"Enabled": True}}, "trusted signers"),
        ("DefaultCacheBehavior", {"FieldLevelEncryptionId": "x"}, "field-level encryption"),
        ("DefaultCacheBehavior", {"CachePolicyId": ""}, "no cache policy"),
        ("DefaultCacheBehavior", {"AllowedMethods": {"Items": ["GET", "PUT"]}}, "to a bucket"),
        ("", {"OriginGroups": {"Quantity": 1}}, "Origin groups"),
        ("", {"Restrictions": {"GeoRestriction": {"RestrictionType": "blacklist"}}}, "Geographic"),
        (
            "",
            {"CustomErrorResponses": {"Items": [{"ErrorCode": 404, "ResponsePagePath": "/404"}]}},
            "page for error 404",
        ),
        ("origin", {"DomainName": "example.com"}, "example.com is neither"),
        ("origin", {"OriginAccessControlId": ""}, "without origin access control"),
        (
            "origin",
            {"DomainName": "a1.lambda-url.us-east-1.on.aws", "OriginAccessControlId": ""},
            "function URL without origin access control",
        ),
    ],
)
def test_settings_that_are_not_modelled_are_refused(where: str, setting: dict[str, Any], text: str):
    changed = copy.deepcopy(given())
    config = changed["DistributionConfig"]
    {"": config, "origin": config["Origins"]["Items"][0]}.get(where, config.get(where)).update(
        setting
    )
    with pytest.raises(NotModelledError, match=text):
        distribution_from_api(changed, CACHE_POLICIES, REQUEST_POLICIES)


@pytest.mark.parametrize(
    ("association", "text"),
    [
        (
            {
                "EventType": "viewer-request",
                "LambdaFunctionARN": FUNCTION,
                "IncludeBody": True,
            },
            "request's body",
        ),
        (
            {"EventType": "origin-response", "LambdaFunctionARN": FUNCTION.removesuffix(":1")},
            "numbered version",
        ),
        (
            {"EventType": "origin-response", "LambdaFunctionARN": FUNCTION[:-1] + "live"},
            "numbered version",
        ),
        (
            {"EventType": "origin-response", "LambdaFunctionARN": FUNCTION.replace("us-", "eu-")},
            "us-east-1 only",
        ),
    ],
)
def test_function_is_a_numbered_version_and_gets_no_body(association: dict[str, Any], text: str):
    changed = given()
    default = changed["DistributionConfig"]["DefaultCacheBehavior"]
    default["LambdaFunctionAssociations"] = {"Items": [association]}
    with pytest.raises(NotModelledError, match=text):
        distribution_from_api(changed, CACHE_POLICIES, REQUEST_POLICIES)


@pytest.mark.parametrize(
    "headers",
    [
        {"HeaderBehavior": "allViewerAndWhitelistCloudFront"},
        {"HeaderBehavior": "whitelist", "Headers": {"Items": ["CloudFront-Viewer-Country"]}},
    ],
)
def test_headers_that_cloudfront_makes_are_refused(headers: dict[str, Any]):
    policies = {"viewer": {**REQUEST_POLICIES["viewer"], "HeadersConfig": headers}}
    with pytest.raises(NotModelledError):
        distribution_from_api(given(), CACHE_POLICIES, policies)


def test_header_of_the_cache_tags():
    answer = given()
    assert distribution_from_api(answer, CACHE_POLICIES, REQUEST_POLICIES).tag_header is None
    answer["DistributionConfig"]["CacheTagConfig"] = {"HeaderName": "X-Tag"}
    assert distribution_from_api(answer, CACHE_POLICIES, REQUEST_POLICIES).tag_header == "x-tag"
