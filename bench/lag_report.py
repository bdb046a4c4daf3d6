"""Prints and draws what `bench/lag.py` simulated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from results import print_table

type Lags = Mapping[int, float | None]
"""Seconds by views per second: None if Kinesis refuses some of them, infinite if the lag grows."""
type BySettings[T] = Mapping[tuple[int, int], T]  # by shards, and batches of a shard at once

_STYLES = (":", "--", "-")


@dataclass(frozen=True)
class SimulatedLags:
    """The lags of our function and of one that takes no time, and seconds of drains."""

    ours: BySettings[Lags]
    without_function: BySettings[Lags]
    skewed_shards: int
    skewed: Mapping[float, Lags]  # by the share of the hottest photo
    waiting: int
    drains: BySettings[float]


def print_lags(found: SimulatedLags) -> None:
    rates = [f"{rate:,} views/s" for rate in next(iter(found.ours.values()))]
    print_table(
        "Seconds within which 99 % of the views are counted; in brackets, if the function took no"
        " time",
        ("shards, batches at once", *rates),
        [
            (
                f"{shards}, {at_once}",
                *(
                    f"{_shown(lag)} ({_shown(found.without_function[shards, at_once][rate])})"
                    for rate, lag in lags.items()
                ),
            )
            for (shards, at_once), lags in found.ours.items()
        ],
    )
    print('"Refused": Kinesis accepts 1,000 views a second per shard.')
    print_table(
        f"The same in the shard with the hottest photo, of {found.skewed_shards}",
        ("share of the hottest photo", *rates),
        [(f"{share:.1%}", *map(_shown, lags.values())) for share, lags in found.skewed.items()],
    )
    print_table(
        f"Seconds until {found.waiting:,} waiting views are counted",
        ("shards, batches at once", "seconds", "views/s"),
        [
            (f"{shards}, {at_once}", f"{seconds:,.0f}", f"{found.waiting / seconds:,.0f}")
            for (shards, at_once), seconds in found.drains.items()
        ],
    )


def _shown(lag: float | None) -> str:
    if lag is None:
        return "refused"
    return "grows" if math.isinf(lag) else f"{lag:.1f}"


def plot(found: SimulatedLags, file: Path) -> None:
    shards = list(dict.fromkeys(shards for shards, _ in found.ours))
    at_once = list(dict.fromkeys(at_once for _, at_once in found.ours))
    figure, axes = plt.subplots(1, 3, figsize=(16, 4.8), layout="constrained")
    for (number, batches), lags in found.ours.items():
        style = f"C{shards.index(number)}{_STYLES[at_once.index(batches)]}"
        label = f"shards: {number}, batches at once: {batches}"
        axes[0].plot(*_finite(lags), style, marker="o", ms=3, label=label)
    axes[0].set_title("99 % of the views are counted within, s")
    for share, lags in found.skewed.items():
        axes[1].plot(*_finite(lags), marker="o", ms=3, label=f"the hottest photo has {share:.1%}")
    axes[1].set_title(f"the same in the hottest of {found.skewed_shards} shards, s")
    for axis in axes[:2]:
        axis.set_xscale("log")
        axis.set_xlim(80, 130_000)
        axis.set_ylim(bottom=0)
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.set_xlabel("views per second; a line ends where Kinesis refuses more")
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    for place, batches in enumerate(at_once):
        positions = [row + 0.27 * place for row in range(len(shards))]
        heights = [found.drains[number, batches] for number in shards]
        bars = axes[2].bar(positions, heights, 0.27, label=f"batches at once: {batches}")
        axes[2].bar_label(bars, fmt="{:,.0f}", fontsize=8)
    axes[2].set_xticks([row + 0.27 for row in range(len(shards))], list(map(str, shards)))
    axes[2].set_yscale("log")
    axes[2].set_xlabel("shards")
    axes[2].set_title(f"{found.waiting:,} waiting views are counted within, s")
    axes[2].legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})


def _finite(lags: Lags) -> tuple[list[int], list[float]]:
    known = {rate: lag for rate, lag in lags.items() if lag is not None and math.isfinite(lag)}
    return list(known), list(known.values())
