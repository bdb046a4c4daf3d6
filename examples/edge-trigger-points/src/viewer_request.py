"""Viewer request: redirects moved pages, and puts the visitor's group into the cache key."""

from typing import Any

from groups import HEADER, group_in_cookie, group_of_new_visitor

MOVED = {"/bread": "/breads/", "/bread.html": "/breads/", "/shop": "/find-us/"}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The request with its group, or a redirect that CloudFront sends without cache and origin."""
    request: dict[str, Any] = event["Records"][0]["cf"]["request"]
    if location := MOVED.get(request["uri"]):
        headers = {
            "location": [{"key": "Location", "value": location}],
            "cache-control": [{"key": "Cache-Control", "value": "max-age=3600"}],
        }
        return {"status": "301", "statusDescription": "Moved Permanently", "headers": headers}
    group = group_in_cookie(request) or group_of_new_visitor(request)
    request["headers"][HEADER] = [{"key": HEADER, "value": group}]  # also over a visitor's own
    return request
