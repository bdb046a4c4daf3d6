"""How CloudFront answers a request: behaviour, functions, cache, origin, viewer."""

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any, Final

from localcloud.cloudfront.answers import FunctionError, request_answer, response_answer
from localcloud.cloudfront.behaviours import (
    METHODS,
    Behaviour,
    Distribution,
    Origin,
    Trigger,
    normalised,
)
from localcloud.cloudfront.caching import (
    Cache,
    Cached,
    CacheKey,
    cache_key,
    cache_tags,
    lifetime,
    not_modified,
    refreshed,
    stale_limits,
)
from localcloud.cloudfront.compression import compressed, encoding
from localcloud.cloudfront.messages import (
    HOP_BY_HOP,
    Request,
    Response,
    error_page,
    values,
    without,
)
from localcloud.cloudfront.origins import OriginError, origin_request, to_origin
from localcloud.cloudfront.triggers import edge_event

_LONGEST_WAIT: Final = 30
_CACHED_METHODS: Final = ("GET", "HEAD")
_REPLACED: Final = HOP_BY_HOP | {"age", "via", "x-cache", "x-amz-cf-id", "x-amz-cf-pop"}
_OF_A_BODY: Final = ("content-length", "content-encoding", "content-type")

type Fetch = Callable[[Distribution, Origin, Request], Response]
type Invoke = Callable[[str, dict[str, Any]], object]
type RunInBackground = Callable[[Callable[[], None]], None]


@dataclass(frozen=True)
class _Outcome:
    """A response, its `X-Cache`, and its `age` if it came from the cache."""

    response: Response
    result: str
    age: int | None = None


@dataclass(frozen=True)
class _Visit:
    """A viewer's request, with the configuration that was valid when it arrived."""

    request: Request
    distribution: Distribution
    behaviour: Behaviour
    id: str

    def key(self) -> CacheKey:
        return cache_key(self.request, self.behaviour.cache)


class Edge:
    """Answers viewers from a cache and from origins; thread-safe.

    `fetch` raises OriginError. `invoke` gets a function's ARN and an event, and raises
    FunctionError. `report` gets a sentence for the operator of the distribution.
    `run_in_background` gets the requests for expired objects that a viewer has already been given.
    """

    def __init__(
        self,
        *,
        distribution: Distribution,
        cache: Cache,
        fetch: Fetch,
        invoke: Invoke,
        clock: Callable[[], float],
        report: Callable[[str], None],
        run_in_background: RunInBackground,
    ) -> None:
        self.distribution = distribution
        self._cache = cache
        self._fetch = fetch
        self._invoke = invoke
        self._clock = clock
        self._report = report
        self._run_in_background = run_in_background
        self._under_way: dict[CacheKey, threading.Event] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response:
        """The response to a viewer's request.

        The normalised path selects the behaviour. REST APIs and function URLs get it too, and so do
        the functions at their origin triggers. The cache, buckets and viewer triggers get the raw
        one.
        """
        request_id = uuid.uuid4().hex
        distribution = self.distribution
        if request.path == "/" and distribution.root_object:
            request = replace(request, path=f"/{distribution.root_object}")
        behaviour = distribution.behaviour(normalised(request.path))
        visit = _Visit(request, distribution, behaviour, request_id)
        if refusal := _refusal(request, behaviour):
            return self._finished(visit, _Outcome(refusal, "Error"))
        try:
            return self._answer(visit)
        except FunctionError as error:
            self._report(f"{request.method} {request.path}: {error}")
            reason = "The Lambda function associated with the CloudFront distribution failed."
            return self._finished(visit, _Outcome(error_page(error.status, reason), error.kind))

    def _answer(self, visit: _Visit) -> Response:
        """The response to an allowed request, with the functions at the viewer's triggers."""
        changed = self._changed_request(Trigger.VIEWER_REQUEST, visit, visit.request)
        if isinstance(changed, Response):
            return self._finished(visit, _Outcome(changed, "LambdaGeneratedResponse"))
        visit = replace(visit, request=changed)
        outcome = self._outcome(visit)
        response = self._finished(visit, outcome)
        function = visit.behaviour.functions.get(Trigger.VIEWER_RESPONSE)
        if function is None or outcome.response.status >= 400:
            return response
        event = edge_event(
            Trigger.VIEWER_RESPONSE,
            visit.distribution,
            visit.request,
            visit.id,
            response=response,
        )
        return response_answer(Trigger.VIEWER_RESPONSE, self._invoke(function, event), response)

    def _changed_request(
        self, trigger: Trigger, visit: _Visit, request: Request
    ) -> Request | Response:
        """The request after the function at a request trigger, or what the function answered."""
        function = visit.behaviour.functions.get(trigger)
        if function is None:
            return request
        origin = visit.behaviour.origin if trigger is Trigger.ORIGIN_REQUEST else None
        event = edge_event(trigger, visit.distribution, request, visit.id, origin=origin)
        changed = request_answer(trigger, self._invoke(function, event), event, request)
        if origin is None or isinstance(changed, Response):
            return changed
        return to_origin(changed, origin)

    def _outcome(self, visit: _Visit) -> _Outcome:
        if visit.request.method not in _CACHED_METHODS:
            return _miss(self._from_origin(visit))
        if hit := self._fresh(visit):
            return hit
        if visit.behaviour.cache.max_ttl == 0:  # only errors are cached
            return self._missed(visit)
        if stale := self._stale(visit):
            return stale
        with self._one_at_a_time(visit.key()):
            return self._fresh(visit) or self._missed(visit)

    def _fresh(self, visit: _Visit) -> _Outcome | None:
        cached = self._cache.get(visit.key())
        now = self._clock()
        if cached is None or not cached.is_fresh(now):
            return None
        return _hit(cached, now)

    def _stale(self, visit: _Visit) -> _Outcome | None:
        """An expired object that may be served while the origin is asked for it again."""
        cached = self._cache.get(visit.key())
        now = self._clock()
        if cached is None or not cached.is_served_while_revalidated(now):
            return None
        if self._begin(visit.key()) is None:
            self._run_in_background(lambda: self._revalidate(visit))
        return _hit(cached, now)

    def _revalidate(self, visit: _Visit) -> None:
        """Ask the origin with GET, since only its answers are cached; end what `_begin` began."""
        try:
            if self._fresh(visit) is None:
                self._missed(replace(visit, request=replace(visit.request, method="GET")))
        except FunctionError as error:
            self._report(f"{visit.request.method} {visit.request.path}: {error}")
        finally:
            self._end(visit.key())

    def _missed(self, visit: _Visit) -> _Outcome:
        stale = self._cache.get(visit.key())
        if stale and stale.response.status >= 400:
            stale = None
        invalidations = self._cache.invalidations
        response = self._from_origin(visit, stale)
        now = self._clock()
        policy, error_ttls = visit.behaviour.cache, visit.distribution.error_ttls
        tag_header = visit.distribution.tag_header
        seconds = lifetime(response, policy, error_ttls, now)
        if stale and response.status >= 500 and stale.replaces_an_error(now):
            kept = replace(stale, fresh_until=min(now + seconds, stale.limits.if_error))
            outcome = _hit(stale, now)
        elif stale and response.status == 304:
            kept = refreshed(
                stale, response, policy, now=now, seconds=seconds, tag_header=tag_header
            )
            outcome = _Outcome(kept.response, "RefreshHit")
        else:
            etag = response.header("etag")
            accepted = encoding(visit.request, policy)
            response = compressed(response, visit.behaviour, accepted)
            tags = cache_tags(response, tag_header)
            limits = stale_limits(response, policy, now, seconds)
            kept = Cached(response, etag, now, now + seconds, tags, limits)
            outcome = _miss(response)
        if visit.request.method == "GET" and seconds > 0:
            self._cache.put(visit.key(), kept, invalidations)
        elif response.status < 500 and response.status != 304:
            self._cache.drop(visit.key())  # an older object must not be served again
        return outcome

    def _from_origin(self, visit: _Visit, stale: Cached | None = None) -> Response:
        """The origin's response after the functions; origin-response runs on every response."""
        behaviour = visit.behaviour
        via = _via(visit.distribution)
        request = origin_request(visit.request, behaviour, via, visit.id)
        if visit.request.method in _CACHED_METHODS and behaviour.cache.max_ttl:
            request = _conditional(request, stale)
        changed = self._changed_request(Trigger.ORIGIN_REQUEST, visit, request)
        if isinstance(changed, Response):
            return changed
        try:
            response = self._fetch(visit.distribution, behaviour.origin, changed)
        except OriginError as error:
            self._report(f"{changed.method} {changed.path}: {error}")
            return error_page(error.status, "CloudFront has no answer from the origin.")
        if function := behaviour.functions.get(Trigger.ORIGIN_RESPONSE):
            event = edge_event(
                Trigger.ORIGIN_RESPONSE,
                visit.distribution,
                changed,
                visit.id,
                origin=behaviour.origin,
                response=response,
            )
            answer = self._invoke(function, event)
            response = response_answer(Trigger.ORIGIN_RESPONSE, answer, response)
        if not _forwards_cookies(behaviour):
            response = replace(response, headers=without(response.headers, {"set-cookie"}))
        return response

    @contextlib.contextmanager
    def _one_at_a_time(self, key: CacheKey) -> Iterator[None]:
        """Run the block at once for the first of several equal requests.

        The others wait until it has ended, or for `_LONGEST_WAIT` seconds, and run the block then.
        """
        if first := self._begin(key):
            first.wait(_LONGEST_WAIT)
            yield
            return
        try:
            yield
        finally:
            self._end(key)

    def _begin(self, key: CacheKey) -> threading.Event | None:
        """Begin a request; if an equal one is under way, return what is set when that one ends."""
        with self._lock:
            if key in self._under_way:
                return self._under_way[key]
            self._under_way[key] = threading.Event()
            return None

    def _end(self, key: CacheKey) -> None:
        with self._lock:
            self._under_way.pop(key).set()

    def _finished(self, visit: _Visit, outcome: _Outcome) -> Response:
        request, response = visit.request, outcome.response
        if request.method in _CACHED_METHODS and not_modified(request, response):
            response = Response(304, without(response.headers, _OF_A_BODY))
        own = {
            "Date": response.header("date") or formatdate(self._clock(), usegmt=True),
            "Age": None if outcome.age is None else str(outcome.age),
            "X-Cache": f"{outcome.result} from cloudfront",
            "Via": _via(visit.distribution),
            "X-Amz-Cf-Id": visit.id,
        }
        if response.status not in (204, 304) and (response.body or request.method != "HEAD"):
            own["Content-Length"] = str(len(response.body))
        replaced = _REPLACED | {name.lower() for name in own}
        given = tuple((name, value) for name, value in own.items() if value is not None)
        body = b"" if request.method == "HEAD" else response.body
        return replace(response, headers=(*without(response.headers, replaced), *given), body=body)


def _refusal(request: Request, behaviour: Behaviour) -> Response | None:
    if request.method not in METHODS:
        return error_page(405, "CloudFront does not know this method.")
    if request.method not in behaviour.methods:
        return error_page(403, "This distribution is not configured to allow this method.")
    if request.method in _CACHED_METHODS and request.body:
        return error_page(403, "A GET or HEAD request must not have a body.")
    return None


def _hit(cached: Cached, now: float) -> _Outcome:
    result = "Error" if cached.response.status >= 400 else "Hit"
    return _Outcome(cached.response, result, int(now - cached.stored_at))


def _miss(response: Response) -> _Outcome:
    return _Outcome(response, "Error" if response.status >= 400 else "Miss")


def _conditional(request: Request, stale: Cached | None) -> Request:
    """The request with the conditions of the stale object in place of the viewer's."""
    headers = without(request.headers, ("if-none-match", "if-modified-since", "range"))
    if stale and stale.response.status == 200:
        if stale.etag:
            headers = (*headers, ("If-None-Match", stale.etag))
        headers += tuple(
            ("If-Modified-Since", each) for each in values(stale.response.headers, "last-modified")
        )
    return replace(request, headers=headers)


def _forwards_cookies(behaviour: Behaviour) -> bool:
    policies = (behaviour.cache.key.cookies, behaviour.forward.cookies)
    return any(each.kind != "none" for each in policies)


def _via(distribution: Distribution) -> str:
    return f"1.1 {distribution.domain} (CloudFront)"
