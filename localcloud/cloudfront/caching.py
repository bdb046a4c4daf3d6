"""Cache keys, lifetimes and the cache itself."""

import math
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from localcloud.cloudfront.behaviours import CachePolicy, Selection, normalised
from localcloud.cloudfront.compression import encoding
from localcloud.cloudfront.messages import Request, Response, without

_DEFAULT_ERROR_TTL: Final = 10
_ALWAYS_CACHED: Final = (404, 410, 414, 500, 501, 502, 503, 504)
_CACHED_WITH_MAX_AGE: Final = (400, 403, 405, 412, 415)
_MAY_FORBID: Final = (404, 410, 414, 501)
_FORBIDDING: Final = frozenset(("no-cache", "no-store", "private"))
_MAX_TAGS: Final = 50
_TAG: Final = re.compile(r"[!-+\--~]{1,256}")  # visible ASCII characters without the comma
_OVERHEAD: Final = 1_000  # per object, without its body; an estimate


@dataclass(frozen=True)
class CacheKey:
    """Requests with equal keys share a cached object."""

    path: str
    query: str
    headers: tuple[tuple[str, str | None], ...]
    cookies: str
    encoding: str


@dataclass(frozen=True)
class StaleLimits:
    """Until when an expired object may be served.

    `while_revalidated`: at once, while CloudFront asks the origin for it in the background.
    `if_error`: in place of a 5xx of the origin; without the directive there is no limit.
    """

    while_revalidated: float = 0
    if_error: float = math.inf


@dataclass(frozen=True)
class Cached:
    """An object in the cache; `etag` is the origin's, from before compression.

    `tags` are its cache tags, in lower case.
    """

    response: Response
    etag: str | None
    stored_at: float
    fresh_until: float
    tags: frozenset[str] = frozenset()
    limits: StaleLimits = StaleLimits()

    def is_fresh(self, now: float) -> bool:
        """Whether it has not expired; false if it was stored before the clock was set back."""
        return self.stored_at <= now < self.fresh_until

    def is_served_while_revalidated(self, now: float) -> bool:
        return self.fresh_until <= now < self.limits.while_revalidated

    def replaces_an_error(self, now: float) -> bool:
        return now < self.limits.if_error


def cache_key(request: Request, policy: CachePolicy) -> CacheKey:
    key = policy.key
    return CacheKey(
        request.path,
        selected_query(request.query, key.queries),
        tuple((name, request.header(name)) for name in sorted(key.headers.names)),
        selected_cookies(request.header("cookie"), key.cookies),
        encoding(request, policy),
    )


def selected_query(query: str, selection: Selection) -> str:
    """The selected parameters, in the viewer's order and spelling."""
    return "&".join(
        each for each in query.split("&") if each and selection.includes(each.partition("=")[0])
    )


def selected_cookies(header: str | None, selection: Selection) -> str:
    cookies = [each.strip() for each in (header or "").replace(",", ";").split(";")]
    return "; ".join(
        each for each in cookies if each and selection.includes(each.partition("=")[0])
    )


def lifetime(
    response: Response, policy: CachePolicy, error_ttls: Mapping[int, int], now: float
) -> float:
    """Seconds that CloudFront answers with this response before it asks the origin again."""
    directives = _directives(response)
    forbidden = not _FORBIDDING.isdisjoint(directives)
    requested = _origin_lifetime(response, directives, now)
    if response.status >= 400:
        minimum = error_ttls.get(response.status, _DEFAULT_ERROR_TTL)
        cached = response.status in _ALWAYS_CACHED or (
            response.status in _CACHED_WITH_MAX_AGE and not directives.keys().isdisjoint(_MAX_AGES)
        )
        if not cached or (forbidden and response.status in _MAY_FORBID):
            return 0
        return minimum if forbidden else max(minimum, min(requested or 0, policy.max_ttl))
    if forbidden:
        return policy.min_ttl
    if requested is None:
        return max(policy.min_ttl, policy.default_ttl)
    return min(max(requested, policy.min_ttl), policy.max_ttl)


_MAX_AGES: Final = ("s-maxage", "max-age")


def _directives(response: Response) -> dict[str, str]:
    parts = (each.partition("=") for each in (response.header("cache-control") or "").split(","))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in parts}


def stale_limits(
    response: Response, policy: CachePolicy, stored_at: float, seconds: float
) -> StaleLimits:
    """What stale-while-revalidate and stale-if-error allow for an object fresh for `seconds`.

    The maximum TTL ends both.
    """
    directives = _directives(response)

    def limit(name: str, otherwise: float) -> float:
        text = directives.get(name, "")
        if not text.isdecimal():
            return otherwise
        return stored_at + min(seconds + int(text), max(policy.max_ttl, seconds))

    return StaleLimits(limit("stale-while-revalidate", 0), limit("stale-if-error", math.inf))


def _origin_lifetime(response: Response, directives: Mapping[str, str], now: float) -> float | None:
    """The lifetime that the origin sets, if it sets one."""
    for name in _MAX_AGES:
        if directives.get(name, "").isdecimal():
            return int(directives[name])
    expires = response.header("expires")
    if expires is None:
        return None
    moment = _moment(expires)
    return 0 if moment is None else max(moment - now, 0)


def not_modified(request: Request, response: Response) -> bool:
    """Whether the request's conditions say that the viewer already has this response."""
    if response.status != 200:
        return False
    if (tags := request.header("if-none-match")) is not None:
        etag = response.header("etag")
        known = {each.strip().removeprefix("W/") for each in tags.split(",")}
        return etag is not None and ("*" in known or etag.removeprefix("W/") in known)
    since, modified = request.header("if-modified-since"), response.header("last-modified")
    if since is None or modified is None:
        return False
    moments = _moment(modified), _moment(since)
    return moments[0] is not None and moments[1] is not None and moments[0] <= moments[1]


def _moment(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        if moment.tzinfo is None:  # an HTTP date is always UTC
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None


def cache_tags(response: Response, header: str | None) -> frozenset[str]:
    """The cache tags in this header of the response, in lower case: tags ignore case."""
    given = (response.header(header) or "").split(",") if header else []
    tags = [tag for each in given if _TAG.fullmatch(tag := each.strip().lower())]
    return frozenset(tags[:_MAX_TAGS])


def refreshed(
    cached: Cached,
    not_modified: Response,
    policy: CachePolicy,
    *,
    now: float,
    seconds: float,
    tag_header: str | None,
) -> Cached:
    """A stale object after the origin's 304, whose headers replace the older ones."""
    headers = without(not_modified.headers, {"content-length", "content-encoding", "etag", "vary"})
    names = {name.lower() for name, _ in headers}
    response = replace(
        cached.response, headers=(*without(cached.response.headers, names), *headers)
    )
    return replace(
        cached,
        response=response,
        stored_at=now,
        fresh_until=now + seconds,
        tags=cache_tags(response, tag_header),
        limits=stale_limits(response, policy, now, seconds),
    )


class Cache:
    """Objects by key; evicts the least recently used first; thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._objects: OrderedDict[CacheKey, Cached] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self.invalidations = 0

    def get(self, key: CacheKey) -> Cached | None:
        with self._lock:
            if key in self._objects:
                self._objects.move_to_end(key)
            return self._objects.get(key)

    def put(self, key: CacheKey, cached: Cached, invalidations: int) -> None:
        """Store an object, unless `self.invalidations` has changed from `invalidations`.

        A response that the origin sent before an invalidation may be what was to be invalidated.
        """
        with self._lock:
            if invalidations != self.invalidations:
                return
            self._drop(key)
            if _size(cached) > self._most_bytes:
                return
            self._objects[key] = cached
            self._bytes += _size(cached)
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._objects)))

    def invalidate(self, paths: Iterable[str]) -> int:
        """Remove the objects of these paths, which may end with `*`; returns how many.

        A path that begins with `#` is a tag: it removes all objects that carry it.
        """
        given = list(paths)
        patterns = [_normalised_url(each) for each in given if not each.startswith("#")]
        tags = {each[1:].lower() for each in given if each.startswith("#")}
        with self._lock:
            self.invalidations += 1
            removed = [
                key
                for key, cached in self._objects.items()
                if not tags.isdisjoint(cached.tags) or any(_matches(each, key) for each in patterns)
            ]
            for key in removed:
                self._drop(key)
            return len(removed)

    def drop(self, key: CacheKey) -> None:
        with self._lock:
            self._drop(key)

    def _drop(self, key: CacheKey) -> None:
        if key in self._objects:
            self._bytes -= _size(self._objects.pop(key))


def _size(cached: Cached) -> int:
    return len(cached.response.body) + _OVERHEAD


def _normalised_url(path: str) -> str:
    path, mark, query = path.partition("?")
    return normalised(path) + mark + query


def _matches(pattern: str, key: CacheKey) -> bool:
    url = f"{key.path}?{key.query}" if key.query else key.path
    return url.startswith(pattern[:-1]) if pattern.endswith("*") else url == pattern
