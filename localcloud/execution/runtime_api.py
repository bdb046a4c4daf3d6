"""Lambda's Runtime API for one process of one execution environment.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import json
import re
import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from localcloud.execution.http_requests import (
    CONTINUE,
    BadRequestError,
    RequestReader,
    RuntimeRequest,
    answer,
)

MAXIMUM_PAYLOAD: Final = 6 * 2**20 + 100  # the limit in Lambda's error messages
_PREFIX: Final = "/2018-06-01/runtime"
_SEND_SECONDS: Final = 10
_OK: Final = b'{"status":"OK"}'
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
    """The handler raised; `error_type` is the runtime's name of the error."""

    payload: bytes
    error_type: str


@dataclass(frozen=True)
class InitFailed:
    """The function's init code raised."""

    payload: bytes
    error_type: str


type RuntimeEvent = Polled | Responded | Failed | InitFailed


@dataclass(eq=False)
class _Connection:
    """A connection of the runtime, and what was received on it."""

    socket: socket.socket
    reader: RequestReader = field(default_factory=RequestReader)
    is_last: bool = False  # to be closed after the next answer


class RuntimeApi:
    """Listens on a loopback port of its own; `event` answers the runtime in the caller's thread.

    Requests are answered only while `event` waits. At other times the runtime is frozen.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._events: deque[RuntimeEvent] = deque()
        self._asking: _Connection | None = None
        self._undelivered: Invocation | None = None
        self._expected: str | None = None

    def deliver(self, invocation: Invocation) -> None:
        """Answer the runtime's pending, or next, request for an invocation."""
        self._expected = invocation.request_id
        self._undelivered = invocation
        self._deliver()

    def event(self, timeout: float) -> RuntimeEvent | None:
        """The next event of the runtime; None if there is none within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self._events:
            ready = self._selector.select(max(deadline - time.monotonic(), 0))
            if not ready:
                return None
            for key, _ in ready:
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._receive(key.data)
        return self._events.popleft()

    def close(self) -> None:
        """Stop listening, and close all connections."""
        for key in list(self._selector.get_map().values()):
            if key.data:
                key.data.socket.close()
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        accepted, _ = self._listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.settimeout(_SEND_SECONDS)
        self._selector.register(accepted, selectors.EVENT_READ, _Connection(accepted))

    def _receive(self, connection: _Connection) -> None:
        try:
            received = connection.socket.recv(2**16)
            connection.reader.feed(received)
            while request := connection.reader.next_request():
                self._handle(connection, request)
            if connection.reader.awaits_continue:
                connection.socket.sendall(CONTINUE)
        except (OSError, BadRequestError):
            received = b""  # the process may have ended; the environment checks that
        if not received:
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        if self._asking is connection:
            self._asking = None
        with contextlib.suppress(KeyError):  # dropped already
            self._selector.unregister(connection.socket)
        connection.socket.close()

    def _handle(self, connection: _Connection, request: RuntimeRequest) -> None:
        connection.is_last = request.is_last
        if request.method == "GET" and request.path == f"{_PREFIX}/invocation/next":
            self._asking = connection
            self._events.append(Polled())
            self._deliver()
            return
        if request.method == "POST":
            status, body = self._take(request)
        else:
            status, body = 404, error_document("InvalidRequest", f"unknown path {request.path}")
        self._send(connection, answer(status, body, {}))

    def _deliver(self) -> None:
        invocation, connection = self._undelivered, self._asking
        if invocation and connection:
            self._undelivered = self._asking = None
            self._send(connection, answer(200, invocation.payload, invocation.headers))

    def _send(self, connection: _Connection, content: bytes) -> None:
        with contextlib.suppress(OSError):  # the process may have ended
            connection.socket.sendall(content)
        if connection.is_last:
            self._drop(connection)

    def _take(self, request: RuntimeRequest) -> tuple[int, bytes]:
        """Store what the runtime reports; returns the status and body of the answer."""
        body = request.body
        error_type = request.headers.get("lambda-runtime-function-error-type", "")
        if request.path == f"{_PREFIX}/init/error":
            self._events.append(InitFailed(body, error_type or _type_in(body)))
            return 202, _OK
        match = _RESULT.fullmatch(request.path)
        if not match:
            return 404, error_document("InvalidRequest", f"unknown path {request.path}")
        if self._expected != match[1]:
            return 400, error_document("InvalidRequestID", "Invalid request ID")
        self._expected = None
        if match[2] == "error":
            self._events.append(Failed(body, error_type or _type_in(body)))
        elif len(body) > MAXIMUM_PAYLOAD:
            limit = f"maximum allowed payload size ({MAXIMUM_PAYLOAD} bytes)."
            name = "Function.ResponseSizeTooLarge"
            failure = error_document(name, f"Response payload size exceeded {limit}")
            self._events.append(Failed(failure, name))
            return 413, error_document("RequestEntityTooLarge", f"Exceeded {limit}")
        else:
            self._events.append(Responded(body))
        return 202, _OK


def error_document(error_type: str, message: str) -> bytes:
    """The body of an error answer of Lambda and of its Runtime API."""
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def _type_in(body: bytes) -> str:
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Runtime.Unknown"
