"""The complete headers of every kind of path at the laptop's CloudFront."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import httpx
import pytest

from demo.client import Gallery
from localcloud import cloudfront
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from tests.e2e.conftest import free_port
from tests.support.gallery_photos import listed_photo
from tests.support.public_reads import PUBLIC_READ
from tests.support.waiting import awaited

EVERYWHERE: Final = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FILE: Final = EVERYWHERE | {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
PAGE: Final = EVERYWHERE | {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
        " connect-src 'self' {endpoint}; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
MISSING: Final = PAGE | {
    "Content-Security-Policy": PAGE["Content-Security-Policy"].replace(" {endpoint}", "")
}
INDEXED_OR_NOT: Final = ("X-Robots-Tag", "Link")
COMPARED: Final = (*PAGE, *INDEXED_OR_NOT, "Cache-Control")

UNTIL_PUBLISHED: Final = "public, max-age=0, s-maxage=86400"
SHORT: Final = "public, max-age=0, s-maxage=60"
BRIEF: Final = "public, max-age=0, s-maxage=1"
IMMUTABLE: Final = "public, max-age=31536000, s-maxage=86400, immutable"
NO_STORE: Final = "no-store"
UNKNOWN: Final = "01900000-0000-7000-8000-000000000000"
PRELOAD: Final = {"Link": '<{large}>; rel=preload; as=image; type="image/webp"; fetchpriority=high'}
NOINDEX: Final = {"X-Robots-Tag": "noindex"}
HTML, JSON, PROBLEM = "text/html; charset=utf-8", "application/json", "application/problem+json"


class Row(NamedTuple):
    """What a first and a second request for a path get; `{…}` stands for what a run decides."""

    path: str
    content_type: str
    policy: dict[str, str]
    cache_control: str
    status: int = 200
    kept: bool = True


TABLE: Final = {
    "root": Row("/", HTML, PAGE, SHORT),
    "page": Row("/index.html", HTML, PAGE, SHORT),
    "script": Row("{folder}gallery.js", "text/javascript; charset=utf-8", FILE, IMMUTABLE),
    "style": Row("/page.css", "text/css; charset=utf-8", FILE, UNTIL_PUBLISHED),
    "icon": Row("/favicon.svg", "image/svg+xml", FILE, UNTIL_PUBLISHED),
    "source map": Row("{folder}gallery.js.map", JSON, FILE, IMMUTABLE),
    "photo's page": Row("/photo.html?id={photo_id}", HTML, PAGE | PRELOAD, SHORT),
    "unknown photo's page": Row(f"/photo.html?id={UNKNOWN}", HTML, PAGE | NOINDEX, BRIEF),
    "page of no photo": Row("/photo.html", HTML, PAGE | NOINDEX, BRIEF),
    "rendition": Row("{large}", "image/webp", FILE, IMMUTABLE),
    "missing rendition": Row(f"/photos/{UNKNOWN}/etag/large.webp", HTML, MISSING, BRIEF, 404),
    "missing page": Row("/missing.html", HTML, MISSING, BRIEF, 404),
    "missing file": Row("/missing.js", HTML, MISSING, BRIEF, 404),
    # kept for a second, the minimum of the cache policy
    "another spelling of a rendition's path": Row("{encoded_large}", "image/webp", FILE, NO_STORE),
    "another spelling of a file's path": Row(
        "/web%2fgallery.js", HTML, MISSING, NO_STORE, 404, kept=False
    ),
    "list": Row("/api/photos", JSON, FILE, PUBLIC_READ),
    "photo": Row("/api/photos/{photo_id}", JSON, FILE, PUBLIC_READ),
    "views": Row("/api/photos/{photo_id}/views", JSON, FILE, PUBLIC_READ),
    "health": Row("/api/health", JSON, FILE, NO_STORE, kept=False),
    "problem": Row(f"/api/photos/{UNKNOWN}", PROBLEM, FILE, NO_STORE, 404, kept=False),
}
FRESH: Final = {name: row for name, row in TABLE.items() if row.kept and row.status == 200}


@pytest.fixture(scope="module")
def run(cloud: Cloud, url: str, gallery: Gallery, event_sources: EventSources) -> dict[str, str]:
    """Values that only the running stack has, by their name in the table."""
    photo_id = listed_photo(gallery, event_sources)
    large = gallery.photo(photo_id)["renditions"]["large"]["path"]
    page = httpx.get(url, trust_env=False, timeout=30).text
    [folder] = re.findall(r'src="(/assets/\w+/)gallery\.js"', page)
    return {
        "folder": folder,
        "photo_id": photo_id,
        "large": large,
        "encoded_large": encoded(large),
        "endpoint": cloud.endpoint,
    }


def encoded(path: str) -> str:
    """Another spelling of a rendition's path, which S3 decodes to the same key."""
    directory, _, name = path.rpartition("/")
    return f"{directory}%2f{name}"


@pytest.fixture
def viewer(cloud: Cloud, url: str) -> Iterator[httpx.Client]:  # noqa: ARG001 - the page is published
    """A viewer of an edge with an empty cache."""
    with (
        cloudfront.running(cloud, free_port()) as running_edge,
        httpx.Client(base_url=running_edge.url, trust_env=False, timeout=30) as viewer,
    ):
        yield viewer


def compared(answer: httpx.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in COMPARED if name in answer.headers}


def x_cache(answer: httpx.Response) -> str:
    return str(answer.headers["x-cache"]).removesuffix(" from cloudfront")


def kept_answer(viewer: httpx.Client, path: str) -> httpx.Response | None:
    """CloudFront's own, unless a response that it cached for a second has just expired."""
    answer = viewer.get(path)
    return answer if "age" in answer.headers else None


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_headers_of_each_kind_of_path(viewer: httpx.Client, run: dict[str, str], row: Row):
    expected = {
        name: value.format(**run)
        for name, value in (row.policy | {"Cache-Control": row.cache_control}).items()
    }
    path = row.path.format(**run)
    first = viewer.get(path)
    second = awaited(lambda: kept_answer(viewer, path)) if row.kept else viewer.get(path)
    for answer in (first, second):
        assert answer.status_code == row.status
        assert compared(answer) == expected
        assert answer.headers["content-type"] == row.content_type
    assert x_cache(first) == ("Miss" if row.status == 200 else "Error")
    assert x_cache(second) == ("Hit" if row.kept and row.status == 200 else x_cache(first))
    assert "age" not in first.headers
    assert ("age" in second.headers) == row.kept


@pytest.mark.parametrize("path", ["/missing", f"/photos/{UNKNOWN}/etag/large.webp", "/a/b/"])
def test_missing_path_gets_a_page_that_names_no_bucket(
    viewer: httpx.Client, stack: dict[str, str], path: str
):
    answer = viewer.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    for name in (stack["SiteBucketName"], stack["MediaBucketName"], "NoSuchKey"):
        assert name not in answer.text


@pytest.mark.parametrize("row", FRESH.values(), ids=FRESH)
def test_viewer_with_a_current_copy_gets_304(viewer: httpx.Client, run: dict[str, str], row: Row):
    path = row.path.format(**run)

    def asked_twice() -> tuple[httpx.Response, httpx.Response] | None:
        """None if the answer has changed meanwhile: counts are per minute."""
        known = viewer.get(path)
        again = viewer.get(path, headers={"If-None-Match": known.headers["etag"]})
        return (known, again) if again.headers["etag"] == known.headers["etag"] else None

    known, again = awaited(asked_twice)
    assert again.status_code == 304
    assert again.content == b""
    assert compared(again) == compared(known)


def test_deleted_photo_is_removed_from_cloudfront_too(
    viewer: httpx.Client, gallery: Gallery, event_sources: EventSources
):
    photo_id = listed_photo(gallery, event_sources)
    page = f"/photo.html?id={photo_id}"
    renditions = [each["path"] for each in gallery.photo(photo_id)["renditions"].values()]
    spellings = [encoded(path) for path in renditions]
    assert [viewer.get(path).status_code for path in spellings] == [200] * len(spellings)
    for path in (page, *renditions):
        answers = [viewer.get(path) for _ in range(2)]
        assert [x_cache(answer) for answer in answers] == ["Miss", "Hit"]
        assert "x-robots-tag" not in answers[1].headers
    gallery.delete_photo(photo_id)
    for path in (*renditions, *spellings):
        awaited(lambda path=path: viewer.get(path).status_code == 404)
    # The function remembers a photo for some seconds, and CloudFront keeps what a GET gets.
    awaited(lambda: viewer.head(page).headers.get("x-robots-tag") == "noindex")
    answer = viewer.get(page)
    assert compared(answer) == compared(viewer.get(f"/photo.html?id={UNKNOWN}"))
