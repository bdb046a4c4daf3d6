import base64
import json
from http import HTTPStatus
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from gallery_api.bodies import decode_body
from gallery_api.models import NewPhoto
from gallery_api.problems import FieldError, ProblemError

VALID = {"title": "Harbour at dawn", "content_type": "image/jpeg", "bytes": 1000}


def decode(body: str | None, *, content_type: str | None = None, encoded: bool = False) -> NewPhoto:
    headers = {} if content_type is None else {"content-TYPE": content_type}
    event = APIGatewayProxyEvent({"headers": headers, "body": body, "isBase64Encoded": encoded})
    return decode_body(event, NewPhoto)


def problem(
    body: str | None, *, content_type: str | None = None, encoded: bool = False
) -> ProblemError:
    with pytest.raises(ProblemError) as raised:
        decode(body, content_type=content_type, encoded=encoded)
    return raised.value


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json", "Application/JSON", "application/json; charset=utf-8"],
)
def test_json_is_accepted(content_type: str | None):
    assert decode(json.dumps(VALID), content_type=content_type) == NewPhoto(**VALID)


def test_base64_encoded_body_is_decoded():
    body = base64.b64encode(json.dumps(VALID).encode()).decode()
    assert decode(body, encoded=True) == NewPhoto(**VALID)


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/json", "", "application/problem+json"],
)
def test_other_content_type_is_unsupported(content_type: str):
    refused = problem(json.dumps(VALID), content_type=content_type)
    assert refused.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize("body", [None, ""])
def test_missing_body_is_named(body: str | None):
    assert problem(body).detail == "The request has no body."


def test_large_body_is_refused():
    body = json.dumps({**VALID, "title": "a" * 40_000})
    assert problem(body).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    ("body", "encoded"),
    [
        ("{", False),
        ("title=a", False),
        ('{"title": NaN}', False),
        (json.dumps(VALID) + "x", False),
        ('{"title": "\ud800"}', False),
        ("not base64", True),
        ("ünicode!", True),
        (base64.b64encode(b'{"title": "\xff"}').decode(), True),
        ("[" * 30_000, False),
        ('{"title":' * 3_000, False),
    ],
)
def test_what_is_not_json_is_refused(body: str, encoded: bool):
    assert problem(body, encoded=encoded).status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("body", ["null", "[]", '"title"', "1"])
def test_json_that_is_not_an_object_is_refused(body: str):
    assert problem(body).detail == "The body must be a JSON object."


@pytest.mark.parametrize("field", VALID)
def test_missing_field_is_named(field: str):
    refused = problem(json.dumps({name: VALID[name] for name in VALID if name != field}))
    assert refused.errors == [FieldError(f"#/{field}", "is required")]
    assert refused.detail == f"{field} is required"


@pytest.mark.parametrize(
    ("field", "pointer"),
    [
        ("owner", "#/owner"),
        ("", "#/"),
        ("a/b~c d`é", "#/a~1b~0c%20d%60%C3%A9"),
        ("x` - at `$.title", "#/x%60%20-%20at%20%60%24.title"),
    ],
)
def test_unknown_field_is_named(field: str, pointer: str):
    refused = problem(json.dumps({**VALID, field: 1}))
    assert refused.errors == [FieldError(pointer, "is not a known field")]


@pytest.mark.parametrize(
    ("field", "values", "rule"),
    [
        (
            "title",
            ["", " \t\n", "\u00a0", "\u200b", "\x00", "a" * 201, 1, None, ["a"]],
            "must be a string of 1 to 200 characters, at least one of them visible",
        ),
        (
            "content_type",
            ["", "image/bmp", "IMAGE/JPEG", "image/jpeg; q=1", 1, None],
            "must be one of image/avif, image/gif, image/heic, image/heif, image/jpeg, image/png,"
            " image/webp",
        ),
        (
            "bytes",
            [0, -1, 25_000_001, 10**30, 1.5, 1000.0, "1000", True, None],
            "must be a whole number from 1 to 25000000",
        ),
    ],
)
def test_unusable_field_is_named_with_its_rule(field: str, values: list[object], rule: str):
    for value in values:
        refused = problem(json.dumps({**VALID, field: value}))
        assert refused.errors == [FieldError(f"#/{field}", rule)], value
        assert refused.detail == f"{field} {rule}"


@pytest.mark.parametrize(
    "values",
    [
        {"title": "a"},
        {"title": "\N{CAMERA}" * 200},
        {"title": " a "},
        {"bytes": 1},
        {"bytes": 25_000_000},
        {"content_type": "image/webp"},
    ],
)
def test_values_at_the_limits_are_accepted(values: dict[str, Any]):
    assert decode(json.dumps({**VALID, **values})) == NewPhoto(**{**VALID, **values})
