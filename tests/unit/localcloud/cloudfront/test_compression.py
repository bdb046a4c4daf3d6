"""What localcloud's CloudFront compresses."""

import gzip
from dataclasses import replace

import pytest

from localcloud.cloudfront.messages import Response
from tests.support.distributions import DISABLED, World, distribution

TEXT = b"a" * 2_000


def page(
    body: bytes = TEXT,
    status: int = 200,
    content_type: str = "text/html; charset=utf-8",
    **others: str,
) -> Response:
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), **others}
    return Response(
        status, tuple((name.replace("_", "-"), text) for name, text in headers.items()), body
    )


def got(response: Response, accept_encoding: str = "gzip", path: str = "/page.html") -> Response:
    return World(origin=response).get(path, accept_encoding=accept_encoding)


@pytest.mark.parametrize("status", [200, 403, 404])
def test_text_is_compressed_for_viewers_that_accept_it(status: int):
    response = got(page(status=status))
    assert response.header("content-encoding") == "gzip"
    assert response.header("vary") == "Accept-Encoding"
    assert response.header("content-length") == str(len(response.body))
    assert gzip.decompress(response.body) == TEXT
    plain = got(page(status=status), accept_encoding="deflate")
    assert (plain.body, plain.header("content-encoding")) == (TEXT, None)


def test_compressed_object_is_kept_beside_the_plain_one():
    world = World(origin=page())
    assert world.get("/a", accept_encoding="gzip").header("content-encoding") == "gzip"
    assert world.get("/a").body == TEXT
    assert gzip.decompress(world.get("/a", accept_encoding="gzip").body) == TEXT
    assert len(world.sent) == 2


@pytest.mark.parametrize(
    "response",
    [
        page(content_type="image/webp"),
        page(content_type="application/octet-stream"),
        page(content_type=""),
        page(body=b"a" * 999),
        page(body=b"a" * 10_000_001),
        page(status=500),
        page(Content_Encoding="br"),
        replace(page(), headers=(("Content-Type", "text/html"),)),
    ],
    ids=["image", "binary", "no type", "small", "large", "error", "is already", "no length"],
)
def test_response_that_is_not_compressed(response: Response):
    encoding = got(response).header("content-encoding")
    assert encoding == response.header("content-encoding")
    assert got(response).body == response.body


@pytest.mark.parametrize(
    "content_type",
    ["text/css", "text/javascript", "application/json", "image/svg+xml", "font/ttf", "TEXT/HTML"],
)
@pytest.mark.parametrize("length", [1_000, 10_000_000])
def test_response_that_is_compressed(content_type: str, length: int):
    assert got(page(b"a" * length, content_type=content_type)).header("content-encoding") == "gzip"


@pytest.mark.parametrize(("etag", "expected"), [('"a"', 'W/"a"'), ('W/"a"', 'W/"a"'), ("a", None)])
def test_strong_etag_of_a_compressed_object_becomes_weak(etag: str, expected: str | None):
    assert got(page(ETag=etag)).header("etag") == expected


def test_nothing_is_compressed_where_caching_is_disabled_or_compression_is_off():
    world = World(settings=distribution(cache=DISABLED), origin=page())
    assert world.get("/a", accept_encoding="gzip").header("content-encoding") is None
    settings = distribution()
    off = replace(settings.behaviours[-1], compress=False)
    world = World(settings=replace(settings, behaviours=(off,)), origin=page())
    assert world.get("/a", accept_encoding="gzip").header("content-encoding") is None
