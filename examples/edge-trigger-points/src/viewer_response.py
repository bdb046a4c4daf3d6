"""Viewer response: lets each visitor keep the group, also if the page comes from the cache."""

from typing import Any

from groups import COOKIE, HEADER, group_in_cookie, values

MONTH = 30 * 24 * 60 * 60


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The response, with a cookie for a visitor who has none."""
    cf = event["Records"][0]["cf"]
    response: dict[str, Any] = cf["response"]
    if group_in_cookie(cf["request"]) is None:
        for group in values(cf["request"]["headers"], HEADER):
            cookie = f"{COOKIE}={group}; Max-Age={MONTH}; Path=/; Secure; HttpOnly; SameSite=Lax"
            response["headers"]["set-cookie"] = [{"key": "Set-Cookie", "value": cookie}]
    return response
