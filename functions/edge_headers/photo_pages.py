"""Headers of a photo's page that depend on the catalog: a preload, or noindex for robots."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from edge_headers.cache_tags import HEADER, photo_tag
from edge_headers.caching import BRIEF
from edge_headers.canonical_paths import PHOTO_ID
from edge_headers.catalog import CatalogError, Strings, get_row

# How many photos are remembered, and for how many seconds: READY ones, others, and those whose row
# cannot be used. After a failed lookup, the catalog is not read for at least FAILED_SECONDS.
REMEMBERED, READY_SECONDS, OTHER_SECONDS, FAILED_SECONDS = 256, 5, 5, 5
# Enough for the three round trips of a new connection, also from the other side of the world.
LIMIT_SECONDS = 1.0

_QUERY = re.compile(f"id=({PHOTO_ID})")
_NOT_INDEXED = {"X-Robots-Tag": "noindex", "Cache-Control": BRIEF}
_CLOCKS_DIFFER_SECONDS = 60
logger = logging.getLogger(__name__)


class Memory:
    """What an execution environment remembers for some seconds; times are Unix time.

    `headers` has the headers of a photo and the time until which they are valid. The photo that was
    requested least recently comes first. The catalog is not read before `catalog_failing_until`.
    """

    def __init__(self) -> None:
        self.headers: dict[str, tuple[float, dict[str, str]]] = {}
        self.catalog_failing_until = 0.0


memory = Memory()


def photo_headers(query: str, origin: Strings, environment: Strings, now: float) -> dict[str, str]:
    """Headers of `/photo.html?id=…`; if anything fails, the page is served and not indexed.

    `origin` has the origin's custom headers, `environment` the role's credentials. `now` is Unix
    time: a monotonic clock may stop while the execution environment is frozen.
    """
    match = _QUERY.fullmatch(query)
    if match is None:
        return _NOT_INDEXED
    photo_id = match[1]
    until, headers = memory.headers.pop(photo_id, (0.0, _NOT_INDEXED))
    # `until` is too far in the future only if the clock was set back.
    if not now < until <= now + READY_SECONDS:
        seconds, headers = _look_up(photo_id, origin, environment, now)
        until = now + seconds
    memory.headers[photo_id] = until, headers
    if len(memory.headers) > REMEMBERED:
        del memory.headers[next(iter(memory.headers))]
    return {HEADER: photo_tag(photo_id), **headers}


def _look_up(
    photo_id: str, origin: Strings, environment: Strings, now: float
) -> tuple[float, dict[str, str]]:
    """The headers of a photo's page, and for how many seconds they are remembered."""
    limit = LIMIT_SECONDS * float(environment.get("TIMEOUT_FACTOR", "1"))  # only set on a laptop
    is_failing = now < memory.catalog_failing_until <= now + limit + FAILED_SECONDS
    if is_failing or _made_at(photo_id) > now + _CLOCKS_DIFFER_SECONDS:
        return 0, _NOT_INDEXED
    try:
        # A thread limits the total time: a socket's timeout starts again with each byte, and name
        # resolution has none.
        row = ThreadPoolExecutor(1).submit(get_row, photo_id, origin, environment, now, limit)
        found = row.result(limit)
    except Exception as error:
        # If a network or a table cannot be reached, the message says enough.
        trace = not isinstance(error, (OSError, CatalogError))
        endpoint = origin.get("x-gallery-endpoint")
        logger.error(  # noqa: TRY400 - with a traceback only if the cause is unknown
            "catalog_lookup_failed photo_id=%s endpoint=%s: %r. The page has no preload.",
            photo_id,
            endpoint,
            error,
            exc_info=trace,
        )
        memory.catalog_failing_until = now + limit + FAILED_SECONDS
        return 0, _NOT_INDEXED
    try:
        headers = headers_of(photo_id, found)
    except Exception:
        logger.exception("catalog_lookup_failed photo_id=%s", photo_id)
        return FAILED_SECONDS, _NOT_INDEXED
    return READY_SECONDS if "Link" in headers else OTHER_SECONDS, headers


def _made_at(photo_id: str) -> float:
    """The Unix time at which a UUIDv7 was made."""
    return int(photo_id[:8] + photo_id[9:13], 16) / 1000


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
