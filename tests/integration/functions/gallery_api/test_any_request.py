import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from gallery_api.models import has_visible_character
from shared.photos import Status
from tests.support.gallery_api import Api, assert_problem, load_request, put
from tests.support.moto_stack import REGION, MotoStack


def test_health_says_version_and_region_and_touches_no_table(
    api: Api, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(api.resources.dynamodb, "_make_api_call", pytest.fail)
    answer = api.call("get_health")
    assert answer.status == 200
    assert answer.body == {"status": "ok", "version": "42", "region": REGION}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/photo"), ("PUT", "/photos"), ("POST", "/health"), ("GET", "//")],
)
def test_unknown_route_is_a_problem(api: Api, method: str, path: str):
    assert_problem(api.call("get_health", httpMethod=method, path=path), 404)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("get_health", "/health"),
        ("list_photos", "/photos"),
        ("get_photo", "/photos/019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"),
        ("get_views", "/photos/019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60/views"),
    ],
)
def test_path_with_a_line_break_at_its_end_is_unknown(
    stack: MotoStack, api: Api, name: str, path: str
):
    put(stack, photo_id="019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60", status=Status.READY)
    assert api.call(name, path=path).status == 200
    assert_problem(api.call(name, path=f"{path}\n"), 404)


@pytest.mark.parametrize("name", ["list_photos", "get_photo", "get_views"])
def test_public_answer_is_cached_and_does_not_depend_on_the_caller(
    stack: MotoStack, api: Api, name: str
):
    put(stack, photo_id="019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60", status=Status.READY)
    answer = api.call(name)
    headers = load_request(name)["headers"]
    others = api.call(name, headers=headers | {"Authorization": "a token", "Cookie": "a=b"})
    assert answer.body == others.body
    [etag] = answer.headers["ETag"]
    unchanged = api.call(name, headers=headers | {"If-None-Match": etag})
    assert (unchanged.status, unchanged.body) == (304, None)


@pytest.mark.parametrize("name", ["get_health", "list_own_photos"])
def test_other_answers_are_not_cached(api: Api, name: str):
    assert "ETag" not in api.call(name).headers


def longest_call(client: Any) -> float:
    """The seconds until the last attempt times out."""
    config = client.meta.config
    tries = config.retries["total_max_attempts"]
    waits = sum(2**retry for retry in range(tries - 1))  # botocore's longest
    return float(tries * (config.connect_timeout + config.read_timeout) + waits)


def test_calls_time_out_within_the_time_limit(stack: MotoStack, api: Api):
    limit = stack.template["Resources"]["GalleryApiFunction"]["Properties"]["Timeout"]
    dynamodb = longest_call(api.resources.dynamodb)
    counts = longest_call(api.resources.counts_dynamodb)
    assert counts == 2
    assert dynamodb + 2 * longest_call(api.resources.kinesis) + counts < limit
    assert 3 * dynamodb < limit, "a key, the photo, the answer"
    assert (
        dynamodb + longest_call(api.resources.s3)
        <= api.routes.DELETION_RESERVE_SECONDS
        < limit - dynamodb
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
plausible_bodies = st.fixed_dictionaries(
    {},
    optional={
        "title": st.text(max_size=210) | json_values,
        "content_type": st.sampled_from(["image/jpeg", "image/png", "image/bmp"]) | json_values,
        "bytes": st.integers(0, 26_214_401) | json_values,
        "owner": json_values,
    },
)
good_bodies = st.fixed_dictionaries(
    {
        "title": st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
        "content_type": st.sampled_from(["image/jpeg", "image/avif"]),
        "bytes": st.integers(1, 25_000_000),
    }
)
with_one_api = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)


@with_one_api
@given(body=json_values | plausible_bodies | good_bodies)
@example(body={"title": "a", "content_type": "image/png", "bytes": 1})
@example(body={"title": "a", "content_type": "image/png", "bytes": 1.0})
@example(body={"title": " \t", "content_type": "image/png", "bytes": 1})
@example(body={"title": "a" * 201, "content_type": "image/png", "bytes": 1})
@example(body={"title": "\N{CAMERA}" * 200, "content_type": "image/png", "bytes": 25_000_000})
@example(body={"title": "a", "content_type": "image/png", "bytes": 26_214_401})
@example(body={"title": "\u200b", "content_type": "image/png", "bytes": 1})
@example(body={"title": "\u200b", "content_type": "image/png", "bytes": True})
def test_function_and_gateway_model_accept_the_same_json(stack: MotoStack, api: Api, body: object):
    """A JSON Schema cannot say which characters are visible; only the function judges that."""
    models = stack.template["Resources"]["GalleryApi"]["Properties"]["Models"]
    text = json.dumps(body)
    answer = api.call("create_photo", body=text)
    valid = Draft4Validator(models["NewPhoto"]).is_valid(json.loads(text))
    if valid and has_visible_character(json.loads(text)["title"]):
        assert answer.status == 201
    else:
        assert_problem(answer, 400)


@with_one_api
@given(
    body=st.binary() | json_values.map(lambda value: json.dumps(value).encode()),
    content_type=st.sampled_from(["application/json", "application/json;charset=x"]) | st.text(),
)
def test_any_bytes_are_answered_by_a_problem(api: Api, body: bytes, content_type: str):
    answer = api.call(
        "create_photo",
        headers={"content-type": content_type},
        body=base64.b64encode(body).decode(),
        isBase64Encoded=True,
    )
    assert answer.status in (400, 415)
    assert_problem(answer, answer.status)


@with_one_api
@given(body=st.text(), encoded=st.booleans())
def test_any_text_is_answered_by_a_problem(api: Api, body: str, encoded: bool):
    assert_problem(api.call("create_photo", body=body, isBase64Encoded=encoded), 400)


@with_one_api
@given(path=st.text().filter(lambda text: text.strip("/\n")).map(lambda text: f"/photos/{text}"))
def test_any_path_is_answered_by_a_problem(api: Api, path: str):
    assert_problem(api.call("get_photo", path=path), 404)
