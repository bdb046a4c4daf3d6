"""The verdict for answers of a new version."""

import io
import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from gallery_api.models import NewPhoto
from release_check.checks import REQUESTS, SLOWEST_SECONDS, check
from tests.support.repository import ROOT

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:gallery-api:42"
EVENTS = ROOT / "events"
HEALTH, LIST, REJECTION = REQUESTS


def http(status: int, body: object, content_type: str = "application/json") -> dict[str, Any]:
    """What a function answers API Gateway."""
    return {
        "statusCode": status,
        "body": json.dumps(body),
        "isBase64Encoded": False,
        "multiValueHeaders": {"Content-Type": [content_type]},
    }


GOOD: dict[str, Any] = {
    HEALTH: http(200, {"status": "ok", "version": "42", "region": "eu-central-1"}),
    LIST: http(200, {"photos": [], "cursor": None}),
    REJECTION: http(
        400,
        {"status": 400, "errors": [{"pointer": "#/title", "detail": "must be …"}]},
        "application/problem+json",
    ),
}


class Version:
    """A version of the API that answers well, but for what a test changes; its own clock too."""

    def __init__(self, **seconds: float) -> None:
        self.answers: dict[str, Any] = dict(GOOD)
        self.seconds = seconds
        self.now = 1_000.0
        self.asked: list[tuple[str, str]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's
        event = json.loads(Payload)
        request = f"{event['httpMethod']} {event['path']}"
        self.asked.append((FunctionName, request))
        self.now += self.seconds.get(request.replace(" /", "_").lower(), 0.02)
        answer = self.answers[request]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, bytes):
            return {"Payload": io.BytesIO(answer)}
        if "errorMessage" in answer:
            error = {"FunctionError": "Unhandled"}
            return error | {"Payload": io.BytesIO(json.dumps(answer).encode())}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def check(self, left: Iterable[float] = ()) -> dict[str, str]:
        """The reasons by request."""
        times = iter(left)
        found = check(self.invoke, ARN, lambda: self.now, lambda: next(times, 12))
        return {request: reason for request, _, reason in found}


def test_version_that_answers_well_is_a_go():
    version = Version()
    assert version.check() == dict.fromkeys(GOOD, "")
    assert version.asked == [(ARN, request) for request in GOOD]


def test_a_page_with_photos_and_a_cursor_is_a_go():
    version = Version()
    version.answers[LIST] = http(200, {"photos": [{"photo_id": "…"}], "cursor": "AZqh"})
    assert not any(version.check().values())


WRONG = {
    "another version": (HEALTH, http(200, {"version": "41"}), "version 42"),
    "no version": (HEALTH, http(200, {"status": "ok"}), "version 42"),
    "an error of the server": (LIST, http(500, {"title": "Internal"}), "500"),
    "a list of another shape": (LIST, http(200, []), "unexpected answer"),
    "a list without a cursor": (LIST, http(200, {"photos": []}), "unexpected answer"),
    "photos that are no list": (
        LIST,
        http(200, {"photos": {}, "cursor": None}),
        "unexpected answer",
    ),
    "a photo that is taken": (REJECTION, http(201, {"photo": {}}), "201"),
    "no field named": (
        REJECTION,
        http(400, {"status": 400, "detail": "no"}, "application/problem+json"),
        "unexpected answer",
    ),
    "an empty list of fields": (
        REJECTION,
        http(400, {"errors": []}, "application/problem+json"),
        "unexpected answer",
    ),
    "a rejection that is no problem": (
        REJECTION,
        http(400, {"errors": [{"pointer": "#/title"}]}),
        "unexpected answer",
    ),
    "the wrong content type": (
        LIST,
        http(200, {"photos": [], "cursor": None}, "text/html"),
        "html",
    ),
    "no content type": (HEALTH, GOOD[HEALTH] | {"multiValueHeaders": {}}, "unexpected answer"),
    "a body that is not JSON": (HEALTH, GOOD[HEALTH] | {"body": "<html>"}, "malformed"),
    "no body": (HEALTH, GOOD[HEALTH] | {"body": None}, r"\$\.body"),
    "no HTTP answer": (HEALTH, {"batchItemFailures": []}, "`statusCode`"),
    "nothing": (HEALTH, b"null", "got `null`"),
    "an empty payload": (HEALTH, b"", "truncated"),
    "a payload that is not UTF-8": (HEALTH, b'{"body": "\xff"}', "not an HTTP answer"),
    "a function that fails": (
        HEALTH,
        {"errorMessage": "No module named 'gallery_api'", "errorType": "ImportModuleError"},
        "No module named 'gallery_api'",
    ),
    "a version that is not there": (
        HEALTH,
        ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "Invoke"),
        "ResourceNotFoundException",
    ),
    "a version that does not answer": (
        HEALTH,
        ReadTimeoutError(endpoint_url="https://lambda.example"),
        "Read timeout",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_no_go_has_its_reason_and_the_other_requests_are_still_made(wrong: str):
    request, answer, hint = WRONG[wrong]
    version = Version()
    version.answers[request] = answer
    reasons = version.check()
    assert re.search(hint, reasons.pop(request)), reasons
    assert not any(reasons.values())
    assert len(version.asked) == len(GOOD)


def test_function_error_is_a_no_go_whatever_the_payload_looks_like():
    version = Version()
    version.answers[HEALTH] = GOOD[HEALTH] | {"errorMessage": "timed out"}
    assert "the function failed" in version.check()[HEALTH]


def test_long_answer_is_shown_in_part():
    version = Version()
    version.answers[LIST] = http(500, "x" * 100_000)
    assert len(version.check()[LIST]) < 700


@pytest.mark.parametrize("request_", [LIST, REJECTION])
def test_slow_answer_is_a_no_go(request_: str):
    name = request_.replace(" /", "_").lower()
    assert not any(Version(**{name: SLOWEST_SECONDS}).check().values())
    reason = Version(**{name: SLOWEST_SECONDS + 0.1}).check()[request_]
    assert "3.1 s" in reason


def test_first_answer_may_take_its_cold_start():
    assert not any(Version(get_health=4.9).check().values())


def test_milliseconds_are_those_of_each_call():
    version = Version(get_health=1.5, get_photos=0.25)
    found = check(version.invoke, ARN, lambda: version.now, lambda: 12)
    assert [milliseconds for _, milliseconds, _ in found] == [1500, 250, 20]


def test_no_request_is_sent_that_might_not_end_in_time():
    version = Version()
    reasons = version.check([12, 0.001, 0])
    assert [request for _, request in version.asked] == [HEALTH, LIST]
    assert reasons == {HEALTH: "", LIST: "", REJECTION: reasons[REJECTION]}
    assert "too little time" in reasons[REJECTION]


def test_internal_error_is_raised():
    version = Version()
    version.answers[HEALTH] = KeyError("ours")
    with pytest.raises(KeyError, match="ours"):
        version.check()


@pytest.mark.parametrize(
    ("request_", "sample"),
    [(HEALTH, "get_health"), (LIST, "list_photos"), (REJECTION, "create_photo")],
)
def test_requests_have_the_shape_that_the_gateway_gives_them(request_: str, sample: str):
    ours, gateways = REQUESTS[request_], json.loads((EVENTS / f"api_{sample}.json").read_text())
    assert ours.keys() == gateways.keys()
    assert ours["requestContext"].keys() <= gateways["requestContext"].keys()
    assert ("authorizer" in ours["requestContext"]) == ("authorizer" in gateways["requestContext"])
    for name in ("resource", "path", "httpMethod", "isBase64Encoded"):
        assert ours[name] == gateways[name]


def test_rejected_photo_breaks_each_rule_separately():
    """So a version must forget them all before it writes what it is asked to reject."""
    good = {"title": "Harbour", "content_type": "image/jpeg", "bytes": 1}
    body = json.loads(REQUESTS[REJECTION]["body"])
    assert body.keys() > good.keys()
    assert msgspec.convert(good, NewPhoto)
    for name, value in body.items():
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.convert(good | {name: value}, NewPhoto)
