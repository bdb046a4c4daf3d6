"""Buckets and APIs of a laptop cloud as origins, over loopback."""

import json
import socket
from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from localcloud.cloud import Cloud
from localcloud.cloudfront.messages import Request, Response
from localcloud.cloudfront.origins import OriginError, Origins
from tests.integration.localcloud.cloudfront.stub_cloud import GRANT, StubCloud
from tests.support.distributions import API, BUCKET, distribution


def read(origins: Origins, path: str, method: str = "GET", *headers: tuple[str, str]) -> Response:
    return origins.fetch(distribution(), BUCKET, Request(method, path, "acl", headers))


def test_bucket_is_read_by_its_key(stub: StubCloud, origins: Origins):
    stub.objects = {"a b/ü+1.html": b"page"}
    response = read(origins, "/a%20b/%C3%BC+1.html")
    assert (response.status, response.body) == (200, b"page")
    assert response.header("content-length") == "4"
    head = read(origins, "/a%20b/%C3%BC+1.html", "HEAD")
    assert (head.status, head.body, head.header("content-length")) == (200, b"", "4")


PARTS = (
    "..",
    ".",
    "%2e",
    "%2E%2e",
    "/",
    "//",
    "%2f",
    "%252f",
    "%5c",
    "%00",
    "%",
    "?",
    "other",
    "a",
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parts=st.lists(st.sampled_from(PARTS), min_size=1, max_size=12))
@example(parts=["..", "%2f", "other", "%2f", "a"])
@example(parts=["%2e%2e", "/", "other", "/", "a"])
def test_no_path_reaches_another_bucket(stub: StubCloud, origins: Origins, parts: list[str]):
    """S3 gets the key that CloudFront has, with dots and slashes in any encoding."""
    stub.paths.clear()
    path = "/" + "".join(parts)
    read(origins, path)
    key = unquote(path).removeprefix("/")
    for sent in stub.paths:
        assert sent in ("/site", "/site/") or sent.startswith("/site/"), sent
        assert unquote(sent).removeprefix("/site").removeprefix("/") in ("", key), sent


@pytest.mark.parametrize("path", ["/api/../_ministack/health", "/api/./a", "/api/%2e%2e/a"])
def test_api_gets_the_path_as_it_is(stub: StubCloud, origins: Origins, path: str):
    origins.fetch(distribution(), API, Request("GET", path))
    assert stub.paths == [path]


def test_conditional_request_reaches_the_bucket(stub: StubCloud, origins: Origins):
    stub.objects = {"a": b"page"}
    assert read(origins, "/a", "GET", ("If-None-Match", '"4"')).status == 304


def test_missing_key_is_404_with_list_bucket_and_403_without(stub: StubCloud, origins: Origins):
    assert read(origins, "/missing").status == 404
    stub.statements = [GRANT]
    assert read(origins, "/missing").status == 403
    assert read(origins, "/missing", "HEAD").body == b""


def test_bucket_that_does_not_let_the_distribution_read_is_403(stub: StubCloud, origins: Origins):
    stub.objects = {"a": b"page"}
    stub.statements = []
    response = read(origins, "/a")
    assert (response.status, b"AccessDenied" in response.body) == (403, True)
    assert stub.reads == []
    other = replace(distribution(), arn="arn:aws:cloudfront::000000000000:distribution/E2")
    stub.statements = [GRANT]
    assert origins.fetch(other, BUCKET, Request("GET", "/a")).status == 403


def test_api_gets_its_host_and_all_forwarded_headers(stub: StubCloud, origins: Origins):
    headers = (("Host", API.domain), ("authorization", "token"), ("User-Agent", "viewer"))
    request = Request("POST", "/api/photos/a%2Fb", "x=1&x=%20", headers, b'{"a": 1}')
    response = origins.fetch(distribution(), API, request)
    port = stub.cloud.port
    assert response.body.decode() == (
        '{"method": "POST", "path": "/api/photos/a%2Fb?x=1&x=%20", "headers": {'
        f'"host": "abc123.execute-api.localhost:{port}", "authorization": "token",'
        ' "user-agent": "viewer", "content-length": "8"}, "body": "{\\"a\\": 1}"}'
    )


def test_header_that_is_not_ascii_is_passed_on_as_it_is(stub: StubCloud, origins: Origins):
    stub.objects = {"a": b"page"}
    header = ("x-name", "J\xc3\xb6rg \xff")
    sent = origins.fetch(distribution(), API, Request("GET", "/api", headers=(header,)))
    assert json.loads(sent.body)["headers"]["x-name"] == header[1]
    assert read(origins, "/a", "GET", ("If-None-Match", '"\xfc"')).status == 200


def test_origin_that_cannot_be_reached_is_502_and_one_that_is_too_slow_504():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        slow = replace(API, settings={"OriginReadTimeout": 0.1})
        origins = Origins(Cloud("127.0.0.1", port))
        with pytest.raises(OriginError) as late:
            origins.fetch(distribution(), slow, Request("GET", "/api"))
    with pytest.raises(OriginError) as away:
        origins.fetch(distribution(), slow, Request("GET", "/api"))
    with pytest.raises(OriginError) as unread:
        read(origins, "/a")
    origins.close()
    assert (late.value.status, away.value.status, unread.value.status) == (504, 502, 502)
