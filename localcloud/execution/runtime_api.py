"""Lambda's Runtime API for one process of one execution environment.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue
from typing import Any, Final

MAXIMUM_PAYLOAD: Final = 6 * 2**20 + 100  # what Lambda's messages name
_PREFIX: Final = "/2018-06-01/runtime"
_RESULT: Final = re.compile(rf"{_PREFIX}/invocation/([^/]+)/(response|error)")


@dataclass(frozen=True)
class Invocation:
    """One event for a function; `deadline_ms` is in milliseconds since 1970."""

    request_id: str
    payload: bytes
    function_arn: str
    deadline_ms: int = 0
    trace_id: str = ""
    client_context: str = ""
    cognito_identity: str = ""

    @property
    def headers(self) -> dict[str, str]:
        optional = {
            "Lambda-Runtime-Trace-Id": self.trace_id,
            "Lambda-Runtime-Client-Context": self.client_context,
            "Lambda-Runtime-Cognito-Identity": self.cognito_identity,
        }
        return {
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.function_arn,
            **{name: value for name, value in optional.items() if value},
        }


@dataclass(frozen=True)
class Polled:
    """The runtime asks for the next invocation: it is initialized, and idle."""


@dataclass(frozen=True)
class Responded:
    """The handler returned."""

    payload: bytes


@dataclass(frozen=True)
class Failed:
    """The handler raised; `error_type` is what the runtime calls it."""

    payload: bytes
    error_type: str


@dataclass(frozen=True)
class InitFailed:
    """The function's init code raised."""

    payload: bytes
    error_type: str


type RuntimeEvent = Polled | Responded | Failed | InitFailed


class RuntimeApi:
    """Listens on a loopback port of its own and reports what the runtime does to `report`."""

    def __init__(self, report: Callable[[RuntimeEvent], None]) -> None:
        self.report = report
        self._next: SimpleQueue[Invocation | None] = SimpleQueue()
        self._expected: str | None = None
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="runtime-api", daemon=True).start()

    def deliver(self, invocation: Invocation) -> None:
        """Answer the runtime's pending, or next, request for an invocation."""
        with self._lock:
            self._expected = invocation.request_id
        self._next.put(invocation)

    def next_invocation(self) -> Invocation | None:
        """Wait for what `deliver` brings; None when the API is closed."""
        self.report(Polled())
        return self._next.get()

    def take_result(self, request_id: str) -> bool:
        """Whether a result for this request is expected; it is so once."""
        with self._lock:
            expected = self._expected == request_id
            if expected:
                self._expected = None
        return expected

    def close(self) -> None:
        """Listen no longer, and end the requests that wait."""
        # shutdown, not only close: it ends the accept that another thread waits in.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._next.put(None)

    def _accept(self) -> None:
        while True:
            try:
                connection, address = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(
                target=self._serve, args=(connection, address), name="runtime-api", daemon=True
            ).start()

    def _serve(self, connection: socket.socket, address: Any) -> None:
        # The process may end meanwhile; whoever waits for it notices.
        with connection, contextlib.suppress(ConnectionError, TimeoutError):
            _Handler(connection, address, self)  # type: ignore[arg-type] # it only stores it


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet
    server: RuntimeApi  # type: ignore[assignment]

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}/invocation/next":
            self._answer(404, _error("InvalidRequest", f"unknown path {self.path}"))
            return
        invocation = self.server.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        self._answer(200, invocation.payload, invocation.headers)

    def do_POST(self) -> None:
        body = self._body()
        error_type = self.headers.get("Lambda-Runtime-Function-Error-Type", "")
        if self.path == f"{_PREFIX}/init/error":
            self._answer(202, _OK)
            self.server.report(InitFailed(body, error_type or _type_in(body)))
            return
        match = _RESULT.fullmatch(self.path)
        if not match:
            self._answer(404, _error("InvalidRequest", f"unknown path {self.path}"))
        elif not self.server.take_result(match[1]):
            self._answer(400, _error("InvalidRequestID", "Invalid request ID"))
        elif match[2] == "error":
            self._answer(202, _OK)
            self.server.report(Failed(body, error_type or _type_in(body)))
        elif len(body) > MAXIMUM_PAYLOAD:
            limit = f"maximum allowed payload size ({MAXIMUM_PAYLOAD} bytes)."
            self._answer(413, _error("RequestEntityTooLarge", f"Exceeded {limit}"))
            name = "Function.ResponseSizeTooLarge"
            self.server.report(
                Failed(_error(name, f"Response payload size exceeded {limit}"), name)
            )
        else:
            self._answer(202, _OK)
            self.server.report(Responded(body))

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return b"".join(chunks)


_OK: Final = b'{"status":"OK"}'


def _error(name: str, message: str) -> bytes:
    return json.dumps({"errorMessage": message, "errorType": name}).encode()


def _type_in(body: bytes) -> str:
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Runtime.Unknown"
