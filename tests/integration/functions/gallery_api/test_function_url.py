"""The function behind the function URL of the views: the same answers, and no other route."""

import json
from typing import Any

import pytest

from tests.integration.functions.gallery_api.conftest import Publish, Recorded
from tests.support.gallery_api import (
    CORRELATION_ID,
    EVENTS,
    OWNER,
    Answer,
    Api,
    Context,
    assert_problem,
    signed_in,
)
from tests.support.repository import load_template

PHOTO = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"


def call(
    api: Api, method: str, path: str, claims: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    """Ask as Lambda does for a request to the function URL; headers as lists, as `Answer` has."""
    event = json.loads((EVENTS / "function_url_record_view.json").read_text())
    event |= {"rawPath": path, "headers": event["headers"] | (headers or {})}
    event["requestContext"]["http"] |= {"method": method, "path": path}
    if claims:
        event["requestContext"]["authorizer"] = {"claims": claims}
        event["headers"]["authorization"] = "a token"
    answer = api.handler(event, Context())
    assert answer.keys() == {"statusCode", "headers", "body", "isBase64Encoded"}
    headers_of_answer = {name: [text] for name, text in answer["headers"].items()}
    return Answer(answer["statusCode"], headers_of_answer, json.loads(answer["body"] or "null"))


def routes() -> list[tuple[str, str]]:
    resources = load_template()["Resources"]
    events = resources["GalleryApiFunction"]["Properties"]["Events"].values()
    found = [(each["Properties"]["Method"], each["Properties"]["Path"]) for each in events]
    return [(method, path.replace("{photo_id}", PHOTO)) for method, path in found]


def test_view_is_recorded_as_through_the_rest_api(api: Api, publish: Publish, recorded: Recorded):
    publish(photo_id=PHOTO)
    rest = api.call("record_view")
    through_rest = api.logged()[-1]
    answer = call(api, "POST", f"/api/photos/{PHOTO}/views")
    assert answer.status == rest.status == 202
    assert answer.body.keys() == rest.body.keys()
    assert answer.headers.keys() == rest.headers.keys()
    assert len(recorded()) == 2
    logged = api.logged()[-1]
    assert logged.keys() == through_rest.keys()
    same = ("message", "method", "path", "status", "correlation_id", "photo_id")
    assert [logged[name] for name in same] == [through_rest[name] for name in same]
    assert logged["correlation_id"] == CORRELATION_ID


def test_counts_are_cached_and_have_an_etag(api: Api, publish: Publish):
    publish(photo_id=PHOTO)
    path = f"/api/photos/{PHOTO}/views"
    answer = call(api, "GET", path)
    rest = api.call("get_views")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == rest.headers["Cache-Control"]
    [etag] = answer.headers["ETag"]
    unchanged = call(api, "GET", path, headers={"if-none-match": etag})
    assert (unchanged.status, unchanged.body) == (304, None)
    assert "Content-Type" not in unchanged.headers


def test_unknown_photo_is_the_same_problem(api: Api, recorded: Recorded):
    assert_problem(call(api, "POST", f"/api/photos/{PHOTO}/views"), 404)
    assert_problem(call(api, "GET", f"/api/photos/{PHOTO}/views"), 404)
    assert recorded() == []


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "OPTIONS", "PATCH", "PUT"])
def test_other_method_is_a_problem_as_at_the_gateway(api: Api, publish: Publish, method: str):
    publish(photo_id=PHOTO)
    assert_problem(call(api, method, f"/api/photos/{PHOTO}/views"), 404)


@pytest.mark.parametrize(("method", "path"), routes())
@pytest.mark.parametrize("stage", ["/api", ""])
def test_no_other_route_is_answered_not_even_with_forged_claims(
    api: Api, publish: Publish, method: str, path: str, stage: str
):
    """Nothing checks a token on this way, so a private route must not be there."""
    publish(photo_id=PHOTO)
    answer = call(api, method, f"{stage}{path}", claims=signed_in(OWNER))
    if stage and path.endswith("/views"):
        assert answer.status in {200, 202}
    else:
        assert_problem(answer, 404)
        assert answer.body["detail"] == "The API has no such path and method."
