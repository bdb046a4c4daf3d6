"""Properties of the page's resources in the template: distribution, sign-in, daily report."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from daily_report.abandoned import EVENT_LIFETIME
from tests.architecture.test_template import Resources, holds, of_type
from tests.support.repository import ROOT, load_template
from tools.intrinsics import Resolver
from tools.translate import translate

SIGNED_IN = {("POST", "/photos"), ("DELETE", "/photos/{photo_id}"), ("GET", "/me/photos")}


@pytest.fixture(scope="module")
def resources() -> Resources:
    return dict(translate(load_template(), {})["Resources"])


@pytest.fixture(scope="module", params=["rest", "function-url"])
def distribution(request: pytest.FixtureRequest, resources: Resources) -> dict[str, Any]:
    """The distribution with each way of views."""
    config = resources["Distribution"]["Properties"]["DistributionConfig"]
    return config | {
        name: list(of_way(config[name], request.param)) for name in ("Origins", "CacheBehaviors")
    }


def of_way(entries: list[dict[str, Any]], views_api: str) -> Iterator[dict[str, Any]]:
    for entry in entries:
        match entry:
            case {"Fn::If": ["UsesViewsUrl", added, {"Ref": "AWS::NoValue"}]}:
                if views_api == "function-url":
                    yield added
            case _:
                yield entry


def behaviours(distribution: dict[str, Any]) -> dict[str, dict[str, Any]]:
    patterned = {each["PathPattern"]: each for each in distribution["CacheBehaviors"]}
    return patterned | {"*": distribution["DefaultCacheBehavior"]}


def test_paths_go_to_their_origins_in_order(distribution: dict[str, Any]):
    patterns = [each["PathPattern"] for each in distribution["CacheBehaviors"]]
    through_url = patterns[0] == "/api/photos/*/views"
    assert patterns[through_url:] == ["/api/photos*", "/api/*", "/photos/*.webp", "/photo.html"]
    assert through_url == ("views" in {each["Id"] for each in distribution["Origins"]})
    origins = {
        pattern: each["TargetOriginId"] for pattern, each in behaviours(distribution).items()
    }
    assert origins == ({"/api/photos/*/views": "views"} if through_url else {}) | {
        "/api/*": "api",
        "/api/photos*": "api",
        "/photos/*.webp": "media",
        "/photo.html": "site",
        "*": "site",
    }
    for origin in distribution["Origins"]:
        assert "OriginPath" not in origin, "the stage is part of the path, as without CloudFront"


def test_buckets_are_read_by_the_distribution_alone(
    distribution: dict[str, Any], resources: Resources
):
    for origin in distribution["Origins"]:
        if origin["Id"] != "api":
            access = "ViewsUrlAccess" if origin["Id"] == "views" else "BucketsAccess"
            assert origin["OriginAccessControlId"] == {"Fn::GetAtt": [access, "Id"]}
    for name, kind in (("BucketsAccess", "s3"), ("ViewsUrlAccess", "lambda")):
        access = resources[name]["Properties"]["OriginAccessControlConfig"]
        assert access["OriginAccessControlOriginType"] == kind
        assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")
    for name in ("SiteBucketPolicy", "MediaBucketPolicy"):
        granted = json.dumps(resources[name]["Properties"]["PolicyDocument"])
        assert "s3:ListBucket" in granted, f"{name}: what is missing would be 403 instead of 404"


def test_only_the_api_accepts_writes_and_its_private_paths_are_never_cached(
    distribution: dict[str, Any],
):
    policies = {
        "/api/photos/*/views": {"Ref": "PublicReadsCachePolicy"},
        "/api/photos*": {"Ref": "PublicReadsCachePolicy"},
        "/api/*": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    }
    for pattern, behaviour in behaviours(distribution).items():
        assert behaviour["ViewerProtocolPolicy"] in {"redirect-to-https", "https-only"}, pattern
        if pattern in policies:
            assert behaviour["CachePolicyId"] == policies[pattern]
            assert behaviour["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
        else:
            assert behaviour["AllowedMethods"] == ["GET", "HEAD"], pattern


def test_public_reads_are_cached_by_what_the_api_reads_of_a_request(resources: Resources):
    policy = resources["PublicReadsCachePolicy"]["Properties"]["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"]) == (0, 0), "the API says what is cached"
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    assert key["HeadersConfig"] == {"HeaderBehavior": "none"}
    feed = (ROOT / "functions/gallery_api/routes/feed.py").read_text()
    assert set(key["QueryStringsConfig"]["QueryStrings"]) == set(
        re.findall(r'asked(?:\.get\(|\[)"(\w+)"', feed)
    )


def test_a_photo_page_is_cached_by_its_id_alone(distribution: dict[str, Any], resources: Resources):
    """All of the query in the request but not in the key would let `?response-content-type=` poison
    the cache."""
    behaviour = behaviours(distribution)["/photo.html"]
    assert behaviour["CachePolicyId"] == {"Ref": "PhotoPagesCachePolicy"}
    assert "OriginRequestPolicyId" not in behaviour
    policy = resources["PhotoPagesCachePolicy"]["Properties"]["CachePolicyConfig"]
    assert policy["MinTTL"] == 0
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "whitelist", "QueryStrings": ["id"]}
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    assert key["HeadersConfig"] == {"HeaderBehavior": "none"}


def test_errors_are_cached_too_briefly_to_hide_a_new_photo(distribution: dict[str, Any]):
    kept = {each["ErrorCode"]: each for each in distribution["CustomErrorResponses"]}
    assert {403, 404, 500, 502, 503, 504} == kept.keys()
    for each in kept.values():
        assert each["ErrorCachingMinTTL"] == 0
        assert "ResponsePagePath" not in each


def test_viewers_get_http_3_and_tls_1_2_or_newer(distribution: dict[str, Any]):
    assert distribution["HttpVersion"] == "http2and3"
    own_domain = distribution["ViewerCertificate"]["Fn::If"][1]
    assert own_domain["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert own_domain["SslSupportMethod"] == "sni-only"
    custom = [each for each in distribution["Origins"] if "CustomOriginConfig" in each]
    assert {each["Id"] for each in custom} >= {"api"}
    for each in custom:
        assert each["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
        assert each["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]


def test_only_this_distribution_may_call_the_function_url(resources: Resources):
    assert resources["ViewsUrl"]["Properties"]["AuthType"] == "AWS_IAM"
    alias = {"Ref": "GalleryApiFunctionAliaslive"}
    assert resources["ViewsUrl"]["Properties"]["TargetFunctionArn"] == alias
    granted = {}
    for permission in of_type(resources, "AWS::Lambda::Permission").values():
        given = permission["Properties"]
        if given["Principal"] == "cloudfront.amazonaws.com":
            assert permission["Condition"] == "HasViewsUrl"
            assert given["FunctionName"] == alias
            assert given["SourceArn"]["Fn::Sub"].endswith(":distribution/${Distribution}")
            granted[given["Action"]] = given
    assert granted.keys() == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    assert granted["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == "AWS_IAM"
    assert granted["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True


@pytest.mark.parametrize("views_api", ["function-url-prepared", "function-url"])
def test_function_url_without_the_page_is_refused_before_anything_is_created(views_api: str):
    """By a rule, whose sentence CloudFormation shows."""
    [rule] = load_template()["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ViewsApi"}, "rest"]}]}
    [assertion] = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "Page"}, "cloudfront"]}
    assert "Set ViewsApi=rest" in assertion["AssertDescription"]
    resolver = Resolver(load_template(), {"ViewsApi": views_api, "Page": "none"})
    assert not resolver.holds("HasViewsUrl")
    assert not resolver.holds("UsesViewsUrl")


@pytest.mark.parametrize(
    ("region", "page", "there"),
    [
        ("us-east-1", "cloudfront", True),
        ("us-east-1", "none", False),
        ("eu-central-1", "cloudfront", False),
    ],
)
def test_the_distribution_is_where_lambda_at_the_edge_is_unless_the_page_is_left_out(
    region: str, page: str, there: bool
):
    template = load_template()
    template["Parameters"]["AWS::Region"] = {"Default": region}
    assert holds(template, {"Condition": "HasWebPage"}, {"Page": page}) is there
    conditional = {
        name
        for name, each in template["Resources"].items()
        if each.get("Condition") == "HasWebPage"
    }
    assert conditional == {
        "BucketsAccess",
        "Distribution",
        "EdgeHeadersFunction",
        "EdgeHeadersRole",
        "EdgeErrorsPage",
        "OriginSecret",
        "PhotoPagesCachePolicy",
        "PublicReadsCachePolicy",
    }
    otherwise = template["Outputs"]["GalleryUrl"]["Value"]["Fn::If"][2]
    assert "Page=cloudfront in us-east-1" in otherwise


def test_every_route_that_changes_something_needs_a_token(resources: Resources):
    paths = resources["GalleryApi"]["Properties"]["Body"]["paths"]
    guarded = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation.get("security") == [{"SignedIn": []}]
    }
    assert guarded == SIGNED_IN


def test_throttles_are_of_routes_that_exist(resources: Resources):
    settings = resources["GalleryApiapiStage"]["Properties"]["MethodSettings"]
    paths = resources["GalleryApi"]["Properties"]["Body"]["paths"]
    for each in settings:
        path = "/" + each["ResourcePath"].removeprefix("/").replace("~1", "/").removeprefix("/")
        if path != "/*":
            assert each["HttpMethod"].lower() in paths[path], path
    own = {(each["HttpMethod"], each["ResourcePath"]) for each in settings}
    for method, path in SIGNED_IN:
        assert (method, "/" + path.replace("/", "~1")) in own


EXPECTED = load_template()["Parameters"]["ExpectedViewsPerSecond"]


def test_every_expected_number_of_views_has_its_limits():
    mapping = load_template()["Mappings"]["ExpectedViews"]
    assert list(mapping) == EXPECTED["AllowedValues"]
    for expected, limits in mapping.items():
        assert limits.keys() == mapping[EXPECTED["Default"]].keys()
        assert limits["Views"] >= int(expected)
        assert limits["Shards"] * 1000 >= int(expected)
        for name in ("Writes", "Others", "OwnPhotos", "Views"):
            assert limits[f"{name}Burst"] == 2 * limits[name]


@pytest.mark.parametrize(
    ("parameters", "throttle", "shards"),
    [
        ({}, 500, 1),
        ({"ExpectedViewsPerSecond": "50000"}, 100_000, 64),
        ({"ExpectedViewsPerSecond": "50000", "ViewsShardCount": "7"}, 100_000, 7),
        ({"ExpectedViewsPerSecond": "50000", "ViewsStreamMode": "ON_DEMAND"}, 100_000, None),
    ],
)
def test_throttles_and_shards_follow_the_expected_views(
    parameters: dict[str, str], throttle: int, shards: int | None
):
    resolver = Resolver(load_template(), parameters)
    [api] = resolver.resources("AWS::Serverless::Api").values()
    [views] = [
        each["ThrottlingRateLimit"]
        for each in api["MethodSettings"]
        if each["ResourcePath"].endswith("views") and each["HttpMethod"] == "POST"
    ]
    [stream] = resolver.resources("AWS::Kinesis::Stream").values()
    assert views == throttle
    assert stream.get("ShardCount") == (str(shards) if "ViewsShardCount" in parameters else shards)


def test_users_are_invited_and_send_their_password_only_at_sign_in(resources: Resources):
    [pool] = of_type(resources, "AWS::Cognito::UserPool").values()
    assert pool["Properties"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Properties"]["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    [client] = of_type(resources, "AWS::Cognito::UserPoolClient").values()
    assert client["Properties"]["PreventUserExistenceErrors"] == "ENABLED"
    assert "GenerateSecret" not in client["Properties"], "a page cannot keep a secret"


def test_a_browser_may_put_to_the_uploads_bucket_and_do_nothing_else(resources: Resources):
    [rule] = resources["UploadsBucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == ["PUT"]
    others = set(of_type(resources, "AWS::S3::Bucket")) - {"UploadsBucket"}
    assert not [each for each in others if "CorsConfiguration" in resources[each]["Properties"]]


def test_the_daily_report_has_bounded_retries_and_an_alarm(
    resources: Resources,
):
    schedule = resources["DailyReportStateMachineDaily"]
    properties = schedule["Properties"]
    assert "Name" not in properties, "a fixed name forbids a second stack"
    assert properties["ScheduleExpressionTimezone"] == {"Ref": "ReportTimeZone"}
    assert properties["FlexibleTimeWindow"]["Mode"] == "FLEXIBLE"
    target = properties["Target"]
    assert 0 < target["RetryPolicy"]["MaximumRetryAttempts"] <= 20
    assert 0 < target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 3600
    queue = {"Fn::GetAtt": ["ScheduleFailuresQueue", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": queue}
    watched = json.dumps(
        [each["Properties"]["Dimensions"] for each in of_type(resources, ALARM).values()]
    )
    assert "ScheduleFailuresQueue" in watched
    assert "DailyReportStateMachine" in watched


ALARM = "AWS::CloudWatch::Alarm"


def test_report_waits_longer_than_any_event_is_retried():
    thumbnailer = load_template()["Resources"]["ThumbnailerFunction"]["Properties"]
    seconds = thumbnailer["EventInvokeConfig"]["MaximumEventAgeInSeconds"]
    assert timedelta(seconds=seconds + thumbnailer["Timeout"]) < EVENT_LIFETIME


def test_no_lifecycle_rule_deletes_originals():
    """S3 would send `s3:LifecycleExpiration:*`, to which nothing listens."""
    uploads = load_template()["Resources"]["UploadsBucket"]["Properties"]
    for rule in uploads["LifecycleConfiguration"]["Rules"]:
        assert not [name for name in rule if "Expiration" in name], rule


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"Stage": "local"}, 20),
        ({"Stage": "dev"}, None),
        ({"Stage": "prod"}, 50),
        ({"Stage": "prod", "ThumbnailerReservedConcurrency": "0"}, None),
        ({"Stage": "dev", "ThumbnailerReservedConcurrency": "7"}, 7),
    ],
)
def test_only_the_thumbnailer_has_a_reserved_concurrency_by_stage(
    parameters: dict[str, str], expected: int | None
):
    template = load_template()
    defaults = {name: str(each["Default"]) for name, each in template["Parameters"].items()}
    resolver = Resolver(template, {**defaults, **parameters}, "us-east-1")
    functions = resolver.resources("AWS::Serverless::Function")
    reserved = {
        name: int(function["ReservedConcurrentExecutions"])
        for name, function in functions.items()
        if function.get("ReservedConcurrentExecutions") is not None
    }
    assert reserved == ({"ThumbnailerFunction": expected} if expected else {})


def test_events_of_uploads_that_are_throttled_wait_as_long_as_lambda_allows():
    thumbnailer = load_template()["Resources"]["ThumbnailerFunction"]["Properties"]
    assert thumbnailer["EventInvokeConfig"]["MaximumEventAgeInSeconds"] == 6 * 60 * 60
