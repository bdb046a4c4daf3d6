"""ETags, and 304 for a request that has the current one."""

import json
from typing import Any

import pytest

from gallery_api.cached_answers import cached, with_etag


def answer(body: object) -> dict[str, Any]:
    """An answer of `cached` as the resolver writes it."""
    response = cached(body)
    return {
        "statusCode": response.status_code,
        "body": json.dumps(body),
        "isBase64Encoded": False,
        "multiValueHeaders": {
            "Content-Type": ["application/json"],
            **{name: [str(value)] for name, value in response.headers.items()},
        },
    }


def etag(body: object) -> str:
    [value] = with_etag(answer(body), None)["multiValueHeaders"]["ETag"]
    return str(value)


def test_equal_bodies_have_equal_etags():
    assert etag({"total": 1}) == etag({"total": 1})
    assert etag({"total": 1}) != etag({"total": 2})


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"other",W/{}'])
def test_request_with_the_current_etag_gets_304(form: str):
    current = etag({"total": 1})
    unchanged = with_etag(answer({"total": 1}), {"if-none-match": form.format(current)})
    assert (unchanged["statusCode"], unchanged["body"]) == (304, "")
    headers = unchanged["multiValueHeaders"]
    assert headers["ETag"] == [current]
    assert headers["Cache-Control"] == answer({})["multiValueHeaders"]["Cache-Control"]
    assert "Content-Type" not in headers


@pytest.mark.parametrize("given", [{}, {"If-None-Match": '"other"'}, {"If-None-Match": ""}, None])
def test_other_requests_get_the_body(given: dict[str, str] | None):
    assert with_etag(answer({"total": 1}), given)["statusCode"] == 200


def test_answer_that_is_not_cached_has_no_etag():
    own = {
        "statusCode": 200,
        "body": "{}",
        "multiValueHeaders": {"Cache-Control": ["no-store"]},
    }
    assert with_etag(own, None) == own
