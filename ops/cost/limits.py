"""How much of the limits of services, account and template a scenario uses."""

import math
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from ops.cost.figures import Figures
from ops.cost.load import VIEWS_ROUTES, Load, load_of, shards_needed
from ops.cost.scenario import Scenario
from ops.cost.stack_settings import StackSettings
from ops.cost.usage import traceable, traced

_FILE: Final = Path(__file__).with_name("quotas.toml")
_LEAST, _MOST = 1e-9, 1e9  # factors of the traffic between which a limit is searched for
_PARTITION: Final = 10e9  # bytes, of DynamoDB
_RANK_GROUPS: Final = 16  # of the index ranking, each a partition
_PRECISION: Final = 0.001
_GUESSES: Final = 8  # of the secant method, before bisection
_ON_DEMAND_SHARDS: Final = 10_000  # 10 GB/s, the maximum of an on-demand stream in us-east-1


class Quota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit of AWS, of the template or of the application, and what raises it."""

    what: str
    limit: float
    unit: str
    raised_by: Literal["quota", "parameter", "design"]
    remedy: str
    source: str
    seen: str
    service: str = ""
    code: str = ""

    @property
    def is_verified(self) -> bool:
        """Whether `seen` says where the number was read."""
        return "unverified" not in self.seen


class Limit(msgspec.Struct, frozen=True):
    """A limit, the peak use, and the factor of the traffic (`times`) that reaches the limit."""

    quota: Quota
    used: float
    times: float

    @property
    def is_exceeded(self) -> bool:
        """Whether the peak exceeds it."""
        return self.times < 1


def load_quotas() -> dict[str, Quota]:
    """The limits in quotas.toml, by name."""
    return msgspec.convert(tomllib.loads(_FILE.read_text()), dict[str, Quota])


def limits(scenario: Scenario, stack: StackSettings, figures: Figures) -> list[Limit]:
    """All limits of the stack, in the order in which growing traffic reaches them.

    Each is computed as if the others were raised.
    """
    quotas = load_quotas()
    known: dict[float, dict[str, tuple[Quota, float]]] = {}

    def used_at(times: float) -> dict[str, tuple[Quota, float]]:
        if times not in known:
            known[times] = peak_use(scenario.scaled(times), stack, figures, quotas)
        return known[times]

    found = []
    for name, (quota, used) in used_at(1).items():
        times = _times(lambda times, name=name: used_at(times)[name][1], quota.limit)  # type: ignore[misc]
        found.append(Limit(quota, used, times))
    return sorted(found, key=lambda limit: (limit.times, limit.quota.what))


def peak_use(
    scenario: Scenario, stack: StackSettings, figures: Figures, quotas: dict[str, Quota]
) -> dict[str, tuple[Quota, float]]:
    """Each limit, and the scenario's use of it in the busiest second."""
    shards = shards_needed(scenario, stack)
    load = load_of(scenario, stack, figures, shards=shards, factor=scenario.peak_factor)
    return dict(_used(load, stack, figures, quotas, shards))


def _used(
    load: Load, stack: StackSettings, figures: Figures, quotas: dict[str, Quota], shards: int
) -> Iterator[tuple[str, tuple[Quota, float]]]:
    def of(name: str, used: float, limit: float | None = None) -> tuple[str, tuple[Quota, float]]:
        quota = quotas[name]
        return name, (quota if limit is None else msgspec.structs.replace(quota, limit=limit), used)

    for route, rate in load.fetches.items():
        if not (stack.views_through_url and route in VIEWS_ROUTES):
            yield f"throttle {route}", (_throttle(route, stack), rate)
    yield of("api_account", load.gateway_requests)
    hottest = load.counting.hottest
    present = _ON_DEMAND_SHARDS if stack.on_demand_stream else stack.shards
    yield of("shard_records", load.views, quotas["shard_records"].limit * present)
    size = load.views * figures.view_record_bytes
    yield of("shard_bytes", size, quotas["shard_bytes"].limit * present)
    yield of("shard_of_hottest", hottest.views)
    yield of("parallel_batches", 100 * load.counting.busy_share * shards / present)
    yield of("hottest_writes", hottest.write_units)
    yield of("hottest_reads", load.hottest_reads)
    yield of("ranking_writes", load.ranking_writes / _RANK_GROUPS)
    yield of("feed_writes", load.feed_writes)
    yield of("feed_reads", load.feed_reads)
    for kind, units in (("writes", load.write_units), ("reads", load.read_units)):
        quota = quotas[f"table_{kind}"]
        for table, used in units.items():
            what = f"{quota.what} {table.removesuffix('Table').lower()}"
            yield f"{kind} {table}", (msgspec.structs.replace(quota, what=what), used)
    yield of("concurrency", load.concurrency(*load.invocations))
    if stack.reserved_thumbnailers is not None:
        used = load.concurrency("ThumbnailerFunction")
        yield of("thumbnailers", used, stack.reserved_thumbnailers)
    # The table has an index of the same size, and a shard of its stream for each partition.
    partitions = max(1, load.stored["PhotosTable"] / 2 // _PARTITION)
    yield of("replicator", 100 * load.concurrency("CatalogReplicatorFunction") / partitions)
    if stack.at_the_edge:
        yield of("edge_requests", load.edge_runs)
        photo_pages = load.photo_page_misses * figures.edge_photo_page_ms
        others = (load.edge_runs - load.photo_page_misses) * figures.edge_ms
        yield of("edge_concurrency", (photo_pages + others) / 1000)
        yield of("cdn_requests", load.cdn_requests)
        yield of("cdn_bits", 8 * load.bytes_out)
        paths = load.deletions * figures.paths_per_deletion
        yield of("invalidations", paths * figures.seconds_per_invalidation)
    # Ids sort by time, so the newest photos are always in the same prefix. Each regional cache
    # fetches each of their renditions once. S3 splits the prefixes of older photos.
    yield of("bucket_reads", 3 * load.uploads * figures.regional_caches)
    yield of("bucket_writes", 3 * load.uploads)
    yield of("sign_ins", load.sign_ins)
    # API Gateway records one segment per request, and Lambda two per invocation.
    yield of("segments", _segments(load, stack))
    yield of("report_hours", load.report_seconds / 3600)


def _segments(load: Load, stack: StackSettings) -> float:
    total = 0.0
    for name, rate in traceable(load, stack):
        behind_gateway = name == "GalleryApiFunction" and stack.api_traced
        total += traced(name, rate, stack) * (3 if behind_gateway else 2)
    return total


def _throttle(route: str, stack: StackSettings) -> Quota:
    own = route in stack.throttles
    return Quota(
        what=f"the template's throttle of {route}",
        limit=stack.throttles[route if own else "* /*"],
        unit="requests/s",
        raised_by="parameter",
        remedy="a larger ExpectedViewsPerSecond",
        source="template.yaml",
        seen="MethodSettings",
    )


def _times(used_at: Callable[[float], float], limit: float) -> float:
    """The factor of the traffic that reaches the limit; `used_at` grows with its argument."""
    low, high = math.log(_LEAST), math.log(_MOST)
    position, used, slope = 0.0, used_at(1), 1.0  # in logarithms: use is a power of the traffic
    for _ in range(_GUESSES):
        if used <= 0 or slope <= 0:
            break
        if math.isclose(used, limit, rel_tol=_PRECISION):
            return math.exp(position)
        guess = position + math.log(limit / used) / slope
        if not low < guess < high:
            break
        found = used_at(math.exp(guess))
        slope = math.log(found / used) / (guess - position) if found > 0 else 0
        position, used = guess, found
    if used_at(_MOST) < limit:
        return math.inf
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if used_at(math.exp(middle)) < limit:
            low = middle
        else:
            high = middle
    return math.exp(high)
