"""Requests to origins: the buckets, REST APIs and function URLs of a laptop cloud."""

import json
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.clients import root_client
from localcloud.cloud import Cloud
from localcloud.cloudfront.behaviours import Behaviour, Distribution, Origin, normalised
from localcloud.cloudfront.caching import selected_cookies, selected_query
from localcloud.cloudfront.compression import encoding
from localcloud.cloudfront.function_urls import FunctionUrls
from localcloud.cloudfront.messages import HOP_BY_HOP, Headers, Request, Response, values, without
from localcloud.cloudfront.resource_policies import allows

_CONNECT_SECONDS: Final = 10
_BUCKET_SECONDS: Final = 30
_CONNECTIONS: Final = 40
_CONDITIONS: Final = ("if-none-match", "if-modified-since")
_NOT_FORWARDED: Final = HOP_BY_HOP | {
    "expect",
    "host",
    "content-length",
    "x-forwarded-proto",
    "x-real-ip",
}


class OriginError(Exception):
    """The origin did not answer: 502 if it cannot be reached, 504 if it is too slow."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def origin_request(request: Request, behaviour: Behaviour, via: str, request_id: str) -> Request:
    """The request to the origin: what the policies forward, and CloudFront's own headers."""
    policies = (behaviour.cache.key, behaviour.forward)
    forwarded = tuple(
        (name, value)
        for name, value in request.headers
        if any(each.headers.includes(name) for each in policies)
        and name not in _NOT_FORWARDED
        and not name.startswith(("x-edge-", "cloudfront-"))
        and name not in ("cookie", "via", "x-forwarded-for")
        and not (name == "accept-encoding" and behaviour.cache.compressed)
    )
    queries = [selected_query(request.query, each.queries) for each in policies]
    cookies = [selected_cookies(request.header("cookie"), each.cookies) for each in policies]
    hops = values(request.headers, "x-forwarded-for")
    own = {
        "Host": behaviour.origin.domain,
        "User-Agent": None if values(forwarded, "user-agent") else "Amazon CloudFront",
        "CloudFront-Viewer-Address": _viewer_address(request, behaviour),
        "Via": via,
        "X-Amz-Cf-Id": request_id,
        "X-Forwarded-For": ", ".join([*hops, request.client_ip]),
        "Accept-Encoding": _accept_encoding(request, behaviour),
        "Cookie": max(cookies, key=len) or None,
    }
    headers = (*forwarded, *((name, value) for name, value in own.items() if value is not None))
    query = max(queries, key=len)
    return to_origin(replace(request, query=query, headers=headers), behaviour.origin)


def to_origin(request: Request, origin: Origin) -> Request:
    """The request with the origin's path and custom headers."""
    custom = origin.custom_headers
    # A raw path could reach the emulator's own API, which has the same address as the REST APIs.
    path = request.path if origin.bucket else normalised(request.path)
    headers = without(request.headers, {name.lower() for name, _ in custom})
    return replace(request, path=origin.path + path, headers=(*headers, *custom))


def _viewer_address(request: Request, behaviour: Behaviour) -> str | None:
    """As AllViewerExceptHostHeader adds it, the one modelled policy that excepts headers."""
    if behaviour.forward.headers.kind != "allExcept":
        return None
    return f"{request.client_ip}:{request.client_port}"


def _accept_encoding(request: Request, behaviour: Behaviour) -> str | None:
    if not behaviour.cache.compressed or request.header("accept-encoding") is None:
        return None
    return encoding(request, behaviour.cache) or "identity"


class Origins:
    """The origins of one cloud, which all have its endpoint; thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._endpoint = cloud.endpoint
        self._s3 = root_client(cloud, "s3", read_timeout=_BUCKET_SECONDS)
        self._function_urls = FunctionUrls(cloud)
        self._http = httpx.Client(
            trust_env=False, limits=httpx.Limits(max_connections=_CONNECTIONS)
        )

    def close(self) -> None:
        self._http.close()

    def fetch(self, distribution: Distribution, origin: Origin, request: Request) -> Response:
        """The origin's answer to a request.

        Raises:
            OriginError: the origin cannot be reached, or is too slow.
        """
        if origin.bucket:
            return self._from_bucket(distribution, origin.bucket, request)
        if origin.is_function_url:
            return self._from_function_url(distribution, origin, request)
        return self._from_api(origin, request)

    def _from_api(self, origin: Origin, request: Request) -> Response:
        port = httpx.URL(self._endpoint).port
        host = f"{origin.domain.partition('.')[0]}.execute-api.localhost:{port}"
        query = f"?{request.query}" if request.query else ""
        return self._send(
            request.method,
            request.path + query,
            (("Host", host), *without(request.headers, {"host"})),
            request.body,
            origin.settings.get("OriginReadTimeout", 30),
        )

    def _from_function_url(
        self, distribution: Distribution, origin: Origin, request: Request
    ) -> Response:
        try:
            if refusal := self._function_urls.refusal(distribution, origin.domain, request):
                return refusal
        except (BotoCoreError, ClientError) as error:
            raise OriginError(502, f"{origin.domain} cannot be read: {error}") from error
        query = f"?{request.query}" if request.query else ""
        return self._send(
            request.method,
            request.path + query,
            self._function_urls.signed(request, origin.domain),
            request.body,
            origin.settings.get("OriginReadTimeout", 30),
        )

    def _from_bucket(self, distribution: Distribution, bucket: str, request: Request) -> Response:
        key = unquote(request.path).removeprefix("/")
        try:
            policy = self._policy(bucket)
            arn = f"arn:aws:s3:::{bucket}"
            if not allows(policy, "s3:GetObject", f"{arn}/{key}", distribution.arn):
                return _access_denied(request)
            target = f"/{bucket}"
            if key:
                url = self._s3.generate_presigned_url(
                    "get_object" if request.method == "GET" else "head_object",
                    Params={"Bucket": bucket, "Key": key},
                )
                target = url.removeprefix(self._endpoint)
        except (BotoCoreError, ClientError) as error:
            raise OriginError(502, f"The bucket {bucket} cannot be read: {error}") from error
        conditions = tuple(each for each in request.headers if each[0].lower() in _CONDITIONS)
        headers = (("Host", httpx.URL(self._endpoint).netloc.decode()), *conditions)
        response = self._send(request.method, target, headers, b"", _BUCKET_SECONDS)
        if response.status == 404 and not allows(policy, "s3:ListBucket", arn, distribution.arn):
            return _access_denied(request)
        return response

    def _policy(self, bucket: str) -> dict[str, Any]:
        try:
            policy = self._s3.get_bucket_policy(Bucket=bucket)["Policy"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
                return {}
            raise
        return dict(json.loads(policy))

    def _send(
        self, method: str, target: str, headers: Headers, body: bytes, seconds: float
    ) -> Response:
        """Send path and query unchanged: httpx would resolve `..`, and reach other buckets."""
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS).as_dict()
        request = httpx.Request(
            method,
            self._endpoint,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            content=body or None,
            extensions={"timeout": timeout, "target": target.encode("latin-1")},
        )
        try:
            answer = self._http.send(request, stream=True)
            try:
                received = b"".join(answer.iter_raw())
            finally:
                answer.close()
        except httpx.TimeoutException as error:
            raise OriginError(504, f"The origin did not answer in time: {error}") from error
        except httpx.TransportError as error:
            raise OriginError(502, f"The origin cannot be reached: {error}") from error
        given = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw
        )
        return Response(answer.status_code, given, received)


def _access_denied(request: Request) -> Response:
    body = (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    )
    headers = (("Content-Type", "application/xml"), ("Server", "AmazonS3"))
    return Response(403, headers, b"" if request.method == "HEAD" else body)
