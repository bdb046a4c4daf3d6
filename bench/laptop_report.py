"""The figures of bench/laptop.py as tables and as a chart."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from results import print_table

PHOTO = "GET /photos/{id}"
GET_ITEM = "GetItem alone"


@dataclass(frozen=True)
class RequestFigures:
    """Requests of one kind from some clients; `cpu_ms` is processor time per request."""

    name: str
    clients: int
    per_second: float
    p50: float
    p99: float
    statuses: Mapping[str, int]
    cpu_ms: Mapping[str, float]

    @property
    def by_status(self) -> tuple[int, int, int]:
        """The answers 200, the throttled requests (429), and all others, broken connections too."""
        answered, throttled = self.statuses.get("200", 0), self.statuses.get("429", 0)
        return answered, throttled, sum(self.statuses.values()) - answered - throttled

    @property
    def by_cpu(self) -> float:
        """Requests per second that the processor time allows if nothing else runs, clients neither.

        ministack runs one thread at a time, and all parts share the processors.
        """
        spent = sum(each for name, each in self.cpu_ms.items() if name != "clients")
        return 1000 / max(self.cpu_ms["ministack"], spent / (os.cpu_count() or 1))

    def line(self) -> str:
        spent = ", ".join(f"{name} {each:.1f}" for name, each in self.cpu_ms.items())
        answered, throttled, others = self.by_status
        return (
            f"{self.name}, {self.clients} clients: {self.per_second:.0f} requests/s,"
            f" p50 {self.p50:.0f} ms, p99 {self.p99:.0f} ms;"
            f" {answered} times 200, {throttled} times 429, {others} others;"
            f" CPU ms per request: {spent}"
        )


@dataclass(frozen=True)
class Burst:
    """Photos that were uploaded at once; seconds from upload to READY."""

    photos: int
    median: float
    longest: float
    all_ready: float

    def line(self) -> str:
        return (
            f"burst of {self.photos}: upload to READY median {self.median:.2f} s,"
            f" longest {self.longest:.2f} s; {self.photos / self.all_ready:.1f} photos/s"
        )


@dataclass(frozen=True)
class Drain:
    """Views that were sent and counted; seconds from the first record."""

    views: int
    sent: float
    counted: float

    def line(self) -> str:
        return f"{self.views:,} views: sent in {self.sent:.1f} s, counted in {self.counted:.1f} s"


@dataclass(frozen=True)
class LaptopFigures:
    """One run; `idle` in processors, `memory` in MB and number of processes by point in time."""

    idle: Mapping[str, float]
    loads: list[RequestFigures]
    bursts: list[Burst]
    drains: list["Drain"]
    memory: Mapping[str, Mapping[str, float]]


def show(measured: LaptopFigures) -> None:
    parts = list(measured.loads[0].cpu_ms) if measured.loads else []
    print_table(
        "Requests; CPU in ms per request above that of the idle cloud",
        (
            *("", "clients", "requests/s", "by CPU", "p50 ms", "p99 ms"),
            *("200", "429", "others", *parts),
        ),
        [
            (
                each.name,
                each.clients,
                f"{each.per_second:.0f}",
                f"{each.by_cpu:.0f}",
                f"{each.p50:.0f}",
                f"{each.p99:.0f}",
                *each.by_status,
                *(f"{each.cpu_ms[part]:.1f}" for part in parts),
            )
            for each in sorted(measured.loads, key=lambda load: load.name)
        ],
    )
    idle = ", ".join(f"{name} {share:.3f}" for name, share in measured.idle.items())
    print(f"Processors in use without requests: {idle}.")
    print_table(
        "From upload to READY, compared with one photo",
        ("photos at once", "median s", "times one photo", "longest s", "photos/s"),
        [
            (
                each.photos,
                f"{each.median:.2f}",
                f"{each.median / measured.bursts[0].median:.1f}",
                f"{each.longest:.2f}",
                f"{each.photos / each.all_ready:.1f}",
            )
            for each in measured.bursts
        ],
    )
    print(
        "Lambda throttles what exceeds the thumbnailer's reserved concurrency, and repeats each"
        " event after 1, 2, 4, … s. So the last photos of a large burst wait for an attempt."
    )
    print_table(
        "Views sent to the stream by PutRecords of 500, and counted meanwhile",
        (
            "views",
            "sent, s",
            "sent per second",
            "counted, s",
            "counted per second",
            "a million at this rate, s",
            "times sending",
        ),
        [
            (
                f"{each.views:,}",
                f"{each.sent:.1f}",
                f"{each.views / each.sent:,.0f}",
                f"{each.counted:.1f}",
                f"{each.views / each.counted:,.0f}",
                f"{each.counted / each.views * 1e6:.0f}",
                f"{each.counted / each.sent:.2f}",
            )
            for each in measured.drains
        ],
    )
    print_table(
        "Resident memory in MB",
        ("", *next(iter(measured.memory.values()))),
        [
            (when, *(f"{value:.0f}" for value in used.values()))
            for when, used in measured.memory.items()
        ],
    )


def plot(measured: LaptopFigures, file: Path) -> None:
    figure, axes = plt.subplots(1, 4, figsize=(17, 4.5), layout="constrained")
    for name in (PHOTO, GET_ITEM):
        loads = [each for each in measured.loads if each.name == name]
        clients = [each.clients for each in loads]
        axes[0].plot(clients, [each.per_second for each in loads], marker="o", label=name)
        [line] = axes[1].plot(
            clients, [each.p50 for each in loads], marker="o", label=f"{name} p50"
        )
        times, color = [each.p99 for each in loads], line.get_color()
        axes[1].plot(clients, times, marker="o", linestyle=":", color=color, label=f"{name} p99")
    for axis, title in ((axes[0], "requests/s"), (axes[1], "latency, ms")):
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter("{x:.0f}")
        axis.set_xlabel("clients")
        axis.set_title(title)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    sizes = [str(each.photos) for each in measured.bursts]
    for position, name in ((-0.2, "median"), (0.2, "longest")):
        heights = [getattr(each, name) for each in measured.bursts]
        places = [place + position for place in range(len(sizes))]
        axes[2].bar_label(axes[2].bar(places, heights, 0.4, label=name), fmt="{:.1f}", fontsize=8)
    axes[2].set_xticks(range(len(sizes)), sizes)
    axes[2].set_xlabel("photos uploaded at once")
    axes[2].set_title("upload to READY, s")
    axes[2].legend(fontsize=8)
    points = list(measured.memory)
    bottom = [0.0] * len(points)
    for part in ("ministack", "event sources, CloudFront", "functions"):
        heights = [measured.memory[point][part] for point in points]
        axes[3].bar(points, heights, bottom=bottom, label=part)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes[3].tick_params(axis="x", labelsize=7)
    axes[3].set_title("resident memory, MB")
    axes[3].legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})
