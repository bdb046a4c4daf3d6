"""Where a scenario meets the limits of the services, of the account, and of the template itself."""

import math
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from ops.cost.figures import Figures
from ops.cost.load import Load, load_of, shards_needed
from ops.cost.scenario import Scenario
from ops.cost.stack_settings import StackSettings
from ops.cost.usage import traced

_FILE: Final = Path(__file__).with_name("quotas.toml")
_LEAST, _MOST = 1e-9, 1e9  # times the traffic that are looked at
_PRECISION: Final = 0.001
_GUESSES: Final = 8  # by the secant method, before the interval is halved
_ON_DEMAND_SHARDS: Final = 10_000  # 10 GB/s, to which a stream grows by itself here


class Quota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit as AWS publishes it."""

    what: str
    limit: float
    unit: str
    remedy: str
    source: str
    seen: str

    @property
    def is_verified(self) -> bool:
        """Whether the number was found on a page of AWS's."""
        return "unverified" not in self.seen


class Limit(msgspec.Struct, frozen=True):
    """What is `used` at the peak, and how many `times` the traffic meets the limit."""

    quota: Quota
    used: float
    times: float

    @property
    def is_exceeded(self) -> bool:
        """Whether the peak is beyond it."""
        return self.times < 1


def load_quotas() -> dict[str, Quota]:
    """Limits by name, as quotas.toml has them."""
    return msgspec.convert(tomllib.loads(_FILE.read_text()), dict[str, Quota])


def limits(scenario: Scenario, stack: StackSettings, figures: Figures) -> list[Limit]:
    """Limits of the stack as the template makes it, those that are hit first at the top.

    Each is asked for as if the others were raised.
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
    """Each limit, and what of it the scenario uses in its busiest second."""
    shards = shards_needed(scenario, stack)
    load = load_of(scenario, stack, figures, shards=shards, factor=scenario.peak_factor)
    return dict(_used(load, stack, figures, quotas, shards))


def _used(
    load: Load, stack: StackSettings, figures: Figures, quotas: dict[str, Quota], shards: int
) -> Iterator[tuple[str, tuple[Quota, float]]]:
    def of(name: str, used: float, limit: float | None = None) -> tuple[str, tuple[Quota, float]]:
        quota = quotas[name]
        return name, (quota if limit is None else msgspec.structs.replace(quota, limit=limit), used)

    for route, rate in load.routes.items():
        yield f"throttle {route}", (_throttle(route, stack), rate)
    yield of("api_account", load.api_requests)
    hottest = load.counting.hottest
    there = _ON_DEMAND_SHARDS if stack.on_demand_stream else stack.shards
    yield of("shard_records", load.views, quotas["shard_records"].limit * there)
    size = load.views * figures.view_record_bytes
    yield of("shard_bytes", size, quotas["shard_bytes"].limit * there)
    yield of("shard_of_hottest", hottest.views)
    yield of("lanes", 100 * load.counting.lane_load * shards / there)
    yield of("hottest_writes", hottest.write_units)
    looks = load.routes["GET /photos/{photo_id}/views"] / load.views if load.views else 0
    yield of("hottest_reads", hottest.views * looks * hottest.read_units_a_look)
    yield of("feed_writes", load.feed_writes)
    yield of("feed_reads", load.feed_reads)
    for kind, units in (("writes", load.write_units), ("reads", load.read_units)):
        quota = quotas[f"table_{kind}"]
        for table, used in units.items():
            what = f"{quota.what} {table.removesuffix('Table').lower()}"
            yield f"{kind} {table}", (msgspec.structs.replace(quota, what=what), used)
    yield of("concurrency", load.concurrency(*load.invocations))
    yield of("replicator", 100 * load.concurrency("CatalogReplicatorFunction"))
    if stack.at_the_edge:
        yield of("edge_requests", load.edge_runs)
        photo_pages = load.photo_page_misses * figures.edge_photo_page_ms
        others = (load.edge_runs - load.photo_page_misses) * figures.edge_ms
        yield of("edge_concurrency", (photo_pages + others) / 1000)
        yield of("cdn_requests", load.cdn_requests)
        yield of("cdn_bits", 8 * load.bytes_out)
        paths = load.deletions * figures.paths_a_deletion
        yield of("invalidations", paths * figures.seconds_an_invalidation)
    yield of("bucket_reads", load.image_misses)
    yield of("bucket_writes", 3 * load.uploads)
    yield of("sign_ins", load.sign_ins)
    # The API's own segment and Lambda's two; the other functions' two.
    yield of("segments", _segments(load, stack))
    yield of("report_hours", load.report_seconds / 3600)


def _segments(load: Load, stack: StackSettings) -> float:
    total = 0.0
    for name, rate in load.invocations.items():
        if stack.functions[name].traced:
            behind_gateway = name == "GalleryApiFunction" and stack.api_traced
            total += traced(rate) * (3 if behind_gateway else 2)
    return total


def _throttle(route: str, stack: StackSettings) -> Quota:
    own = route in stack.throttles
    return Quota(
        what=f"the template's throttle of {route}",
        limit=stack.throttles[route if own else "* /*"],
        unit="requests/s",
        remedy="MethodSettings in template.yaml" + ("" if own else ", whose default it is"),
        source="template.yaml",
        seen="MethodSettings",
    )


def _times(used_at: Callable[[float], float], limit: float) -> float:
    """How many times the traffic uses the limit up; `used_at` grows with its argument."""
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
        there = used_at(math.exp(guess))
        slope = math.log(there / used) / (guess - position) if there > 0 else 0
        position, used = guess, there
    if used_at(_MOST) < limit:
        return math.inf
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if used_at(math.exp(middle)) < limit:
            low = middle
        else:
            high = middle
    return math.exp(high)
