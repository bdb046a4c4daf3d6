"""The cache lifetimes in browsers and in CloudFront."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_headers.caching import BRIEF, FRESH, NOT_CACHED, cache_control
from edge_headers.canonical_paths import is_file, photo_of_rendition

RENDITION = (
    "/photos/019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60/7d7ac77c0c54d8b35d70c2670e0b6631/large.webp"
)
HOUR, DAY, YEAR = 3600, 86_400, 31_536_000


def seconds(value: str) -> tuple[int, int]:
    """In a browser, and in CloudFront."""
    found = re.search(r"public, max-age=(\d+), s-maxage=(\d+)", value)
    assert found, value
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("status", FRESH)
@pytest.mark.parametrize(
    ("path", "content_type", "browser", "cloudfront"),
    [
        (RENDITION, "image/webp", YEAR, DAY),
        ("/index.html", "text/html; charset=utf-8", 0, 60),
        ("/photo.html", "text/html", 0, 60),
        ("/assets/0a1b2c3d4e5f6071/gallery.js.map", "application/json", YEAR, DAY),
        ("/assets/0a1b2c3d4e5f6071/gallery.js", "text/javascript", YEAR, DAY),
        ("/data.json", "application/json", 0, 60),
        ("/gallery.js", "text/javascript", 0, DAY),
        ("/gallery.js", "application/javascript; charset=utf-8", 0, DAY),
        ("/gallery.css", "text/css", 0, DAY),
        ("/icon.svg", "image/svg+xml", 0, DAY),
        ("/unheard-of", "application/octet-stream", 0, 60),
    ],
)
def test_each_kind_has_its_lifetime(
    path: str, content_type: str, browser: int, cloudfront: int, status: str
):
    assert seconds(cache_control(path, status, content_type)) == (browser, cloudfront)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        (RENDITION, "image/webp"),
        ("/index.html", "text/html"),
        ("/assets/0a1b2c3d4e5f6071/gallery.js.map", "application/json"),
        ("/gallery.js", "text/javascript"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
def test_a_304_that_names_no_type_renews_the_lifetime_of_the_object(path: str, content_type: str):
    assert cache_control(path, "304", "") == cache_control(path, "200", content_type)


def test_a_rendition_is_immutable_as_its_object_says():
    immutable = "public, max-age=31536000, s-maxage=86400, immutable"
    assert cache_control(RENDITION, "200", "image/webp") == immutable


def test_other_objects_below_photos_are_not_immutable():
    assert "immutable" not in cache_control(RENDITION, "200", "text/html")
    assert seconds(cache_control(RENDITION, "200", "application/xml")) == (0, 60)


# S3 decodes each of these to a key that exists, or could. CloudFront caches them separately, and an
# invalidation of the canonical path does not remove them.
OTHER_SPELLINGS = [
    RENDITION.replace("/large", "%2Flarge"),
    RENDITION.replace("/large", "%2flarge"),
    RENDITION.replace("/photos", "/%70hotos"),
    RENDITION.replace(".webp", "%2ewebp"),
    RENDITION.replace("/photos/", "/photos/./"),
    RENDITION.replace("/photos/", "/x/../photos/"),
    RENDITION.replace("/photos/", "//photos/"),
    RENDITION.replace("/photos/", "/photos//"),
    RENDITION.replace("large", "huge"),
    RENDITION.replace("019aa1a0", "019AA1A0"),
    RENDITION.replace("/large", "/large/large"),
    "/assets/0a1b2c3d4e5f6071%2fgallery.js",
    "/assets//gallery.js",
    f"{RENDITION}%00",
    f"{RENDITION}%0a",
    f"{RENDITION}\n",
    "/photos/large.webp",
    "/photos/%2e%2e/gallery.js",
    "/gallery%2ejs",
    "/%67allery.js",
    "/./gallery.js",
    "/a/../gallery.js",
    "//gallery.js",
    "/.hidden.js",
]


@pytest.mark.parametrize("path", OTHER_SPELLINGS)
def test_another_spelling_of_a_path_is_not_cached(path: str):
    assert NOT_CACHED == "no-store"
    for status in (*FRESH, "403", "404"):
        for content_type in ("image/webp", "text/javascript", ""):
            found = cache_control(path, status, content_type)
            assert found == NOT_CACHED, (status, content_type)


@given(st.text("/.%2fFeE-_~ \n" + RENDITION, max_size=150) | st.text())
def test_only_a_canonical_path_is_cached_for_longer_than_a_second(path: str):
    kept = [
        each
        for status in FRESH
        for content_type in ("image/webp", "text/html", "")
        if (each := cache_control(path, status, content_type)) != NOT_CACHED
    ]
    if kept:
        assert photo_of_rendition(path) or is_file(path)
        assert not set(path) - set(CANONICAL_CHARACTERS)
        assert not {".", ".."} & set(path.split("/"))


CANONICAL_CHARACTERS = (
    "/.-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # none has to be encoded
)


@given(
    path=st.sampled_from([RENDITION, "/index.html", "/gallery.js", "/assets/0a/a.js", "/"]),
    status=st.integers(100, 599).map(str).filter(lambda status: status not in FRESH),
    content_type=st.sampled_from(["image/webp", "text/html", "application/xml", ""]),
)
def test_no_error_hides_a_photo_for_longer_than_a_second(path: str, status: str, content_type: str):
    assert cache_control(path, status, content_type) == BRIEF
    assert seconds(BRIEF) == (0, 1)
