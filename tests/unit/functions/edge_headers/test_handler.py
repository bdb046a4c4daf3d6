"""For any response of an origin the function adds its headers and keeps CloudFront's rules."""

import copy
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_headers import photo_pages
from edge_headers.handler import handler
from edge_headers.security_headers import file_headers, page_headers
from tests.support.repository import ROOT

OURS = {
    "cache-control",
    "content-security-policy",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "link",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-amz-meta-cache-tag",
    "x-content-type-options",
    "x-robots-tag",
}
# Restrictions on edge functions, in Amazon CloudFront's developer guide: what a function may only
# read at origin-response, and what it may not even add.
READ_ONLY = {"transfer-encoding", "via"}
DISALLOWED = {
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "upgrade",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
    "x-amzn-auth",
    "x-amzn-cf-billing",
    "x-amzn-cf-id",
    "x-amzn-cf-xff",
    "x-amzn-errortype",
    "x-amzn-fle-profile",
    "x-amzn-header-count",
    "x-amzn-header-order",
    "x-amzn-lambda-integration-tag",
    "x-amzn-requestid",
    "x-cache",
    "x-forwarded-proto",
    "x-real-ip",
}
DISALLOWED_PREFIXES = ("x-amz-cf-", "x-edge-", "proxy-", "x-accel-", "x-amzn-")
# Quotas of CloudFront: a header's value, and all that is added to an answer.
MAX_CHARACTERS, MAX_IN_ALL = 1783, 10_240

PHOTO = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
KEY = f"photos/{PHOTO}/7d7ac77c0c54d8b35d70c2670e0b6631/large.webp"
READY = {"status": {"S": "READY"}, "renditions": {"M": {"large": {"M": {"key": {"S": KEY}}}}}}


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / f"events/cloudfront_{name}.json").read_text())
    return loaded


def values(answer: dict[str, Any]) -> dict[str, str]:
    return {name: line["value"] for name, [line] in answer["headers"].items()}


def expected(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest.fixture(autouse=True)
def catalog(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Rows by photo id, in the catalog's place."""
    rows = {PHOTO: READY}
    monkeypatch.setattr(photo_pages, "get_row", lambda photo_id, *_: rows.get(photo_id))
    monkeypatch.setattr(photo_pages, "memory", photo_pages.Memory())
    return rows


def test_a_photos_page_gets_policy_lifetime_and_preload():
    asked = event("photo_page")
    answered = values(handler(asked, None))
    cf = asked["Records"][0]["cf"]
    custom = cf["request"]["origin"]["s3"]["customHeaders"]
    connect = custom["x-gallery-connect"][0]["value"]
    assert answered == {
        **{name: line["value"] for name, [line] in cf["response"]["headers"].items()},
        **expected(page_headers(connect)),
        "cache-control": "public, max-age=0, s-maxage=60",
        "x-amz-meta-cache-tag": f"photo-{PHOTO}",
        "link": f'</{KEY}>; rel=preload; as=image; type="image/webp"; fetchpriority=high',
    }
    assert len(connect.split()) == 2
    for origin in connect.split():
        assert f" {origin}" in answered["content-security-policy"]


def test_a_page_of_no_ready_photo_is_not_indexed(catalog: dict[str, Any]):
    catalog.clear()
    answered = values(handler(event("photo_page"), None))
    assert answered["x-robots-tag"] == "noindex"
    assert answered["cache-control"] == "public, max-age=0, s-maxage=1"
    assert "link" not in answered


def test_a_rendition_is_cached_and_has_no_page_headers():
    answered = values(handler(event("photo_file"), None))
    assert answered["cache-control"] == "public, max-age=31536000, s-maxage=86400, immutable"
    assert answered["x-amz-meta-cache-tag"] == f"photo-{PHOTO}"
    assert answered.items() >= expected(file_headers()).items()
    assert not answered.keys() & {"link", "x-robots-tag"}


def test_another_spelling_of_a_renditions_path_is_not_cached():
    asked = event("photo_file")
    request = asked["Records"][0]["cf"]["request"]
    directory, name = request["uri"].rsplit("/", 1)
    request["uri"] = f"{directory}%2f{name}"
    answered = values(handler(asked, None))
    assert answered["cache-control"] == "no-store"
    assert "x-amz-meta-cache-tag" not in answered


def test_the_tag_of_another_photo_in_an_objects_metadata_is_replaced():
    asked = event("photo_file")
    asked["Records"][0]["cf"]["response"]["headers"]["x-amz-meta-cache-tag"] = [
        {"key": "x-amz-meta-cache-tag", "value": "photo-other"}
    ]
    assert values(handler(asked, None))["x-amz-meta-cache-tag"] == f"photo-{PHOTO}"


def test_a_missing_photo_is_cached_for_a_second_only():
    answer = handler(event("missing_photo"), None)
    assert answer["status"] == "404"
    assert values(answer)["cache-control"] == "public, max-age=0, s-maxage=1"
    assert values(answer)["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("status", ["403", "404"])
def test_a_missing_object_gets_a_page_of_the_site(status: str):
    asked = event("missing_photo")
    asked["Records"][0]["cf"]["response"]["status"] = status
    answer = handler(asked, None)
    assert answer["status"] == status
    assert "There is no such page" in answer["body"]
    assert values(answer)["content-type"] == "text/html; charset=utf-8"
    assert values(answer).items() >= expected(page_headers()).items()


def test_an_answer_to_head_gets_no_body():
    asked = event("missing_photo")
    asked["Records"][0]["cf"]["request"]["method"] = "HEAD"
    answer = handler(asked, None)
    assert "body" not in answer
    assert values(answer)["content-type"] == "application/xml"


@pytest.mark.parametrize("status", ["200", "206", "304", "412", "500", "503"])
def test_every_other_answer_keeps_its_body(status: str):
    asked = event("photo_file")
    asked["Records"][0]["cf"]["response"]["status"] = status
    assert "body" not in handler(asked, None)


@pytest.mark.parametrize("status", ["403", "404", "500", "503"])
def test_an_error_for_a_photos_page_has_no_headers_of_the_photo(status: str):
    asked = event("photo_page")
    asked["Records"][0]["cf"]["response"]["status"] = status
    answered = values(handler(asked, None))
    assert "link" not in answered
    assert answered["cache-control"] == "public, max-age=0, s-maxage=1"


@pytest.mark.parametrize("kind", ["s3", "custom"])
def test_configuration_comes_with_either_kind_of_origin(kind: str, monkeypatch: pytest.MonkeyPatch):
    seen: list[Any] = []
    monkeypatch.setattr(photo_pages, "get_row", lambda *arguments: seen.append(arguments))
    asked = event("photo_page")
    request = asked["Records"][0]["cf"]["request"]
    request["origin"] = {kind: request["origin"]["s3"]}
    handler(asked, None)
    [(photo_id, settings, *_)] = seen
    assert photo_id == PHOTO
    assert settings["x-gallery-endpoint"] == "https://dynamodb.us-east-1.amazonaws.com"
    assert settings["x-gallery-catalog-table"] == "lambda-gallery-dev-CatalogTable-1A2B3C4D5E6F"


def lines(names: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Headers of these names, with at most two lines each, some without `key`."""

    def headers(chosen: dict[str, list[tuple[str, bool]]]) -> dict[str, list[dict[str, str]]]:
        return {
            name: [
                {"value": value, "key": name.title()} if has_key else {"value": value}
                for value, has_key in values
            ]
            for name, values in chosen.items()
        }

    values = st.lists(st.tuples(st.text(), st.booleans()), max_size=2)
    return st.dictionaries(names, values, max_size=8).map(headers)


KNOWN = [*sorted(OURS | READ_ONLY | DISALLOWED), "content-type", "etag", "set-cookie"]
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1)
PATHS = ["/", "/photo.html", "/index.html", "/data.json", "/gallery.js", f"/{KEY}"]
SETTINGS = ["x-gallery-endpoint", "x-gallery-catalog-table", "x-gallery-connect"]
origins = st.fixed_dictionaries({}, optional={"customHeaders": lines(st.sampled_from(SETTINGS))})
requests = st.fixed_dictionaries(
    {
        "uri": st.sampled_from(PATHS) | st.text().map(lambda text: f"/{text}"),
        "querystring": st.just(f"id={PHOTO}") | st.text(),
        "method": st.sampled_from(["GET", "HEAD", "OPTIONS"]),
        "headers": st.just({}),
    },
    optional={"origin": st.dictionaries(st.sampled_from(["s3", "custom"]), origins, max_size=1)},
)
responses = st.fixed_dictionaries(
    {
        "status": st.integers(200, 599).map(str),
        "headers": lines(st.sampled_from(KNOWN) | TOKENS),
    },
    optional={"statusDescription": st.text()},
)
events = st.fixed_dictionaries(
    {"config": st.just({}), "request": requests, "response": responses}
).map(lambda cf: {"Records": [{"cf": cf}]})


@given(events, st.booleans())
def test_for_any_response_only_our_headers_change_and_the_answer_is_valid(
    asked: dict[str, Any], fails: bool
):
    with pytest.MonkeyPatch.context() as patch:
        rows: dict[str, Any] = {} if fails else {PHOTO: READY}
        patch.setattr(photo_pages, "get_row", lambda photo_id, *_: rows[photo_id])
        patch.setattr(photo_pages, "memory", photo_pages.Memory())
        patch.setattr(photo_pages.logger, "disabled", True)
        before = copy.deepcopy(asked)
        answer = handler(asked, None)
    assert asked == before
    request, response = (before["Records"][0]["cf"][name] for name in ("request", "response"))
    missing = response["status"] in ("403", "404") and request["method"] == "GET"
    assert ("body" in answer) == missing
    page = {name: answer[name] for name in ("body", "bodyEncoding") if missing}
    assert {**answer, "headers": None} == {**response, "headers": None, **page}
    changed = {
        name
        for name in answer["headers"].keys() | response["headers"].keys()
        if answer["headers"].get(name) != response["headers"].get(name)
    }
    assert changed <= OURS | ({"content-type"} if missing else set())
    assert answer["headers"].keys() >= response["headers"].keys()
    added = {name: answer["headers"][name] for name in changed}
    for name, [line] in added.items():
        assert line["key"].lower() == name
        assert line["value"].isascii()
        assert line["value"].isprintable()
    assert json.loads(json.dumps(answer)) == answer


def test_none_of_our_headers_is_reserved_by_cloudfront():
    assert not OURS & (READ_ONLY | DISALLOWED)
    assert not [name for name in OURS if name.startswith(DISALLOWED_PREFIXES)]


def test_our_headers_stay_within_cloudfronts_quotas():
    added = {
        name: line
        for name, line in values(handler(event("photo_page"), None)).items()
        if name in OURS
    }
    assert max(map(len, added.values())) <= MAX_CHARACTERS
    assert sum(len(name) + len(line) for name, line in added.items()) <= MAX_IN_ALL


IMPORTS = """
import json, os, sys
event = json.loads(sys.stdin.read())
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
from edge_headers.handler import handler
handler(event, None)
print(*sorted(set(sys.modules) - before))
"""


def imported_for(name: str, status: str) -> set[str]:
    """The modules that a cold start adds, in an interpreter that has loaded os and json."""
    asked = event(name)
    asked["Records"][0]["cf"]["response"]["status"] = status
    asked["Records"][0]["cf"]["request"]["querystring"] = ""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORTS, ROOT / "functions"],
        input=json.dumps(asked),
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


OWN = {
    "edge_headers",
    "edge_headers.cache_tags",
    "edge_headers.caching",
    "edge_headers.canonical_paths",
    "edge_headers.handler",
    "edge_headers.security_headers",
}


@pytest.mark.parametrize(
    ("name", "status", "more"),
    [
        ("photo_file", "200", set()),
        ("missing_photo", "404", {"edge_headers.missing_page"}),
        ("photo_page", "503", set()),
    ],
)
def test_a_static_path_imports_nothing_but_its_own_modules(name: str, status: str, more: set[str]):
    assert imported_for(name, status) == OWN | more


def test_a_photos_page_imports_the_standard_library_only():
    added = imported_for("photo_page", "200")
    assert {"edge_headers.photo_pages", "edge_headers.catalog", "http.client"} <= added
    outside = {module for module in added if module.split(".")[0] not in sys.stdlib_module_names}
    assert outside == OWN | {"edge_headers.photo_pages", "edge_headers.catalog"}
