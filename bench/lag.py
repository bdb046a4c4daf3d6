"""How long a view waits until it is counted, by rate, shards, batches at once and skew: simulated.

`python bench/lag.py`. The laptop cloud's engine of event source mappings runs in simulated time,
with the settings of template.yaml. A model gives the time of a batch: the handler's measured CPU
time by views and photos, at the function's share of a CPU, and for each transaction what
`ops/cost/figures.toml` assumes that DynamoDB takes. The baseline is a function that takes no time:
what polling and the batching window cost alone. The shards of a stream do not influence each other,
so one is simulated: an average one, or the one with the hottest photo.
"""

import argparse
import contextlib
import dataclasses
import io
import math
import random
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import lag_report as report
import numpy as np
import streams
from lag_simulation import EventSourceMapping, Views, lags
from numpy.typing import NDArray
from samcli.yamlhelper import yaml_parse

from view_counter.segments import cut
from view_counter.view_records import View

ROOT: Final = Path(__file__).parent.parent
PHOTOS: Final = 1_000  # that are viewed at the same time
MAX_PER_SHARD: Final = 1_000  # views per second, which Kinesis accepts
WHOLE_CORE_MB: Final = 1_769
RATES: Final = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
SHARDS: Final = (1, 10, 100)
AT_ONCE: Final = (1, 2, 10)
SKEWS: Final = (0.0, 0.001, 0.003, 0.01, 0.1)  # share of the hottest photo
WAITING: Final = 1_000_000
MAX_SIMULATED: Final = 20_000  # waiting views of a shard
SECONDS: Final = 12.0
MEASURED: Final = tuple(
    (views, photos)
    for views in (1, 10, 100, 1_000)
    for photos in (1, 10, 50, 200, 1_000)
    if photos <= views
)

type Model = Callable[[Sequence[str]], float]


def measured_cpu(runs: int) -> dict[tuple[int, int], float]:
    """The handler's least CPU seconds by views and photos of a batch."""
    streams.Calls(streams.view_counter.view_counter.dynamodb)
    streams.view_counter.logger.setLevel("CRITICAL")
    batches = {each: streams.views(*each) for each in MEASURED}
    spent: dict[tuple[int, int], list[float]] = {each: [] for each in MEASURED}
    with contextlib.redirect_stdout(io.StringIO()):
        for _ in range(runs):
            for each, batch in batches.items():
                began = time.process_time()
                streams.view_counter.handler(batch, streams.Context(streams.Clock(60)))
                spent[each].append(time.process_time() - began)
    return {each: min(seconds) for each, seconds in spent.items()}


def fitted(cpu: Mapping[tuple[int, int], float]) -> tuple[NDArray[np.float64], float]:
    """CPU seconds of each of `_parts`, by least squares of relative errors; the largest error."""
    rows = (
        np.array(
            [_parts([str(number % photos) for number in range(views)]) for views, photos in cpu]
        )
        / np.array(list(cpu.values()))[:, None]
    )
    fit, *_ = np.linalg.lstsq(rows, np.ones(len(rows)), rcond=None)
    return fit, float(np.max(np.abs(rows @ fit - 1)))


def _parts(photos: Sequence[str]) -> tuple[int, ...]:
    """What the time of a batch depends on: one batch, its views, photos in transactions, these."""
    views = [View(number, photo, minute=0, run=0) for number, photo in enumerate(photos)]
    segments = [{view.photo_id for view in segment} for segment in cut(views)]
    return 1, len(photos), sum(map(len, segments)), len(segments)


def model(fit: NDArray[np.float64], memory: int) -> Model:
    """The seconds of a batch."""
    share = min(1.0, memory / WHOLE_CORE_MB)
    figures = tomllib.loads((ROOT / "ops" / "cost" / "figures.toml").read_text())
    wait = figures["counter_wait_ms_per_transaction"]["value"] / 1000

    def seconds(photos: Sequence[str]) -> float:
        *_, transactions = parts = _parts(photos)
        return float(fit @ parts) / share + wait * transactions

    return seconds


def deployed() -> tuple[EventSourceMapping, int]:
    """The mapping as template.yaml has it, and the function's memory."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    function: Any = template["Resources"]["ViewCounterFunction"]["Properties"]
    [event] = function["Events"].values()
    settings = event["Properties"]
    mapping = EventSourceMapping(
        uuid="simulated",
        source_arn="arn:aws:kinesis:eu-central-1:123456789012:stream/views",
        function_arn="arn:aws:lambda:eu-central-1:123456789012:function:view_counter",
        role_arn="arn:aws:iam::123456789012:role/view_counter",
        batch_size=settings["BatchSize"],
        window_seconds=settings["MaximumBatchingWindowInSeconds"],
        parallelization_factor=settings["ParallelizationFactor"],
        reports_item_failures=True,
    )
    return mapping, function["MemorySize"]


def arriving(rate: float, photos: int, hottest: float, seconds: float) -> Views:
    """Views of a shard at random times, of equally popular photos and a hottest one."""
    rng = random.Random(1)
    arrived = sorted(rng.uniform(0, seconds) for _ in range(max(1, round(rate * seconds))))
    return Views(
        arrived,
        [
            "hottest" if rng.random() < hottest else f"photo {rng.randrange(photos)}"
            for _ in arrived
        ],
    )


def p99(
    mapping: EventSourceMapping,
    rate: float,
    photos: int,
    seconds_of_batch: Model,
    hottest: float = 0,
) -> float | None:
    """The lag below which 99 % of a shard's views are; None if Kinesis refuses some of them."""
    if rate > MAX_PER_SHARD:
        return None
    views = arriving(rate, photos, hottest, SECONDS)
    found = list(lags(mapping, views, seconds_of_batch, 10 * SECONDS))
    if len(found) < len(views.arrived):
        return math.inf
    return sorted(found)[int(0.99 * len(found))]


def by_settings(
    mapping: EventSourceMapping, seconds_of_batch: Model
) -> dict[tuple[int, int], report.Lags]:
    """The lag by shards and batches at once."""
    found = {}
    for shards in SHARDS:
        photos = max(1, PHOTOS // shards)
        for at_once in AT_ONCE:
            progress(f"{shards} shards, {at_once} batches at once")
            changed = dataclasses.replace(mapping, parallelization_factor=at_once)
            found[shards, at_once] = {
                rate: p99(changed, rate / shards, photos, seconds_of_batch) for rate in RATES
            }
    return found


def by_skew(
    mapping: EventSourceMapping, seconds_of_batch: Model, shards: int
) -> dict[float, report.Lags]:
    """The lag of the shard with the hottest photo, by that photo's share of all views."""
    photos = max(1, PHOTOS // shards)
    found = {}
    for share in SKEWS:
        progress(f"the hottest photo has {share:.1%}")
        lags_of_shard = {}
        for rate in RATES:
            hottest = rate * share
            of_shard = hottest + (rate - hottest) / shards
            lags_of_shard[rate] = p99(
                mapping, of_shard, photos, seconds_of_batch, hottest / of_shard
            )
        found[share] = lags_of_shard
    return found


def drained(
    mapping: EventSourceMapping, seconds_of_batch: Model, shards: int, at_once: int
) -> float:
    """The seconds until the waiting views are counted, at the rate of the first of them."""
    rng = random.Random(1)
    of_shard, photos = WAITING // shards, max(1, PHOTOS // shards)
    count = min(of_shard, MAX_SIMULATED)
    views = Views([0.0] * count, [f"photo {rng.randrange(photos)}" for _ in range(count)])
    changed = dataclasses.replace(mapping, parallelization_factor=at_once)
    return max(lags(changed, views, seconds_of_batch, math.inf)) * of_shard / count


def progress(what: str) -> None:
    print(what, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=15, help="of each batch (default 15)")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    options = parser.parse_args()
    mapping, memory = deployed()
    cpu = measured_cpu(options.runs)
    fit, error = fitted(cpu)
    batch, view, photo, transaction = fit * 1e6
    print(
        f"CPU time of a batch in microseconds: {batch:.0f}, {view:.1f} per view, {photo:.1f} per"
        f" photo of a transaction, {transaction:.0f} per transaction; fitted to {len(cpu)} sizes,"
        f" at most {error:.0%} off. The function has {memory} MB, so"
        f" {min(1.0, memory / WHOLE_CORE_MB):.2f} of a CPU."
    )
    seconds_of_batch = model(fit, memory)
    drains = {}
    for shards in SHARDS:
        for at_once in AT_ONCE:
            progress(f"a million waiting views, {shards} shards, {at_once} batches at once")
            drains[shards, at_once] = drained(mapping, seconds_of_batch, shards, at_once)
    found = report.SimulatedLags(
        ours=by_settings(mapping, seconds_of_batch),
        without_function=by_settings(mapping, lambda _: 0.0),
        skewed_shards=max(SHARDS),
        skewed=by_skew(mapping, seconds_of_batch, max(SHARDS)),
        waiting=WAITING,
        drains=drains,
    )
    report.print_lags(found)
    if options.plot:
        report.plot(found, options.plot)


if __name__ == "__main__":
    main()
