"""A site behind functions at three trigger points of CloudFront."""

from collections.abc import Iterator

import httpx
import pytest

from localcloud.running_application import RunningApplication
from tests.examples.conftest import running

pytestmark = pytest.mark.slow

FILES = {
    "front/a/index.html": b"the front page",
    "front/b/index.html": b"the new front page",
    "breads/index.html": b"our breads",
}


@pytest.fixture(scope="module")
def bakery() -> Iterator[RunningApplication]:
    with running("edge-trigger-points") as application:
        s3 = application.cloud.client("s3")
        for key, body in FILES.items():
            s3.put_object(
                Bucket=application.outputs["Site"], Key=key, Body=body, ContentType="text/html"
            )
        yield application


@pytest.fixture
def visitor(bakery: RunningApplication) -> Iterator[httpx.Client]:
    url = bakery.distributions["Distribution"]
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        yield client


def got(visitor: httpx.Client, path: str, **headers: str) -> httpx.Response:
    visitor.cookies.clear()  # httpx keeps cookies; the cookie here is Secure, and the site is HTTP
    return visitor.get(path, headers=headers)


def test_group_decides_the_page_and_each_page_is_cached_once(visitor: httpx.Client):
    for group, page in (("a", "the front page"), ("b", "the new front page")):
        first, second = (got(visitor, "/", cookie=f"group={group}") for _ in range(2))
        assert (first.text, second.text) == (page, page)
        assert second.headers["x-cache"] == "Hit from cloudfront"
        assert "set-cookie" not in second.headers


def test_new_visitor_gets_a_group_also_from_the_cache(visitor: httpx.Client):
    pages = {"a": "the front page", "b": "the new front page"}
    answers = [got(visitor, "/", **{"user-agent": f"browser {each}"}) for each in range(20)]
    groups = [answer.headers["set-cookie"].removeprefix("group=")[0] for answer in answers]
    assert [answer.text for answer in answers] == [pages[group] for group in groups]
    assert set(groups) == {"a", "b"}
    assert answers[-1].headers["x-cache"] == "Hit from cloudfront"


def test_moved_page_is_redirected_without_cache_and_origin(visitor: httpx.Client):
    answer = got(visitor, "/bread")
    assert (answer.status_code, answer.headers["location"]) == (301, "/breads/")
    assert answer.headers["x-cache"] == "LambdaGeneratedResponse from cloudfront"
    assert got(visitor, "/breads/").text == "our breads"


def test_missing_page_is_404_without_a_cookie(visitor: httpx.Client):
    answer = got(visitor, "/cakes/")
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


def test_invalid_cookie_is_ignored(visitor: httpx.Client):
    answer = got(visitor, "/breads/", cookie="group=zz; =;")
    assert (answer.status_code, answer.text) == (200, "our breads")
    assert answer.headers["set-cookie"].startswith("group=")
