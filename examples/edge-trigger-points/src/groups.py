"""The groups of the experiment, and what the functions read of a CloudFront event."""

from http.cookies import CookieError, SimpleCookie
from typing import Any
from zlib import crc32

COOKIE = "group"
HEADER = "x-group"
GROUPS = ("a", "b")
SHARE_OF_B = 30  # percent

type Headers = dict[str, list[dict[str, str]]]


def values(headers: Headers, name: str) -> list[str]:
    return [entry["value"] for entry in headers.get(name, [])]


def group_in_cookie(request: dict[str, Any]) -> str | None:
    """The group that an earlier response has given to the visitor, if it is one of ours."""
    cookies = SimpleCookie()
    try:
        cookies.load("; ".join(values(request["headers"], "cookie")))
    except CookieError:  # a visitor can send anything
        return None
    group = cookies[COOKIE].value if COOKIE in cookies else None
    return group if group in GROUPS else None


def group_of_new_visitor(request: dict[str, Any]) -> str:
    """The same group for the first requests of a page, which come before the cookie is stored."""
    visitor = [request["clientIp"], *values(request["headers"], "user-agent")]
    percent = crc32("\n".join(visitor).encode()) % 100
    return "b" if percent < SHARE_OF_B else "a"
