"""The Runtime API for a runtime other than awslambdaric."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from localcloud.execution.runtime_api import (
    Failed,
    InitFailed,
    Polled,
    Responded,
    RuntimeApi,
    RuntimeEvent,
)
from tests.integration.localcloud.execution.conftest import invocation

type Events = list[RuntimeEvent]
SECONDS = 60  # the longest wait for an event that must come


def address(api: RuntimeApi) -> tuple[str, int]:
    host, port = api.address.split(":")
    return host, int(port)


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    api = RuntimeApi()
    yield api
    api.close()


@pytest.fixture
def events(api: RuntimeApi) -> Iterator[Events]:
    """What the runtime has done; the API is served until the end of the test.

    The API answers requests in order, so after one more request all earlier events are listed.
    """
    events: Events = []
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            if event := api.event(0.01):
                events.append(event)

    thread = threading.Thread(target=serve)
    thread.start()
    yield events
    ended.set()
    thread.join()


@pytest.fixture
def runtime(api: RuntimeApi, events: Events) -> Iterator[httpx.Client]:  # noqa: ARG001 - served
    base = f"http://{api.address}/2018-06-01/runtime"
    with httpx.Client(base_url=base, trust_env=False) as runtime:
        yield runtime


def test_invocation_is_answered_once(api: RuntimeApi, runtime: httpx.Client, events: Events):
    api.deliver(invocation(b"1", request_id="one", deadline_ms=5, trace_id="Root=1"))
    asked = runtime.get("/invocation/next")
    assert asked.content == b"1"
    assert asked.headers["Lambda-Runtime-Aws-Request-Id"] == "one"
    assert asked.headers["Lambda-Runtime-Deadline-Ms"] == "5"
    assert asked.headers["Lambda-Runtime-Trace-Id"] == "Root=1"
    assert "Lambda-Runtime-Client-Context" not in asked.headers
    assert runtime.post("/invocation/two/response", content=b"2").status_code == 400
    assert runtime.post("/invocation/one/response", content=b"2").status_code == 202
    assert runtime.post("/invocation/one/response", content=b"3").status_code == 400
    assert runtime.get("/invocation/one/response").status_code == 404
    assert events == [Polled(), Responded(b"2")]


def test_errors_are_reported_with_the_type_that_the_runtime_names(
    api: RuntimeApi, runtime: httpx.Client, events: Events
):
    body = b'{"errorType": "KeyError"}'
    api.deliver(invocation(request_id="one"))
    named = {"Lambda-Runtime-Function-Error-Type": "Function.Own"}
    assert runtime.post("/init/error", content=body, headers=named).status_code == 202
    assert runtime.post("/invocation/one/error", content=body).status_code == 202
    assert runtime.get("/unknown").status_code == 404
    assert events == [InitFailed(body, "Function.Own"), Failed(body, "KeyError")]


def test_unknown_path_is_refused(runtime: httpx.Client):
    assert runtime.get("/invocation/last").status_code == 404
    assert runtime.post("/exit").status_code == 404


def test_nothing_is_reported_by_a_runtime_that_does_nothing(api: RuntimeApi):
    assert api.event(0) is None
    with socket.create_connection(address(api)):
        assert api.event(0) is None


REQUEST = (
    b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\nTrailer: 1\r\n\r\n"
)


@pytest.mark.parametrize("size", [1, 7, len(REQUEST)])
def test_answer_may_come_in_chunks_and_in_pieces(size: int, api: RuntimeApi):
    with socket.create_connection(address(api)) as connection:
        event = None
        for start in range(0, len(REQUEST), size):
            assert event is None, "reported before the last piece"
            connection.sendall(REQUEST[start : start + size])
            event = api.event(0)
        event = event or api.event(SECONDS)
    assert event == InitFailed(b"abc", "Runtime.Unknown")


def test_large_answer_is_sent_once_the_api_says_continue(api: RuntimeApi):
    head = b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nExpect: 100-continue\r\n"
    with socket.create_connection(address(api)) as connection:
        connection.sendall(head + b"Content-Length: 2\r\n\r\n")
        assert api.event(0) is None
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert api.event(SECONDS) == InitFailed(b"{}", "Runtime.Unknown")
        assert connection.recv(100).startswith(b"HTTP/1.1 202 Accepted\r\n")


@pytest.mark.parametrize(
    "sent",
    [
        b"no request\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n",
        b"x" * 70_000,
    ],
)
def test_connection_that_does_not_speak_http_is_closed(sent: bytes, api: RuntimeApi):
    with socket.create_connection(address(api)) as connection:
        connection.sendall(sent)
        assert api.event(0) is None
        with contextlib.suppress(ConnectionResetError):  # if not all of it was read
            assert connection.recv(100) == b""
    with socket.create_connection(address(api)) as connection:
        connection.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\n\r\n")
        assert api.event(SECONDS) == Polled()
        api.deliver(invocation(b"1"))
        connection.settimeout(SECONDS)
        assert b"".join(iter(lambda: connection.recv(1000), b"")).endswith(b"1")
