"""A distribution whose origins, function and clock are controlled by the test."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from localcloud.cloudfront.behaviours import (
    METHODS,
    Behaviour,
    CachePolicy,
    Distribution,
    Origin,
    RequestPolicy,
    Selection,
    Trigger,
)
from localcloud.cloudfront.caching import Cache
from localcloud.cloudfront.edge import Edge
from localcloud.cloudfront.messages import Request, Response

BUCKET = Origin(
    "site.s3.us-east-1.amazonaws.com",
    bucket="site",
    region="us-east-1",
    custom_headers=(("x-gallery-catalog-table", "catalog"),),
)
API = Origin(
    "abc123.execute-api.us-east-1.amazonaws.com",
    settings={
        "HTTPSPort": 443,
        "OriginKeepaliveTimeout": 5,
        "OriginReadTimeout": 30,
        "OriginSslProtocols": {"Items": ["TLSv1.2"]},
    },
)
FUNCTION_URL = Origin("0123abc.lambda-url.us-east-1.on.aws", is_function_url=True)
OPTIMIZED = CachePolicy(1, 86_400, 31_536_000, compressed=True)  # as AWS's own CachingOptimized
DISABLED = CachePolicy(0, 0, 0)  # as AWS's own CachingDisabled
ALL_BUT_HOST = RequestPolicy(
    Selection("all"), Selection("allExcept", frozenset(["host"])), Selection("all")
)
BY_ID = CachePolicy(
    0, 60, 600, RequestPolicy(queries=Selection("whitelist", frozenset(["id"]))), compressed=True
)
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:edge:1"
READING = frozenset(["GET", "HEAD"])
PAGE = Response(
    200,
    (("Content-Type", "text/html"), ("ETag", '"a"'), ("Content-Length", "4")),
    b"page",
)
MISSING = Response(404, (("Content-Type", "application/xml"),), b"<Error/>")
BROKEN = Response(500, (), b"broken")


def distribution(
    *,
    triggers: Iterable[Trigger] = (),
    cache: CachePolicy = OPTIMIZED,
    error_ttls: dict[int, int] | None = None,
    tag_header: str | None = None,
) -> Distribution:
    """A distribution with the same function at each of `triggers`, except for the API."""
    functions = dict.fromkeys(triggers, FUNCTION)
    return Distribution(
        id="E1",
        arn="arn:aws:cloudfront::000000000000:distribution/E1",
        domain="d1.cloudfront.net",
        root_object="index.html",
        behaviours=(
            Behaviour("/api/*", API, METHODS, DISABLED, ALL_BUT_HOST),
            Behaviour("/photo.html", BUCKET, READING, BY_ID, compress=True, functions=functions),
            Behaviour("*", BUCKET, READING, cache, compress=True, functions=functions),
        ),
        error_ttls=error_ttls or {},
        tag_header=tag_header,
    )


def cf_headers(**given: str) -> dict[str, list[dict[str, str]]]:
    """Headers as an event has them; `_` in a name stands for `-`."""
    names = {name.replace("_", "-"): value for name, value in given.items()}
    return {name: [{"key": name.title(), "value": value}] for name, value in names.items()}


def raising(error: Exception) -> Callable[[Any], Any]:
    """An origin or a function that fails."""

    def fail(_: Any) -> Any:
        raise error

    return fail


def result(response: Response) -> str:
    """The first word of `X-Cache`."""
    found = response.header("x-cache")
    assert found is not None
    assert found.endswith(" from cloudfront")
    return found.partition(" ")[0]


@dataclass
class World:
    """An edge; `origin` and `function` are what they answer, or do, from now on."""

    settings: Distribution = field(default_factory=distribution)
    origin: Response | Callable[[Request], Response] = PAGE
    function: Callable[[dict[str, Any]], object] = lambda event: event["response"]
    cache: Cache = field(default_factory=lambda: Cache(10_000_000))
    now: float = 1_000_000.0
    sent: list[Request] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    background: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.edge = Edge(
            distribution=self.settings,
            cache=self.cache,
            fetch=self._fetch,
            invoke=self._invoke,
            clock=lambda: self.now,
            report=self.reported.append,
            run_in_background=self.background.append,
        )

    def _fetch(self, _distribution: Distribution, _origin: Origin, request: Request) -> Response:
        self.sent.append(request)
        return self.origin if isinstance(self.origin, Response) else self.origin(request)

    def _invoke(self, function_arn: str, event: dict[str, Any]) -> object:
        assert function_arn == FUNCTION
        self.events.append(event)
        return self.function(event["Records"][0]["cf"])

    def get(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Response:
        """What a viewer gets; `path` may have a query, `_` in a header's name stands for `-`."""
        path, _, query = path.partition("?")
        given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return self.edge.answer(Request(method, path, query, given, body))
