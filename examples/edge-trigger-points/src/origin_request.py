"""Origin request: finds the file of a page. It runs only if the page is not cached."""

from typing import Any

from groups import HEADER, values

OF_THE_EXPERIMENT = "/"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The request with the name of the file; the front page is in a folder per group."""
    request: dict[str, Any] = event["Records"][0]["cf"]["request"]
    uri = request["uri"]
    if uri == OF_THE_EXPERIMENT:
        [group] = values(request["headers"], HEADER)
        request["uri"] = f"/front/{group}/index.html"
    elif uri.endswith("/"):
        request["uri"] = f"{uri}index.html"
    return request
