"""Parses the part of HTTP/1.1 that runtimes use for the Runtime API.

http.server blocks a thread for each connection, and parses headers with the parser for e-mail,
which would take a third of the time of an invocation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

_HEAD_LIMIT: Final = 64 * 1024
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class BadRequestError(Exception):
    """What was received is not HTTP/1.1."""


@dataclass(frozen=True)
class RuntimeRequest:
    """A request with its body; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    is_last: bool = False  # the connection is to be closed after the answer


class RequestReader:
    """Parses the requests of one connection from its bytes."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._head: RuntimeRequest | None = None

    @property
    def awaits_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        head = self._head
        return (
            head is not None
            and not self._received
            and head.headers.get("expect", "").lower() == "100-continue"
        )

    def feed(self, received: bytes) -> None:
        self._received += received

    def next_request(self) -> RuntimeRequest | None:
        """The next complete request; None if there is none yet.

        Raises:
            BadRequestError: it is not HTTP/1.1.
        """
        self._head = self._head or self._take_head()
        if self._head is None:
            return None
        body = self._take_body(self._head.headers)
        if body is None:
            return None
        head, self._head = self._head, None
        return RuntimeRequest(head.method, head.path, head.headers, body, head.is_last)

    def _take_head(self) -> RuntimeRequest | None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > _HEAD_LIMIT:
                raise BadRequestError("The head of the request does not end.")
            return None
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        del self._received[: end + 4]
        try:
            method, path, version = first.split(" ")
        except ValueError:
            raise BadRequestError(f"Not a request line: {first[:80]}") from None
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        is_last = version == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
        return RuntimeRequest(method, path, headers, is_last=is_last)

    def _take_body(self, headers: Mapping[str, str]) -> bytes | None:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._take_chunks()
        try:
            length = int(headers.get("content-length", 0))
        except ValueError:
            raise BadRequestError("Content-Length is not a number.") from None
        if len(self._received) < length:
            return None
        body = bytes(self._received[:length])
        del self._received[:length]
        return body

    def _take_chunks(self) -> bytes | None:
        chunks, at = [], 0
        while True:
            line_end = self._received.find(b"\r\n", at)
            if line_end < 0:
                return None
            try:
                size = int(self._received[at:line_end].split(b";")[0], 16)
            except ValueError:
                raise BadRequestError("The size of a chunk is not a number.") from None
            at = line_end + 2
            if size == 0:
                break
            if len(self._received) < at + size + 2:
                return None
            chunks.append(bytes(self._received[at : at + size]))
            at += size + 2
        while (line_end := self._received.find(b"\r\n", at)) != at:  # trailers
            if line_end < 0:
                return None
            at = line_end + 2
        del self._received[: at + 2]
        return b"".join(chunks)


def answer(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes of an answer whose body is JSON."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
