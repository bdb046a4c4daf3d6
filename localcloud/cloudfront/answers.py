"""What Lambda@Edge functions may answer, by CloudFront's rules."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from localcloud.cloudfront.behaviours import Trigger
from localcloud.cloudfront.messages import Headers, Request, Response, values
from localcloud.cloudfront.triggers import HIDDEN

_MAX_BYTES: Final = {
    Trigger.VIEWER_REQUEST: 40 * 2**10,
    Trigger.ORIGIN_REQUEST: 2**20,
    Trigger.ORIGIN_RESPONSE: 2**20,
    Trigger.VIEWER_RESPONSE: 40 * 2**10,
}
_LONGEST_URI: Final = 8_191
_GENERATED_READ_ONLY: Final = ("transfer-encoding", "via")
_READ_ONLY: Final = {
    Trigger.VIEWER_REQUEST: ("cdn-loop", "content-length", "host", "transfer-encoding", "via"),
    Trigger.ORIGIN_REQUEST: (
        "accept-encoding",
        "cdn-loop",
        "content-length",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "transfer-encoding",
        "via",
    ),
    Trigger.ORIGIN_RESPONSE: ("transfer-encoding", "via"),
    Trigger.VIEWER_RESPONSE: (
        "content-encoding",
        "content-length",
        "transfer-encoding",
        "via",
        "warning",
    ),
}
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_STATUS: Final = re.compile(r"[2-5]\d\d")
_URI: Final = re.compile(r"/[!\"$->@-~]*")
_QUERY: Final = re.compile(r"[!\"$-~]*")


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


def request_answer(
    trigger: Trigger, answer: object, event: Mapping[str, Any], request: Request
) -> Request | Response:
    """The request as the function changed it, or the response that it generated.

    A path in the answer is without the origin's path, like that in `event`.

    Raises:
        InvalidAnswerError: CloudFront would not accept that answer.
    """
    given = _object(trigger, answer)
    if "status" in given:
        headers = _headers(given.get("headers", {}))
        _check_read_only(_GENERATED_READ_ONLY, headers, ())
        response = Response(_status(given), headers, _body(given, b""))
        if response.status == 204 and response.body:
            raise InvalidAnswerError("a response with status 204 has a body")
        return response.with_header("Content-Length", str(len(response.body)))
    before = event["Records"][0]["cf"]["request"]
    for name in ("method", "clientIp", "origin"):
        if given.get(name, before.get(name)) != before.get(name):
            raise InvalidAnswerError(
                f"the function changed {name}; localcloud does not model another origin"
                if name == "origin"
                else f"the function changed {name}, which is read-only"
            )
    headers = _headers(given.get("headers", {}))
    _check_read_only(_READ_ONLY[trigger], headers, request.headers)
    uri = _changed(given, before, "uri", _URI)
    query = _changed(given, before, "querystring", _QUERY)
    if len(uri) + len(query) > _LONGEST_URI:
        raise InvalidAnswerError(f"uri and querystring have more than {_LONGEST_URI:,} characters")
    lower = tuple((name.lower(), value) for name, value in headers)
    return replace(request, path=uri, query=query, headers=(*lower, *_hidden(request.headers)))


def _hidden(headers: Headers) -> Headers:
    """The headers that the function neither sees nor changes."""
    return tuple(each for each in headers if HIDDEN.fullmatch(each[0].lower()))


def _changed(
    given: Mapping[str, Any], before: Mapping[str, Any], name: str, form: re.Pattern[str]
) -> str:
    value = given.get(name)
    if value != before[name] and not (isinstance(value, str) and form.fullmatch(value)):
        raise InvalidAnswerError(f"{name} is {value!r}, which is not percent-encoded")
    return str(value)


def response_answer(trigger: Trigger, answer: object, response: Response) -> Response:
    """The response as the function changed it.

    Raises:
        InvalidAnswerError: CloudFront would not accept that answer.
    """
    given = _object(trigger, answer)
    headers = _headers(given.get("headers", {}))
    _check_read_only(_READ_ONLY[trigger], headers, response.headers)
    status = _status(given)
    if trigger is Trigger.VIEWER_RESPONSE and (status != response.status or "body" in given):
        raise InvalidAnswerError("the function changed the status or the body, which are read-only")
    new = Response(status, (*headers, *_hidden(response.headers)), _body(given, response.body))
    if new.body == response.body:
        return new
    return new.with_header("Content-Length", str(len(new.body)))


def _object(trigger: Trigger, answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise InvalidAnswerError("it is not an object")
    if len(json.dumps(answer, ensure_ascii=False).encode(errors="replace")) > _MAX_BYTES[trigger]:
        raise InvalidAnswerError(f"it is larger than {_MAX_BYTES[trigger]:,} bytes")
    if not isinstance(answer.get("statusDescription", ""), str):
        raise InvalidAnswerError("statusDescription is not a string")
    return answer


def _check_read_only(names: tuple[str, ...], headers: Headers, before: Headers) -> None:
    for name in names:
        if values(headers, name) != values(before, name):
            raise InvalidAnswerError(
                f"The function tried to add, delete, or change a read-only header: {name}"
            )


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
        if HIDDEN.fullmatch(name):
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


def _body(answer: Mapping[str, Any], otherwise: bytes) -> bytes:
    if "body" not in answer:
        return otherwise
    body, encoding = answer["body"], answer.get("bodyEncoding", "text")
    if not isinstance(body, str) or encoding not in ("text", "base64"):
        raise InvalidAnswerError("body is not a string, or bodyEncoding is neither text nor base64")
    try:
        return body.encode() if encoding == "text" else base64.b64decode(body, validate=True)
    except ValueError:  # not base64, or not UTF-8
        raise InvalidAnswerError(f"body is not {encoding}") from None
