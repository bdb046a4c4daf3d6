"""Reads the configuration of a distribution; refuses settings that are not modelled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote_to_bytes

METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"))
READING: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_BUCKET: Final = re.compile(r"(?P<bucket>[a-z0-9.-]+)\.s3\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")
_API: Final = re.compile(r"[a-z0-9]+\.execute-api\.[a-z0-9-]+\.amazonaws\.com")
_FUNCTION_URL: Final = re.compile(r"[a-z0-9-]+\.lambda-url\.[a-z0-9-]+\.on\.aws")
_VERSION: Final = re.compile(r"arn:aws:lambda:us-east-1:\d{12}:function:[\w-]+:\d+")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(rb"[A-Za-z0-9._~-]")


class Trigger(StrEnum):
    """The event at which CloudFront runs a Lambda@Edge function."""

    VIEWER_REQUEST = "viewer-request"
    ORIGIN_REQUEST = "origin-request"
    ORIGIN_RESPONSE = "origin-response"
    VIEWER_RESPONSE = "viewer-response"


class NotModelledError(ValueError):
    """The distribution has a setting that localcloud does not model."""


@dataclass(frozen=True)
class Selection:
    """Which query strings, headers or cookies a policy selects, by name."""

    kind: str = "none"
    names: frozenset[str] = frozenset()

    def includes(self, name: str) -> bool:
        match self.kind:
            case "none":
                return False
            case "all" | "allViewer":
                return True
            case "whitelist":
                return name in self.names
            case "allExcept":
                return name not in self.names
        raise NotModelledError(f"A policy that forwards {self.kind!r} is not modelled.")


@dataclass(frozen=True)
class RequestPolicy:
    """What CloudFront forwards to the origin; header names are in lower case."""

    queries: Selection = Selection()
    headers: Selection = Selection()
    cookies: Selection = Selection()


@dataclass(frozen=True)
class CachePolicy:
    """How long objects are cached, in seconds, and what the cache key has apart from the path."""

    min_ttl: int
    default_ttl: int
    max_ttl: int
    key: RequestPolicy = RequestPolicy()
    compressed: bool = False


@dataclass(frozen=True)
class Origin:
    """A bucket, or a function URL, or (without both) a REST API."""

    domain: str
    path: str = ""
    bucket: str | None = None
    region: str = ""
    custom_headers: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_function_url: bool = False


@dataclass(frozen=True)
class Behaviour:
    """A cache behaviour; `functions` has the ARN of the function at each trigger."""

    pattern: str
    origin: Origin
    methods: frozenset[str]
    cache: CachePolicy
    forward: RequestPolicy = RequestPolicy()
    compress: bool = False
    functions: Mapping[Trigger, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Distribution:
    """A distribution as far as it is modelled; the last behaviour is the default one.

    `tag_header` is the response header with the cache tags, in lower case; None if the distribution
    has no cache tags.
    """

    id: str
    arn: str
    domain: str
    root_object: str
    behaviours: tuple[Behaviour, ...]
    error_ttls: Mapping[int, int]
    tag_header: str | None = None

    def behaviour(self, path: str) -> Behaviour:
        return next(each for each in self.behaviours if matches(each.pattern, path))


def matches(pattern: str, path: str) -> bool:
    """Whether a path, which begins with a slash, matches a path pattern."""
    parts = [{"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern.lstrip("/")]
    return re.fullmatch("/" + "".join(parts), path, re.DOTALL) is not None


def normalised(path: str) -> str:
    """A path normalised by RFC 3986: escapes only where needed, in capitals; no dot segments."""

    def escape(match: re.Match[str]) -> str:
        octet = unquote_to_bytes(match[0])
        return octet.decode() if _UNRESERVED.fullmatch(octet) else match[0].upper()

    segments: list[str] = []
    given = _ESCAPE.sub(escape, path).split("/")[1:] or [""]
    for segment in given:
        match segment:
            case ".":
                pass
            case "..":
                del segments[-1:]
            case _:
                segments.append(segment)
    if given[-1] in (".", ".."):
        segments.append("")
    return "/" + "/".join(segments)


def distribution_from_api(
    given: Mapping[str, Any],
    cache_policies: Mapping[str, Mapping[str, Any]],
    request_policies: Mapping[str, Mapping[str, Any]],
) -> Distribution:
    """The distribution of a GetDistribution answer; policy configurations are by id.

    Raises:
        NotModelledError: it has a setting that localcloud does not model.
    """
    config = given["DistributionConfig"]
    if config.get("OriginGroups", {}).get("Quantity"):
        raise NotModelledError("Origin groups are not modelled.")
    if config.get("Restrictions", {}).get("GeoRestriction", {}).get("RestrictionType") in (
        "blacklist",
        "whitelist",
    ):
        raise NotModelledError("Geographic restrictions are not modelled.")
    origins = {each["Id"]: _origin(each) for each in _items(config["Origins"])}

    def behaviour(each: Mapping[str, Any], pattern: str) -> Behaviour:
        request_policy = each.get("OriginRequestPolicyId")
        return _behaviour(
            each,
            pattern,
            origins[each["TargetOriginId"]],
            _cache_policy(cache_policies[_cache_policy_id(each, pattern)]),
            _request_policy(request_policies[request_policy])
            if request_policy
            else RequestPolicy(),
        )

    return Distribution(
        id=given["Id"],
        arn=given["ARN"],
        domain=given["DomainName"],
        root_object=config.get("DefaultRootObject", ""),
        behaviours=(
            *(
                behaviour(each, each["PathPattern"])
                for each in _items(config.get("CacheBehaviors", {}))
            ),
            behaviour(config["DefaultCacheBehavior"], "*"),
        ),
        error_ttls=_error_ttls(config),
        tag_header=(config.get("CacheTagConfig") or {}).get("HeaderName", "").lower() or None,
    )


def policy_ids(config: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The ids of the cache policies and of the origin request policies that are in use."""
    behaviours = [*_items(config.get("CacheBehaviors", {})), config["DefaultCacheBehavior"]]
    cache = {_cache_policy_id(each, each.get("PathPattern", "*")) for each in behaviours}
    return cache, {id_ for each in behaviours if (id_ := each.get("OriginRequestPolicyId"))}


def _cache_policy_id(behaviour: Mapping[str, Any], pattern: str) -> str:
    if not behaviour.get("CachePolicyId"):
        raise NotModelledError(
            f"Behaviour {pattern} has no cache policy; legacy cache settings are not modelled."
        )
    return str(behaviour["CachePolicyId"])


def _behaviour(
    given: Mapping[str, Any],
    pattern: str,
    origin: Origin,
    cache: CachePolicy,
    forward: RequestPolicy,
) -> Behaviour:
    for setting, present in {
        "CloudFront Functions": given.get("FunctionAssociations", {}).get("Quantity"),
        "a response headers policy": given.get("ResponseHeadersPolicyId"),
        "trusted signers": given.get("TrustedSigners", {}).get("Enabled"),
        "trusted key groups": given.get("TrustedKeyGroups", {}).get("Enabled"),
        "field-level encryption": given.get("FieldLevelEncryptionId"),
    }.items():
        if present:
            raise NotModelledError(f"Behaviour {pattern} has {setting}, which is not modelled.")
    methods = frozenset(_items(given.get("AllowedMethods", {"Items": ["GET", "HEAD"]})))
    if origin.bucket and not methods <= READING:
        raise NotModelledError(f"Behaviour {pattern} writes to a bucket, which is not modelled.")
    return Behaviour(
        pattern,
        origin,
        methods,
        cache,
        forward,
        compress=bool(given.get("Compress")),
        functions=_functions(_items(given.get("LambdaFunctionAssociations", {})), pattern),
    )


def _functions(associations: list[Any], pattern: str) -> dict[Trigger, str]:
    for each in associations:
        if each.get("IncludeBody"):
            raise NotModelledError(
                f"Behaviour {pattern} has a function that gets the request's body, which is not"
                " modelled."
            )
        if not _VERSION.fullmatch(each["LambdaFunctionARN"]):
            raise NotModelledError(
                f"Behaviour {pattern} has the function {each['LambdaFunctionARN']}: CloudFront"
                " takes a numbered version in us-east-1 only."
            )
    return {Trigger(each["EventType"]): str(each["LambdaFunctionARN"]) for each in associations}


def _origin(given: Mapping[str, Any]) -> Origin:
    domain = given["DomainName"]
    bucket = _BUCKET.fullmatch(domain)
    is_function_url = _FUNCTION_URL.fullmatch(domain) is not None
    if not bucket and not is_function_url and not _API.fullmatch(domain):
        raise NotModelledError(
            f"Origin {domain} is neither a bucket, nor a function URL, nor a REST API."
        )
    if (bucket or is_function_url) and not given.get("OriginAccessControlId"):
        kind = "bucket" if bucket else "function URL"
        raise NotModelledError(f"Origin {domain} is a {kind} without origin access control.")
    custom_headers = _items(given.get("CustomHeaders", {}))
    return Origin(
        domain,
        given.get("OriginPath", ""),
        bucket["bucket"] if bucket else None,
        bucket["region"] if bucket else "",
        tuple((each["HeaderName"], each["HeaderValue"]) for each in custom_headers),
        given.get("CustomOriginConfig") or {},
        is_function_url,
    )


def _cache_policy(config: Mapping[str, Any]) -> CachePolicy:
    key = config.get("ParametersInCacheKeyAndForwardedToOrigin", {})
    return CachePolicy(
        config["MinTTL"],
        config.get("DefaultTTL", max(86_400, config["MinTTL"])),
        config.get("MaxTTL", 31_536_000),
        _request_policy(key),
        bool(key.get("EnableAcceptEncodingGzip")),
    )


def _request_policy(config: Mapping[str, Any]) -> RequestPolicy:
    headers = config.get("HeadersConfig", {})
    cookies = config.get("CookiesConfig", {})
    queries = config.get("QueryStringsConfig", {})
    policy = RequestPolicy(
        _selection(queries.get("QueryStringBehavior"), queries.get("QueryStrings")),
        _selection(headers.get("HeaderBehavior"), headers.get("Headers"), str.lower),
        _selection(cookies.get("CookieBehavior"), cookies.get("Cookies")),
    )
    of_cloudfront = sorted(each for each in policy.headers.names if each.startswith("cloudfront-"))
    if of_cloudfront and policy.headers.kind == "whitelist":
        raise NotModelledError(f"Headers that CloudFront makes are not modelled: {of_cloudfront}.")
    return policy


def _selection(kind: str | None, names: Mapping[str, Any] | None, form: Any = str) -> Selection:
    selection = Selection(kind or "none", frozenset(form(each) for each in _items(names or {})))
    selection.includes("")  # raises for an unknown kind when the distribution is read
    return selection


def _error_ttls(config: Mapping[str, Any]) -> dict[int, int]:
    responses = _items(config.get("CustomErrorResponses", {}))
    for each in responses:
        if each.get("ResponsePagePath"):
            raise NotModelledError(f"The page for error {each['ErrorCode']} is not modelled.")
    return {each["ErrorCode"]: each["ErrorCachingMinTTL"] for each in responses}


def _items(given: Mapping[str, Any]) -> list[Any]:
    """The items of one of the API's lists, which has no Items if it is empty."""
    return list(given.get("Items") or ())
