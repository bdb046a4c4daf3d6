"""HTTP/1.1 requests written byte by byte, as no well-behaved client sends them."""

import contextlib
import http.client
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

SECONDS: Final = 60.0
_MAX_BYTES: Final = 50_000_000


@dataclass(frozen=True)
class Answer:
    """A response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Address:
    """Where requests go; only to this machine, whatever their Host says.

    Raises:
        ValueError: the address is not a loopback address.
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        if not ipaddress.ip_address(self.host).is_loopback:
            raise ValueError(f"{self.host} is not a loopback address: attacks stay on this machine")


type Headers = Iterable[tuple[str | bytes, str | bytes]]


def ask(
    address: Address, method: str, target: str, headers: Headers = (), body: bytes | None = None
) -> Answer:
    """Send one request as it is, and read its response."""
    with _connection(address) as connection:
        connection.sendall(_request(address, method, target, headers, body))
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        content = response.read(_MAX_BYTES)
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, content)


def converse(address: Address, data: bytes) -> bytes:
    """Everything that the server sends for these bytes until it closes the connection.

    A server that refuses a request before it has read all of it resets the connection.
    """
    received = bytearray()
    with _connection(address) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65536):
            received += chunk
    return bytes(received)


def _connection(address: Address) -> socket.socket:
    return socket.create_connection((address.host, address.port), SECONDS)


def _request(
    address: Address, method: str, target: str, headers: Headers, body: bytes | None
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1".encode("utf-8", "surrogateescape")]
    given = [(_bytes(name), _bytes(value)) for name, value in headers]
    names = {name.lower() for name, _ in given}
    if b"host" not in names:
        given.insert(0, (b"Host", f"{address.host}:{address.port}".encode()))
    if body is not None and not names & {b"content-length", b"transfer-encoding"}:
        given.append((b"Content-Length", str(len(body)).encode()))
    given.append((b"Connection", b"close"))
    lines += [name + b": " + value for name, value in given]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
