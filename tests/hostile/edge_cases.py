"""Requests to CloudFront: headers, methods, traversal, smuggling, and what is cached."""

import hashlib
from collections.abc import Iterator
from itertools import product
from typing import Final

from tests.hostile import raw_http
from tests.hostile.api_cases import INVALID, NOT_FOUND, OWN_PHOTOS, REFUSED
from tests.hostile.case import Attack
from tests.hostile.outcomes import api_outcome, outcome
from tests.hostile.raw_http import Answer
from tests.hostile.target import SECRET, Target, unknown_photo_id

HEADERS: Final[dict[str, list[tuple[str | bytes, str | bytes]]]] = {
    "not ASCII": [("X-Name", "Zoë")],
    "UTF-8": [(b"X-Name", "名前".encode())],
    "broken UTF-8": [(b"X-Name", b"\xff\xfe")],
    "method override": [("X-HTTP-Method-Override", "DELETE"), ("X-Method-Override", "DELETE")],
    "URL override": [("X-Original-URL", OWN_PHOTOS), ("X-Rewrite-URL", OWN_PHOTOS)],
    "forwarded": [("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1;host=x")],
    "forwarded host": [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "ftp")],
    "Lambda's own": [("X-Amzn-Trace-Id", "Root=1-x;Parent=\t"), ("Lambda-Runtime-Aws", "x")],
    "Referer": [("Referer", "https://evil.example/")],
    "Range": [("Range", "bytes=0-0,1-1,2-2")],
    "Accept": [("Accept", "application/xml;q=nan")],
    "template": [("User-Agent", "${jndi:ldap://127.0.0.1:9/a}")],
    "Expect": [("Expect", "100-continue")],
    "Cookie of 4 kB": [("Cookie", "a=" + "b" * 4096)],
}
LARGE: Final = {
    "header of 20 kB": [("X-Large", "x" * 20_480)],
    "500 headers": [(f"X-{n}", "x") for n in range(500)],
}
METHODS: Final = (
    "TRACE",
    "TRACK",
    "CONNECT",
    "PROPFIND",
    "PUT",
    "PATCH",
    "get",
    "G\u00cbT",
    "X" * 99,
)


def headers() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Headers and methods that change nothing, or are refused."""
    for name, sent in HEADERS.items():
        expected = ("200", INVALID, "400", "417")
        yield f"public: {name}", expected, edge_or_api("GET", "/api/photos?limit=1", sent)
        attack = edge_or_api("GET", OWN_PHOTOS, sent)
        yield f"signed in only: {name}", (REFUSED, INVALID, "400", "417"), attack
    for name, sent in LARGE.items():
        expected = ("200", "400", "413", "431", "494", INVALID)
        yield name, expected, edge_or_api("GET", "/api/photos?limit=1", sent)
    for method in METHODS:
        expected = (NOT_FOUND, "400", "403", "405", "501")
        yield f"method {method[:9]}", expected, edge_or_api(method, "/api/photos/{photo_id}")
    for host in ("evil.example", "127.0.0.1", "", "x" * 300, "a:b:c", "localhost\t"):
        attack = edge_or_api("GET", "/api/health", [("Host", host)])
        yield f"Host {host[:12]!r}", ("200", "400", "421"), attack
    for referer in (None, "", "https://evil.example/", "*"):
        yield (
            f"directly to the API with Referer {referer!r}",
            ("403 problem",),
            bypassing_cloudfront(referer),
        )


def edge_or_api(
    method: str, path: str, headers: list[tuple[str | bytes, str | bytes]] | None = None
) -> Attack:
    """A request that the edge itself may refuse, in a form of its own."""

    def attack(target: Target) -> str:
        answer = target.ask(method, path, headers or [])
        at_edge = "x-amzn-requestid" not in answer.headers
        return outcome(answer) if at_edge else api_outcome(answer)

    return attack


def bypassing_cloudfront(referer: str | None) -> Attack:
    """A request to the API's own address, which answers CloudFront alone."""

    def attack(target: Target) -> str:
        host = f"{target.outputs['ApiId']}.execute-api.localhost:{target.api.port}"
        sent = [("Host", host), *([("Referer", referer)] if referer is not None else [])]
        return api_outcome(target.ask_s3("GET", "/api/photos", sent))

    return attack


UP: Final = (
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "%2E%2E%2F",
    "..%5c",
    "..\\",
    "..;/",
    "%252e%252e%252f",
    "%c0%ae%c0%ae%c0%af",
    ".%00./",
    "%2f",
    "/",
    "%09../",
)
INSIDE: Final = ("", "/photos", "/photos/x.webp", "/api", "/photo.html")
ABSOLUTE: Final = (
    "http://{uploads}.s3.localhost/secret",
    "http://127.0.0.1/{uploads}/secret",
    "/{uploads}/secret",
    "/secret",
    "/?bucket={uploads}&key=secret",
    "/photos/{uploads}/secret.webp",
    "*",
)
EMULATOR: Final = (
    "/api/../_ministack/health",
    "/api/%2e%2e/_ministack/health",
    "/api/..%2f_ministack%2fhealth",
    "/_ministack/health",
    "/api//_ministack/health",
)


def traversal() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Paths that lead out of the origin of their behavior."""
    refused = ("400", "403", "404")
    for start, up in product(INSIDE, UP):
        for path in (f"{start}/{up}{{uploads}}/secret", f"{start}/{up}{up}{{uploads}}%2fsecret"):
            yield path, refused, read(path)
            yield f"{path}.webp", refused, read(f"{path}.webp")
    for path in ABSOLUTE:
        expected = (*refused, "200") if path.startswith(("/?", "*")) else refused
        yield path, expected, read(path)
    for path in EMULATOR:
        yield path, refused, read(path, b"services")


def read(path: str, secret: bytes = SECRET) -> Attack:
    """A GET of the path as it is, which must not find `secret`."""
    return lambda target: outcome(target.ask("GET", path), [secret])


SMUGGLED: Final = b"GET /api/me/photos?smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
AMBIGUOUS: Final[dict[str, bytes]] = {
    "length and chunks": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n",
    "length with a sign": b"Content-Length: +%d\r\n\r\n",
    "length with a blank": b"Content-Length : %d\r\n\r\n",
    "negative length": b"Content-Length: -%d\r\n\r\n",
    "length in hexadecimal": b"Content-Length: 0x%x\r\n\r\n",
    "xchunked": b"Content-Length: %d\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\nX: %d\r\n\r\n0\r\n\r\n",
    "folded": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"Content-Length: %d\nTransfer-Encoding: chunked\n\n0\n\n",
}
BROKEN: Final = {
    "no version": b"GET /\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "zero byte in the path": b"GET /\0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "high bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n",
    "header with a zero byte": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "chunk size of 16 digits": b"POST /api/photos HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    "path of 100 kB": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
}


def smuggling() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Requests whose end two servers could see at different places, and invalid requests.

    The outcome names how many responses have come, and the status of the first.
    """
    for name, head in AMBIGUOUS.items():
        data = b"POST /api/photos HTTP/1.1\r\nHost: x\r\n" + head % len(SMUGGLED) + SMUGGLED
        yield name, ("1: 400", "1: 401", "1: 501", "closed"), conversation(data)
    for name, data in BROKEN.items():
        expected = (
            "1: 400",
            "1: 404",
            "1: 403",
            "1: 405",
            "1: 414",
            "1: 431",
            "1: 505",
            "closed",
            "1: 200",
        )
        yield name, expected, conversation(data)


def conversation(data: bytes) -> Attack:
    """The number of responses to these bytes, and the status of the first one."""

    def attack(target: Target) -> str:
        received = raw_http.converse(target.edge, data)
        statuses = [
            line.split(b" ")[1].decode()
            for line in received.split(b"\r\n")
            if line.startswith(b"HTTP/1.") and line.count(b" ") >= 1
        ]
        final = [status for status in statuses if status != "100"]
        return f"{len(final)}: {final[0]}" if final else "closed"

    return attack


UNKEYED: Final = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Scheme": "nothttps",
    "X-Forwarded-For": "127.0.0.1",
    "X-Host": "evil.example",
    "X-Original-URL": "/page.css",
    "X-Rewrite-URL": "/page.css",
    "X-HTTP-Method-Override": "DELETE",
    "Origin": "https://evil.example",
    "Referer": "https://evil.example/",
    "Cookie": "session=evil",
    "Authorization": "Bearer evil",
    "Range": "bytes=0-0",
    "If-None-Match": "*",
    "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT",
    "Accept-Encoding": "evil",
    "Accept": "application/evil",
    "X-Gallery-Connect": "https://evil.example",
    "X-Gallery-Endpoint": "http://127.0.0.1:9",
    "X-Amz-Server-Side-Encryption-Customer-Key": "evil",
    "Content-Type": "text/evil",
}


def caching() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """A request of one viewer must not change the answer to the next viewer."""
    for name, value in UNKEYED.items():
        yield f"poison by {name}", ("as before",), poison("GET", [(name, value)])
    yield "poison by HEAD", ("as before",), poison("HEAD", [])
    yield "poison by a GET with a body", ("as before",), poison("GET", [], b"id=evil")
    for path in (
        "/api/me/photos/x.webp",
        "/api/me/photos/x.css",
        "/api/me/photos;x.css",
        "/api/me/photos%2fx.webp",
        "/api/me/photos%00.webp",
        "/api/me/photos?x.css",
        "/photos/..%2fapi%2fme%2fphotos.webp",
    ):
        yield f"deception by {path}", ("no",), cached_private_answer(path)
    for path in (
        "/photos/{photo_id}/{etag}%2fthumb.webp",
        "/photos/{photo_id}%2f{etag}/thumb.webp",
        "/photos//{photo_id}/{etag}/thumb.webp",
        "/photos/./{photo_id}/{etag}/thumb.webp",
        "/photos/{photo_id}/{etag}/thumb%2ewebp",
        "/photos/{photo_id}/{etag}/%74humb.webp",
        "/%70hotos/{photo_id}/{etag}/thumb.webp",
        "/photos/{photo_id}/{etag}/thumb.webp%20",
        "/photos/{photo_id}/{etag}/thumb.webp/.webp",
    ):
        yield f"other name of a rendition: {path}", ("short",), cache_lifetime(path)


def poison(method: str, headers: list[tuple[str, str]], body: bytes | None = None) -> Attack:
    """Request a page and a missing file with hostile headers, then request them normally."""

    def seen(answer: Answer) -> tuple[object, ...]:
        changing = {"date", "age", "via", "x-cache", "connection", "content-length"}
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name not in changing and not name.startswith("x-am")
        }
        return answer.status, kept, hashlib.sha256(answer.body).hexdigest()

    def attack(target: Target) -> str:
        for prefix in ("/photo.html?id=", "/photos/x/"):
            suffix = "" if "?" in prefix else "/large.webp"
            clean, path = (f"{prefix}{unknown_photo_id()}{suffix}" for _ in range(2))
            before = seen(target.ask("GET", clean))
            if (found := target.ask(method, path, headers, body)).status >= 500:
                return outcome(found)
            after = seen(target.ask("GET", path))
            if suffix:  # the error names its key
                before, after = before[:2], after[:2]
            if after != before:
                return f"{path}: {after} instead of {before}"
        return "as before"

    return attack


def cached_private_answer(path: str) -> Attack:
    """Whether an answer to a signed-in viewer is cached and given to another one."""

    def attack(target: Target) -> str:
        target.ask("GET", path, token="owner")
        answer = target.ask("GET", path)
        found = outcome(answer)
        return "no" if answer.status in {400, 401, 403, 404} else f"{found}: {answer.body[:80]!r}"

    return attack


def cache_lifetime(path: str) -> Attack:
    """Whether an answer stays cached after a deletion, which invalidates the canonical paths."""

    def attack(target: Target) -> str:
        answer = target.ask("GET", path)
        control = answer.headers.get("cache-control", "")
        if answer.status >= 500 or "immutable" in control or "s-maxage=86400" in control:
            return f"{outcome(answer)}, Cache-Control: {control}"
        return "short"

    return attack
