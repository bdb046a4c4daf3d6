"""localcloud's CloudFront as a server on loopback."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from localcloud import cloud, cloudfront
from localcloud.cloud import CloudError
from localcloud.cloudfront import server
from localcloud.cloudfront.behaviours import Distribution, NotModelledError, Trigger
from localcloud.cloudfront.request_log import request_log
from tests.integration.localcloud.cloudfront.stub_cloud import StubCloud, stub_cloud
from tests.support.distributions import cf_headers, distribution
from tests.support.waiting import awaited


class FakeApi:
    """What is deployed, and the function."""

    def __init__(self) -> None:
        self.deployed: Distribution | Exception = distribution(
            triggers=[Trigger.ORIGIN_RESPONSE], error_ttls={404: 0}, tag_header="x-tag"
        )
        self.invalidations: list[str] = []

    def distribution(self) -> Distribution:
        if isinstance(self.deployed, Exception):
            raise self.deployed
        return self.deployed

    def new_invalidations(self, distribution_id: str) -> list[str]:
        assert distribution_id == "E1"
        paths, self.invalidations = self.invalidations, []
        return paths

    def invoke(self, _: str, event: dict[str, Any]) -> object:
        cf = event["Records"][0]["cf"]
        if cf["request"]["uri"] == "/bug":
            raise RuntimeError("a bug of our own, with a secret")
        status = cf["response"]["status"]
        seen = cf_headers(
            x_function=status, cache_control="max-age=60", x_tag=f"other-{status}, status-{status}"
        )
        return {**cf["response"], "headers": {**cf["response"]["headers"], **seen}}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> FakeApi:
    api = FakeApi()
    monkeypatch.setattr(server, "Api", lambda *_: api)
    monkeypatch.setattr(server, "_INVALIDATIONS_SECONDS", 0.02)
    monkeypatch.setattr(cloud, "STATE", tmp_path)
    return api


@pytest.fixture
def stub(api: FakeApi) -> Iterator[StubCloud]:
    assert api
    with stub_cloud() as stub:
        stub.cloud.folder.mkdir()
        yield stub


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def viewer(stub: StubCloud, port: int) -> Iterator[httpx.Client]:
    with (
        cloudfront.running(stub.cloud, port) as served,
        httpx.Client(base_url=served.url, trust_env=False, timeout=60) as viewer,
    ):
        assert served.url == f"http://127.0.0.1:{port}"
        yield viewer


def test_page_comes_from_the_bucket_through_the_function_into_the_cache(
    stub: StubCloud, viewer: httpx.Client
):
    stub.objects = {"index.html": b"<p>hello</p>" * 200}
    first, second = viewer.get("/"), viewer.get("/")
    assert first.text == second.text == "<p>hello</p>" * 200
    assert first.headers["x-function"] == second.headers["x-function"] == "200"
    assert first.headers["content-encoding"] == "gzip"
    assert [each.headers["x-cache"].split()[0] for each in (first, second)] == ["Miss", "Hit"]
    assert viewer.get("/", headers={"if-none-match": first.headers["etag"]}).status_code == 304
    head = viewer.head("/")
    assert head.headers["content-length"] == second.headers["content-length"]
    assert stub.reads == ["index.html"]


def test_api_is_reached_with_method_query_and_body(viewer: httpx.Client):
    answer = viewer.post(
        "/api/photos?a=%20b", content=b"{}", headers={"authorization": "token"}
    ).json()
    assert (answer["method"], answer["path"], answer["body"]) == (
        "POST",
        "/api/photos?a=%20b",
        "{}",
    )
    assert answer["headers"]["authorization"] == "token"
    assert "x-function" not in answer["headers"]


def test_invalidation_takes_effect_while_it_runs(
    stub: StubCloud, api: FakeApi, viewer: httpx.Client
):
    stub.objects = {"a": b"old"}
    viewer.get("/a")
    stub.objects = {"a": b"new"}
    assert viewer.get("/a").text == "old"
    api.invalidations = ["/a"]
    awaited(lambda: viewer.get("/a").text == "new")


def test_invalidation_of_a_tag_takes_effect_while_it_runs(
    stub: StubCloud, api: FakeApi, viewer: httpx.Client
):
    stub.objects = {"a": b"old"}
    viewer.get("/a")
    stub.objects = {"a": b"new"}
    api.invalidations = ["#other"]
    awaited(lambda: not api.invalidations)
    assert viewer.get("/a").text == "old"
    api.invalidations = ["#status-200"]
    awaited(lambda: viewer.get("/a").text == "new")


def test_changed_distribution_takes_effect_unless_it_is_not_modelled(
    stub: StubCloud, api: FakeApi, viewer: httpx.Client
):
    stub.objects = {"index.html": b"index", "other.html": b"other"}
    assert viewer.get("/").text == "index"
    assert isinstance(api.deployed, Distribution)
    api.deployed = replace(api.deployed, root_object="other.html")
    awaited(lambda: viewer.get("/").text == "other")
    api.deployed = NotModelledError("Origin groups are not modelled.")
    log = stub.cloud.folder / "edge.log"
    awaited(lambda: "cannot be read: Origin groups" in log.read_text())
    assert viewer.get("/").text == "other"


def test_bug_is_answered_500_without_a_stack_trace_and_logged(
    stub: StubCloud, viewer: httpx.Client
):
    response = viewer.get("/bug")
    assert response.status_code == 500
    assert "secret" not in response.text
    log = (stub.cloud.folder / "edge.log").read_text()
    assert "GET /bug: localcloud's CloudFront failed" in log
    assert "a bug of our own, with a secret" in log


def test_bug_in_a_request_in_the_background_is_logged(tmp_path: Path):
    def fail() -> None:
        raise ZeroDivisionError

    file = tmp_path / "edge.log"
    with request_log(file) as log:
        server.in_background(fail, log)
        awaited(lambda: "ZeroDivisionError" in file.read_text())


def test_distribution_is_followed_again_after_an_unexpected_error(
    stub: StubCloud, api: FakeApi, viewer: httpx.Client
):
    api.deployed = ZeroDivisionError("a bug of our own")
    log = stub.cloud.folder / "edge.log"
    awaited(lambda: "cannot be read: ZeroDivisionError" in log.read_text())
    stub.objects = {"other.html": b"other"}
    api.deployed = replace(distribution(), root_object="other.html")
    awaited(lambda: viewer.get("/").text == "other")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full stands for a full disk")
def test_requests_are_answered_while_the_disk_is_full(
    stub: StubCloud, port: int, capfd: pytest.CaptureFixture[str]
):
    (stub.cloud.folder / "edge.log").symlink_to("/dev/full")
    with cloudfront.running(stub.cloud, port) as served:
        with httpx.Client(base_url=served.url, trust_env=False) as viewer:
            assert [viewer.get("/bug").status_code for _ in range(2)] == [500, 500]
        said = capfd.readouterr().err
    assert said.count("No space left on device") == 1
    assert "Traceback" not in said


def test_log_has_a_line_for_each_request(stub: StubCloud, viewer: httpx.Client):
    viewer.get("/missing%0Aline?token=x")
    [line] = (stub.cloud.folder / "edge.log").read_text().splitlines()
    assert "Z GET /missing%0Aline 404 Error" in line


def test_body_that_is_too_large_is_413(viewer: httpx.Client):
    assert viewer.post("/api/photos", content=b"x" * (10 * 2**20 + 1)).status_code == 413


def test_dots_in_a_path_do_not_avoid_a_behaviour(port: int, viewer: httpx.Client):
    assert viewer
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"GET /x/../api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert b'"path": "/api/health"' in answer


def test_bucket_gets_the_path_exactly_as_the_viewer_sent_it(
    stub: StubCloud, port: int, viewer: httpx.Client
):
    assert viewer
    stub.objects = {"a/b": b"content"}
    for path in (b"/a%2fb", b"/a/%62", b"/./a/b", b"/a//b"):
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"".join(iter(lambda raw=raw: raw.recv(65_536), b""))
    assert stub.reads == ["a/b", "a/b", "./a/b", "a//b"]


def test_connections_have_no_delay(
    stub: StubCloud, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
):
    """Without TCP_NODELAY, each response on a kept connection is delayed by 40 ms.

    Nagle's algorithm waits for an acknowledgement, which the client's system delays.
    """
    delays_off: list[bool] = []
    connection_made = H11Protocol.connection_made

    def noted(protocol: H11Protocol, transport: asyncio.Transport) -> None:
        connection = transport.get_extra_info("socket")
        delays_off.append(bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        connection_made(protocol, transport)

    monkeypatch.setattr(H11Protocol, "connection_made", noted)
    stub.objects = {"a": b"x"}
    viewer.get("/a")
    assert delays_off == [True]


def test_port_in_use_is_reported_with_the_remedy(stub: StubCloud, port: int):
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(
            CloudError, match=rf"127.0.0.1:{port} for CloudFront: .* Choose another port"
        ),
        cloudfront.running(stub.cloud, port),
    ):
        pass


def test_page_is_on_loopback_wherever_the_aws_apis_are(stub: StubCloud, port: int):
    """On plain HTTP, browsers regard only loopback addresses as secure."""
    with cloudfront.running(replace(stub.cloud, host="192.0.2.1"), port) as served:
        assert served.url == f"http://127.0.0.1:{port}"
        assert httpx.get(f"{served.url}/missing", trust_env=False).status_code != 0


def test_port_is_free_again_afterwards(stub: StubCloud, port: int):
    for _ in range(2):
        with cloudfront.running(stub.cloud, port) as served:
            assert httpx.get(f"{served.url}/missing", trust_env=False).status_code == 404


def test_distribution_with_unsupported_settings_is_refused_at_start(
    stub: StubCloud, api: FakeApi, port: int
):
    api.deployed = NotModelledError("Origin groups are not modelled.")
    with (
        pytest.raises(CloudError, match="Origin groups are not modelled"),
        cloudfront.running(stub.cloud, port),
    ):
        pass
