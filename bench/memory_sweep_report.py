"""Prints and draws what `bench/memory_sweep.py` measured."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from results import print_table
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).parent.parent
PRICES = tomllib.loads((ROOT / "ops" / "cost" / "prices.toml").read_text())
USD_PER_GB_SECOND = PRICES["lambda_arm64"]["tiers"][0]["usd"]
AS_FAST = 1.02  # as the fastest: more memory would not be noticed


@dataclass(frozen=True)
class Sweep:
    """A workload: seconds by memory in MB; `least_mb` is the memory that the function needs."""

    function: str
    least_mb: float
    seconds: Mapping[int, float]
    measured: Mapping[str, Any]

    def usd(self, memory: int) -> float:
        """The cost of a million invocations, without the price of the requests."""
        return 1e6 * self.seconds[memory] * memory / 1024 * USD_PER_GB_SECOND

    @property
    def enough(self) -> list[int]:
        return [memory for memory in self.seconds if memory >= self.least_mb]

    @property
    def cheapest(self) -> int:
        return min(self.enough, key=self.usd)

    @property
    def fastest(self) -> int:
        best = min(self.seconds.values())
        return next(each for each in self.enough if self.seconds[each] <= AS_FAST * best)

    @property
    def balanced(self) -> int:
        """The least product of time and cost."""
        return min(self.enough, key=lambda memory: self.usd(memory) * self.seconds[memory])


def in_template() -> dict[str, int]:
    """The memory of each function in template.yaml, by its folder."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    functions = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource.get("Type") == "AWS::Serverless::Function"
    ]
    return {Path(each["CodeUri"]).name: each["MemorySize"] for each in functions}


def print_sweeps(sweeps: Mapping[str, Sweep]) -> None:
    chosen = in_template()

    def cell(sweep: Sweep, memory: int) -> str:
        return f"{memory}: {1000 * sweep.seconds[memory]:.0f} ms, ${sweep.usd(memory):.2f}"

    rows = []
    for name, sweep in sweeps.items():
        points = (sweep.cheapest, sweep.balanced, sweep.fastest, chosen[sweep.function])
        rows.append((name, f"{sweep.least_mb:.0f}", *(cell(sweep, point) for point in points)))
    print_table(
        "Duration, and cost of a million invocations, by memory in MB",
        ("", "needs", "cheapest", "balanced", "fastest", "template.yaml"),
        rows,
    )


def print_measured(sweeps: Mapping[str, Sweep]) -> None:
    rows = []
    for name, sweep in sweeps.items():
        measured = sweep.measured
        calls = measured["calls"]
        rows.append(
            (
                name,
                f"{1000 * sum(measured['bursts']):.1f}",
                len(calls),
                f"{1000 * measured['initialization']:.0f}",
                measured["logged"],
                measured["answer"] or "",
                max(size for _, size in calls),
            )
        )
    columns = ["", "CPU ms", "calls", "initialization, CPU ms", "bytes logged"]
    columns += ["bytes of the answer, compressed", "bytes of the largest request"]
    print_table("Measured on one core, without sockets and TLS", columns, rows)


def plot(sweeps: Mapping[str, Sweep], file: Path) -> None:
    chosen = in_template()
    columns = 4
    rows = -(-len(sweeps) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(16, 4 * rows), layout="constrained", squeeze=False
    )
    for axis in axes.flat[len(sweeps) :]:
        axis.axis("off")
    for axis, (name, sweep) in zip(axes.flat, sweeps.items(), strict=False):
        memories = list(sweep.seconds)
        axis.plot(memories, [1000 * sweep.seconds[each] for each in memories], "C0o-", ms=3)
        axis.set(title=name, xscale="log")
        axis.set_ylim(bottom=0)
        axis.set_ylabel("ms", color="C0")
        axis.set_xticks(memories[::3], [str(each) for each in memories[::3]])
        axis.minorticks_off()
        cost = axis.twinx()
        cost.plot(memories, [sweep.usd(each) for each in memories], "C1s-", ms=3)
        cost.set_ylabel("$ for a million invocations", color="C1")
        cost.set_ylim(bottom=0)
        axis.axvspan(memories[0], max(memories[0], sweep.least_mb), color="0.9")
        for label, memory, color, style in (
            ("cheapest", sweep.cheapest, "C1", "--"),
            ("fastest", sweep.fastest, "C0", "--"),
            ("template.yaml", chosen[sweep.function], "black", "-"),
        ):
            axis.axvline(memory, color=color, ls=style, lw=1, label=label)
    axes.flat[0].legend(fontsize=8)
    figure.supxlabel("memory in MB; in gray less than the function needs")
    figure.savefig(file, metadata={"Date": None})
