"""Headers of a photo's page that depend on the catalog: a preload, and whether it is indexed."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from edge_headers.cache_tags import HEADER, photo_tag
from edge_headers.caching import BRIEF
from edge_headers.canonical_paths import PHOTO_ID
from edge_headers.catalog import Strings, get_row

REMEMBERED, READY_SECONDS, OTHER_SECONDS = 256, 5, 1
# Enough for the three round trips of a new connection, also from the other side of the world.
LIMIT_SECONDS = 1.0

_QUERY = re.compile(f"id=({PHOTO_ID})")
_NOT_INDEXED = {"X-Robots-Tag": "noindex", "Cache-Control": BRIEF}
_known: dict[str, tuple[float, dict[str, str]]] = {}
logger = logging.getLogger(__name__)


def photo_headers(query: str, origin: Strings, environment: Strings, now: float) -> dict[str, str]:
    """Headers of `/photo.html?id=…`; if anything fails, the page is served and not indexed.

    `origin` has the origin's custom headers, `environment` the role's credentials. `now` is Unix
    time: a monotonic clock may stop while the execution environment is frozen.
    """
    if not (asked := _QUERY.fullmatch(query)):
        return _NOT_INDEXED
    found = _found_or_remembered(asked[1], origin, environment, now)
    return {HEADER: photo_tag(asked[1]), **found}


def _found_or_remembered(
    photo_id: str, origin: Strings, environment: Strings, now: float
) -> dict[str, str]:
    until, headers = _known.pop(photo_id, (0.0, _NOT_INDEXED))
    if now >= until:
        try:
            # A thread limits the total time: a socket's time-out starts again with each byte, and
            # name resolution has none.
            limit = LIMIT_SECONDS * float(environment.get("TIMEOUT_FACTOR", "1"))  # of a laptop
            row = ThreadPoolExecutor(1).submit(get_row, photo_id, origin, environment, now, limit)
            headers = headers_of(photo_id, row.result(limit))
        except Exception:
            logger.exception("catalog_lookup_failed photo_id=%s", photo_id)
            return _NOT_INDEXED
        until = now + (READY_SECONDS if "Link" in headers else OTHER_SECONDS)
    _known[photo_id] = until, headers
    if len(_known) > REMEMBERED:
        del _known[next(iter(_known))]
    return headers


def headers_of(photo_id: str, row: Any) -> dict[str, str]:
    """The headers of a photo's page, from its catalog row in DynamoDB's form.

    Raises:
        KeyError, ValueError: the row is READY and has no large rendition of this photo.
    """
    if row is None or row["status"]["S"] != "READY":
        return _NOT_INDEXED
    key = row["renditions"]["M"]["large"]["M"]["key"]["S"]
    if not re.fullmatch(rf"photos/{photo_id}/[0-9A-Za-z-]+/large\.webp", key):
        raise ValueError(
            f"{key!r} in the catalog is not the key of a large rendition of {photo_id}"
        )
    return {"Link": f'</{key}>; rel=preload; as=image; type="image/webp"; fetchpriority=high'}
