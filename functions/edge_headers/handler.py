"""Lambda@Edge at `origin-response`: add security and cache headers to the origin's response.

A path without an object gets a page of the site in place of S3's XML.

Each import prolongs the cold start, so a path imports only what it needs.
"""

import os
import time

from edge_headers import cache_tags
from edge_headers.caching import FRESH, cache_control
from edge_headers.canonical_paths import photo_of_rendition
from edge_headers.security_headers import file_headers, page_headers

TYPE_CHECKING = False  # without an import of typing
if TYPE_CHECKING:
    from typing import Any


class UnexpectedTriggerError(Exception):
    """The event belongs to another function, or to another trigger."""


def handler(event: "dict[str, Any]", _context: object) -> "dict[str, Any]":
    """The event's response with this application's headers, which replace those of the same names.

    A missing object's response also gets the body of a page. CloudFront's custom error responses
    would replace the API's errors too.

    Raises:
        UnexpectedTriggerError: the event is not one of CloudFront's trigger `origin-response`.
    """
    try:
        cf = event["Records"][0]["cf"]
        request, response = cf["request"], cf["response"]
        path, method = request["uri"], request["method"]
        status, headers = response["status"], response["headers"]
    except (IndexError, KeyError, TypeError) as error:
        message = "edge_headers expects origin-response events of CloudFront, and got another: "
        raise UnexpectedTriggerError(f"{message}{error!r}. Check what invokes it.") from error
    # Settings come as custom headers of the origin: a Lambda@Edge function cannot have environment
    # variables of its own.
    origin = request.get("origin", {})
    settings = _values((origin.get("s3") or origin.get("custom") or {}).get("customHeaders", {}))
    connect = settings.get("x-gallery-connect", "")
    missing = status in ("403", "404") and method == "GET"
    if missing:
        added = page_headers()
    elif path.endswith((".html", "/")):
        added = page_headers(connect)
    else:
        added = file_headers()
    added["Cache-Control"] = cache_control(path, status, _values(headers).get("content-type", ""))
    if photo_id := photo_of_rendition(path):
        added[cache_tags.HEADER] = cache_tags.photo_tag(photo_id)
    if path == "/photo.html" and status in FRESH:
        from edge_headers.photo_pages import photo_headers  # noqa: PLC0415

        added |= photo_headers(request["querystring"], settings, os.environ, time.time())
    body = {}
    if missing:
        from edge_headers.missing_page import CONTENT_TYPE, PAGE  # noqa: PLC0415

        added["Content-Type"] = CONTENT_TYPE
        body = {"body": PAGE, "bodyEncoding": "text"}
    ours = {name.lower(): [{"key": name, "value": value}] for name, value in added.items()}
    return {**response, **body, "headers": {**headers, **ours}}


def _values(headers: "dict[str, Any]") -> dict[str, str]:
    """CloudFront's headers as names and values; the first value if a name occurs twice."""
    return {name: lines[0]["value"] for name, lines in headers.items() if lines}
