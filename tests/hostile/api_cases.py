"""Requests to the API: tokens, ids, cursors and bodies that are not valid."""

from collections.abc import Iterator
from itertools import product
from typing import Final

from tests.hostile.case import Attack, api, create
from tests.hostile.target import unknown_photo_id
from tests.hostile.tokens import (
    own_public_key,
    pem_of,
    signed_by_secret,
    signed_by_us,
    unsigned,
    with_claims,
)

REFUSED, NOT_FOUND, INVALID = "401 problem", "404 problem", "400 problem"
OWN_PHOTOS: Final = "/api/me/photos"

FORGED: Final = {
    "missing": None,
    "empty": "",
    "Bearer only": "Bearer",
    "text": "let-me-in",
    "null": "null",
    "three empty parts": "..",
    "no JSON": "e30.e30.e30",
    "8 kB": "a" * 8192,
    "Basic": "Basic eW91OnNlY3JldA==",
    "SigV4": "AWS4-HMAC-SHA256 Credential=test/20261128/us-east-1/execute-api/aws4_request,"
    " SignedHeaders=host, Signature=00",
    "access token": "owner's access token",
    "refresh token": "owner's refresh token",
    "of another pool": "other pool",
    "expired": "expired",
    "alg none": lambda target: unsigned(target.tokens["owner"], "none"),
    "alg nOnE": lambda target: unsigned(target.tokens["owner"], "nOnE"),
    "alg empty": lambda target: unsigned(target.tokens["owner"], ""),
    "no signature": lambda target: target.tokens["owner"].rpartition(".")[0] + ".",
    "two parts": lambda target: target.tokens["owner"].rpartition(".")[0],
    "other subject": lambda target: with_claims(target.tokens["owner"], sub="someone-else"),
    "access token with token_use id": lambda target: with_claims(
        target.tokens["owner's access token"], token_use="id"
    ),
    "expired token with a later exp": lambda target: with_claims(
        target.tokens["expired"], exp=4_102_444_800
    ),
    "own key": lambda target: signed_by_us(target.tokens["owner"]),
    "own key in jwk": lambda target: signed_by_us(
        target.tokens["owner"], {"jwk": own_public_key(), "kid": "own"}
    ),
    "own key at jku": lambda target: signed_by_us(
        target.tokens["owner"], {"jku": "http://127.0.0.1:9/jwks.json", "kid": "own"}
    ),
    "kid is a path": lambda target: signed_by_us(
        target.tokens["owner"], {"kid": "../../../../dev/null"}
    ),
    "kid is SQL": lambda target: signed_by_us(
        target.tokens["owner"], {"kid": "' UNION SELECT 'key"}
    ),
    "kid is a list": lambda target: signed_by_us(target.tokens["owner"], {"kid": ["own"]}),
    "HS256 by the public key": lambda target: signed_by_secret(
        target.tokens["owner"], pem_of(target.public_key)
    ),
    "HS256 by an empty secret": lambda target: signed_by_secret(target.tokens["owner"], b""),
    "own issuer": lambda target: signed_by_us(
        target.tokens["owner"], iss="http://127.0.0.1:9/us-east-1_Hostile"
    ),
}
VALID_BODY: Final = '{"title":"Hostile","content_type":"image/png","bytes":1}'
SIGNED_IN_ONLY: Final = (
    ("GET", OWN_PHOTOS),
    ("POST", "/api/photos"),
    ("DELETE", "/api/photos/{photo_id}"),
)


def tokens() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Every invalid token, at every route that needs a token."""
    for (method, path), (name, token) in product(SIGNED_IN_ONLY, FORGED.items()):
        # A valid body, because the laptop's gateway takes an access token for an ID token, and
        # then refuses an invalid body before the function refuses the token.
        body = VALID_BODY if method == "POST" else None
        yield f"{method} with {name}", (REFUSED,), api(method, path, token=token, body=body)
    yield (
        "in the query",
        (REFUSED,),
        lambda target: api("GET", f"{OWN_PHOTOS}?Authorization={target.tokens['owner']}")(target),
    )
    yield (
        "in a cookie",
        (REFUSED,),
        lambda target: api(
            "GET", OWN_PHOTOS, headers=[("Cookie", f"Authorization={target.tokens['owner']}")]
        )(target),
    )
    claims = '{"sub":"someone","token_use":"id"}'
    for header in ("X-Amzn-Oidc-Data", "X-Forwarded-User", "X-Apigateway-Event", "Claims"):
        yield f"claims in {header}", (REFUSED,), api("GET", OWN_PHOTOS, headers=[(header, claims)])
    yield (
        "photo of another owner",
        ("403 problem",),
        api("DELETE", "/api/photos/{photo_id}", token="stranger"),
    )
    yield (
        "photo that does not exist",
        (NOT_FOUND,),
        api("DELETE", f"/api/photos/{unknown_photo_id()}", token="stranger"),
    )


IDS: Final = {
    "text": "x",
    "dots": "%2e%2e",
    "star": "*",
    "upper case": "019AA1A0-5E3C-7D11-8A7B-3F2C9D4E5F60",
    "version 4": "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    "nil": "00000000-0000-0000-0000-000000000000",
    "braces": "%7B{photo_id}%7D",
    "urn": "urn:uuid:{photo_id}",
    "no hyphens": "019aa1a05e3c7d118a7b3f2c9d4e5f60",
    "zero byte": "{photo_id}%00",
    "line feed": "{photo_id}%0a",
    "carriage return": "{photo_id}%0d",
    "blank": "{photo_id}%20",
    "plus": "{photo_id}+",
    "slash": "{photo_id}%2f",
    "parameter": "{photo_id};v=1",
    "second id": "{photo_id},{photo_id}",
    "overlong UTF-8": "%c0%ae",
    "broken UTF-8": "%ff%fe",
    "full-width digits": "%EF%BC%90{photo_id}",
    "SQL": "'%20OR%20'1'='1",
    "template": "$%7Bjndi:ldap://127.0.0.1:9/a%7D",
    "prototype": "__proto__",
    "HTML": "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "5 kB": "0" * 5000,
}


# A REST API and Powertools take a path with a slash at the end for the same path without it.
ALIASES: Final = {"slash": ("200", "202", "403 problem")}


def ids() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Invalid ids, at every route that takes an id."""
    routes = (("GET", ""), ("DELETE", ""), ("GET", "/views"), ("POST", "/views"))
    for (method, rest), (name, photo_id) in product(routes, IDS.items()):
        # A stranger, who could not delete the photo under attack if the id reached it.
        attack = api(method, f"/api/photos/{photo_id}{rest}", token="stranger")
        expected = (NOT_FOUND, *ALIASES.get(name, ()))
        if name == "line feed" and rest:
            expected += ("403 problem",)  # in ministack, `*` of a policy matches no line feed
        yield f"{method} {rest or '/'} {name}", expected, attack


PAGES: Final = {
    "cursor=": "empty",
    "cursor=x": "one character",
    "cursor=%00": "zero byte",
    "cursor=../../etc/passwd": "path",
    "cursor=AZqhoF48fRGKez8snU5fYA==": "padding",
    "cursor=AZqhoF48fRGKez8snU5fYB": "unused bits",
    "cursor=AZqhoF48fRGKez8snU5fY!A": "foreign character",
    "cursor=AAAAAAAAAAAAAAAAAAAAAA": "invalid id",
    "cursor=eyJwaG90b19pZCI6IngifQ": "JSON",
    "cursor=%D9%A3": "Arabic digit",
    f"cursor={'A' * 4000}": "4 kB",
    "limit=": "empty limit",
    "limit=0": "limit 0",
    "limit=-1": "limit -1",
    "limit=101": "limit 101",
    "limit=1e2": "limit 1e2",
    "limit=1.0": "limit 1.0",
    "limit=%2B1": "limit +1",
    "limit=%201": "limit with a blank",
    "limit=1%0a": "limit with a line feed",
    "limit=%D9%A3": "limit in Arabic digits",
    "limit=0x10": "limit in hexadecimal",
    f"limit={'9' * 3000}": "limit of 3000 digits",
    "limit=NaN": "limit NaN",
}


def cursors() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Pages that do not exist, of both lists."""
    for path, (query, name) in product(("/api/photos", OWN_PHOTOS), PAGES.items()):
        yield f"{path} {name}", (INVALID,), api("GET", f"{path}?{query}", token="owner")
    for query in ("limit[]=1", "limit%00=1", "=1", "&&&&", "%", "%zz=1", "a=%ff", "x" * 4000):
        answered = ("200", INVALID)
        yield f"query {query[:12]}", answered, api("GET", f"/api/photos?{query}")


JSON_BODIES: Final[dict[str, bytes]] = {
    "empty": b"",
    "blank": b" ",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"photo"',
    "no field": b"{}",
    "truncated": b'{"title":"x","content_type":"image/png"',
    "NaN": b'{"title":"x","content_type":"image/png","bytes":NaN}',
    "Infinity": b'{"title":"x","content_type":"image/png","bytes":Infinity}',
    "1e400": b'{"title":"x","content_type":"image/png","bytes":1e400}',
    "1000 digits": b'{"title":"x","content_type":"image/png","bytes":' + b"9" * 1000 + b"}",
    "a million brackets": b"[" * 1_000_000,
    "nested in a field": b'{"title":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "broken UTF-8": b'{"title":"\xff\xfe","content_type":"image/png","bytes":1}',
    "UTF-16": '{"title":"x","content_type":"image/png","bytes":1}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"title":"x","content_type":"image/png","bytes":1}',
    "half a surrogate pair": b'{"title":"\\ud800","content_type":"image/png","bytes":1}',
    "comment": b'{/**/"title":"x","content_type":"image/png","bytes":1}',
    "single quotes": b"{'title':'x'}",
    "XML": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "field without a value": b'{"title"}',
    "prototype": b'{"__proto__":{"owner":"x"},"title":"x","content_type":"image/png","bytes":1}',
}
FIELDS: Final = {
    "no title": {"title": ""},
    "blank title": {"title": " \t\n"},
    "title of 201 characters": {"title": "x" * 201},
    "title of invisible characters": {"title": "\u200b\u2060\ufeff"},
    "title of control characters": {"title": "\x01\x02\x7f"},
    "title with a zero byte only": {"title": "\0"},
    "title is a number": {"title": 1},
    "title is a list": {"title": ["x"]},
    "title is null": {"title": None},
    "HTML": {"content_type": "text/html"},
    "SVG": {"content_type": "image/svg+xml"},
    "two types": {"content_type": "image/png, text/html"},
    "type with a line feed": {"content_type": "image/png\r\nX-Evil: 1"},
    "no bytes": {"bytes": 0},
    "-1 bytes": {"bytes": -1},
    "1.5 bytes": {"bytes": 1.5},
    "bytes is text": {"bytes": "1"},
    "bytes is true": {"bytes": True},
    "one byte too many": {"bytes": 25_000_001},
    "owner": {"owner": "someone-else"},
    "status": {"status": "READY"},
    "photo_id": {"photo_id": "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"},
    "version": {"version": 99},
    "unknown field": {"a~b/c": 1},
}
CONTENT_TYPES: Final = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/json-patch+json",
    "application/jsonx",
    ";",
    "*/*",
)


def bodies() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Bodies that create nothing."""
    for name, body in JSON_BODIES.items():
        expected = (INVALID, "413 problem") if len(body) > 32_000 else (INVALID,)
        if name == "broken UTF-8":
            expected += ("201",)  # the gateway replaces such bytes by U+FFFD
        attack = api("POST", "/api/photos", token="owner", body=body)
        yield f"JSON: {name}", expected, attack
    for name, fields in FIELDS.items():
        yield f"field: {name}", (INVALID,), create(**fields)
    for content_type in CONTENT_TYPES:
        headers = [("Content-Type", content_type)]
        yield f"Content-Type {content_type}", ("415 problem",), create(headers=headers)
    yield "33 kB", (INVALID, "413 problem"), create(title="x" * 33_000)
    yield "2 MB", (INVALID, "413 problem"), create(title="x" * 2_000_000)
    compressed = [("Content-Encoding", "gzip")]
    yield (
        "Content-Encoding gzip without compression",
        ("201", INVALID, "415 problem"),
        create(headers=compressed),
    )
    attack = api("DELETE", "/api/photos/x", token="owner", body='{"photo_id":"x"}')
    yield "body of DELETE", (NOT_FOUND,), attack
