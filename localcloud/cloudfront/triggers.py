"""The origin-response trigger: the event of Lambda@Edge, and what its function may answer."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from localcloud.cloudfront.behaviours import Distribution, Origin
from localcloud.cloudfront.messages import Headers, Request, Response, values, without

_MOST_BYTES: Final = 2**20
_READ_ONLY: Final = ("transfer-encoding", "via")
_HIDDEN: Final = re.compile(
    r"connection|expect|keep-alive|proxy-(authenticate|authorization|connection)|trailer|upgrade"
    r"|x-accel-(buffering|charset|limit-rate|redirect)|x-amz-cf-.*|x-cache|x-edge-.*"
    r"|x-amzn-(auth|cf-billing|cf-id|cf-xff|errortype|fle-profile|header-count|header-order"
    r"|lambda-integration-tag|requestid)|x-forwarded-proto|x-real-ip"
)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_STATUS: Final = re.compile(r"[2-5]\d\d")


class FunctionError(Exception):
    """The function failed: the status and the `X-Cache` that a viewer sees, and why."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.kind = kind


class InvalidAnswerError(FunctionError):
    """The function's answer breaks one of CloudFront's rules."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            502,
            "LambdaValidationError",
            f"The Lambda function's result failed validation: {reason}",
        )


def origin_response_event(
    distribution: Distribution,
    origin: Origin,
    request: Request,
    response: Response,
    request_id: str,
) -> dict[str, Any]:
    """What the function gets; `request` is what was sent to the origin."""
    config = {
        "distributionDomainName": distribution.domain,
        "distributionId": distribution.id,
        "eventType": "origin-response",
        "requestId": request_id,
    }
    cf_request = {
        "clientIp": request.client_ip,
        "headers": _exposed(
            without(request.headers, {name.lower() for name, _ in origin.custom_headers})
        ),
        "method": request.method,
        "origin": {"s3": _bucket(origin)} if origin.bucket else {"custom": _api(origin)},
        "querystring": request.query,
        "uri": request.path.removeprefix(origin.path),
    }
    cf_response = {
        "headers": _exposed(response.headers),
        "status": str(response.status),
        "statusDescription": _phrase(response.status),
    }
    return {"Records": [{"cf": {"config": config, "request": cf_request, "response": cf_response}}]}


def _bucket(origin: Origin) -> dict[str, Any]:
    return {
        "authMethod": "none",  # for origin access identities; origin access control sends none
        "customHeaders": _listed(origin.custom_headers),
        "domainName": origin.domain,
        "path": origin.path,
        "region": origin.region,
    }


def _api(origin: Origin) -> dict[str, Any]:
    return {
        "customHeaders": _listed(origin.custom_headers),
        "domainName": origin.domain,
        "keepaliveTimeout": origin.settings.get("OriginKeepaliveTimeout", 5),
        "path": origin.path,
        "port": origin.settings.get("HTTPSPort", 443),
        "protocol": "https",
        "readTimeout": origin.settings.get("OriginReadTimeout", 30),
        "sslProtocols": origin.settings.get("OriginSslProtocols", {}).get("Items", []),
    }


def _exposed(headers: Headers) -> dict[str, list[dict[str, str]]]:
    return _listed((name, value) for name, value in headers if not _HIDDEN.fullmatch(name.lower()))


def _listed(headers: Iterable[tuple[str, str]]) -> dict[str, list[dict[str, str]]]:
    by_name: dict[str, list[dict[str, str]]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append({"key": _capitalised(name), "value": value})
    return by_name


def _capitalised(name: str) -> str:
    """A header's name as in CloudFront's events; the HTTP server passes it in lower case."""
    return name.title() if name.islower() else name


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def answered(answer: object, response: Response) -> Response:
    """The origin's response as the function changed it.

    Raises:
        InvalidAnswerError: CloudFront would not accept that answer.
    """
    if not isinstance(answer, dict):
        raise InvalidAnswerError("it is not a response object")
    if len(json.dumps(answer, ensure_ascii=False).encode(errors="replace")) > _MOST_BYTES:
        raise InvalidAnswerError(f"it is larger than {_MOST_BYTES:,} bytes")
    if not isinstance(answer.get("statusDescription", ""), str):
        raise InvalidAnswerError("statusDescription is not a string")
    headers = _headers(answer.get("headers", {}))
    for name in _READ_ONLY:
        if values(headers, name) != values(response.headers, name):
            raise InvalidAnswerError(
                f"The function tried to add, delete, or change a read-only header: {name}"
            )
    hidden = tuple(each for each in response.headers if _HIDDEN.fullmatch(each[0].lower()))
    new = Response(_status(answer), (*headers, *hidden), _body(answer, response))
    if new.body == response.body:
        return new
    return new.with_header("Content-Length", str(len(new.body)))


def _status(answer: Mapping[str, Any]) -> int:
    status = answer.get("status")
    if not isinstance(status, str) or not _STATUS.fullmatch(status):
        raise InvalidAnswerError(f"status is {status!r}, not a string from '200' to '599'")
    return int(status)


def _headers(given: object) -> Headers:
    if not isinstance(given, dict):
        raise InvalidAnswerError("headers is not an object")
    headers: list[tuple[str, str]] = []
    for name, entries in given.items():
        if not _NAME.fullmatch(name):
            raise InvalidAnswerError(f"{name!r} is not a header name in lower case")
        if _HIDDEN.fullmatch(name):
            raise InvalidAnswerError(f"The function tried to add a disallowed header: {name}")
        if not isinstance(entries, list):
            raise InvalidAnswerError(f"header {name} is not an array")
        headers.extend(_header(name, entry) for entry in entries)
    return tuple(headers)


def _header(name: str, entry: object) -> tuple[str, str]:
    if not isinstance(entry, dict):
        raise InvalidAnswerError(f"an entry of header {name} is not an object")
    key, value = entry.get("key", name), entry.get("value")
    if not isinstance(key, str) or key.lower() != name:
        raise InvalidAnswerError(f"the key {key!r} is not {name!r}")
    if not isinstance(value, str) or not _VALUE.fullmatch(value) or not _latin(value):
        raise InvalidAnswerError(f"the value of header {name} is not a valid header value")
    return key, value


def _latin(value: str) -> bool:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _body(answer: Mapping[str, Any], response: Response) -> bytes:
    if "body" not in answer:
        return response.body
    body, encoding = answer["body"], answer.get("bodyEncoding", "text")
    if not isinstance(body, str) or encoding not in ("text", "base64"):
        raise InvalidAnswerError("body is not a string, or bodyEncoding is neither text nor base64")
    try:
        return body.encode() if encoding == "text" else base64.b64decode(body, validate=True)
    except ValueError:  # not base64, or not UTF-8
        raise InvalidAnswerError(f"body is not {encoding}") from None
