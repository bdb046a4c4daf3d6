"""Draws the bill and the limits of a scenario before and after the changes for large traffic."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import msgspec
from matplotlib import pyplot as plt

from ops.cost.prices import Price
from ops.cost.report import CostEstimate, dollars

BEFORE: Final = Path(__file__).with_name("before.json")
_INK, _QUIET, _GRID = "#20242c", "#9aa0a6", "#e4e6ea"
_RAISED_BY: Final = {"quota": "#2f6db3", "parameter": "#3f8f5b", "design": "#b23a48"}
_SERVICES: Final = 9
_LIMITS: Final = 26
_MAX_TIMES: Final = 100


def load_before(scenario: str) -> dict[str, Any]:
    """The bill by service and the limits of a scenario, as `make cost` computed them then."""
    return dict(msgspec.json.decode(BEFORE.read_bytes())[scenario])


def draw_comparison(
    scenario: str, after: CostEstimate, prices: Mapping[str, Price], file: Path
) -> None:
    """Draw the bills by service, and the factor of the traffic that reaches each limit."""
    mpl.use("svg")
    mpl.rcParams |= {
        "svg.hashsalt": "cost",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    }
    before = load_before(scenario)
    figure, (bills, limits) = plt.subplots(1, 2, figsize=(13, 7.4), width_ratios=[1, 1.15])
    figure.subplots_adjust(left=0.085, right=0.98, top=0.87, bottom=0.08, wspace=0.78)
    _draw_bills(bills, before, after, prices)
    _draw_limits(limits, before, after)
    figure.text(0.085, 0.955, after.scenario.title, fontsize=12, weight="bold", color=_INK)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def _draw_bills(
    axis: Any, before: Mapping[str, Any], after: CostEstimate, prices: Mapping[str, Price]
) -> None:
    now = after.bill.by_service(prices)
    names = sorted(now | before["services"], key=lambda name: -before["services"].get(name, 0))
    for row, name in enumerate(names[:_SERVICES]):
        for offset, usd, color in (
            (-0.2, before["services"].get(name, 0), _QUIET),
            (0.2, now.get(name, 0), "#7b61c4"),
        ):
            axis.barh(row + offset, usd, 0.36, color=color)
            axis.text(usd, row + offset, f" {dollars(usd)}", va="center", fontsize=8, color=_INK)
    axis.set_yticks(range(len(names[:_SERVICES])), names[:_SERVICES], fontsize=9.5, color=_INK)
    axis.invert_yaxis()
    axis.set_xlim(0, max(before["services"].values()) * 1.25)
    axis.set_xticks([])
    axis.set_title(
        f"{dollars(before['usd'])} a month before, {dollars(after.bill.usd)} now",
        parse_math=False,
        loc="left",
        fontsize=11,
        color=_INK,
    )
    _clean(axis)


def _draw_limits(axis: Any, before: Mapping[str, Any], after: CostEstimate) -> None:
    now = {limit.quota.what: limit for limit in after.limits}
    known = {**{name: limit.times for name, limit in now.items()}, **before["limits"]}
    names = sorted(
        known, key=lambda name: min(known[name], now[name].times if name in now else 1e9)
    )
    names = [name for name in names if known[name] < _MAX_TIMES][:_LIMITS]
    for row, name in enumerate(names):
        then = before["limits"].get(name)
        limit = now.get(name)
        reached = min(limit.times, _MAX_TIMES) if limit else None
        if then and reached:
            axis.plot([then, reached], [row, row], color=_GRID, lw=2, zorder=1)
        if then:
            axis.scatter(then, row, s=26, facecolor="white", edgecolor=_QUIET, zorder=2)
        if limit and reached:
            axis.scatter(reached, row, s=30, color=_RAISED_BY[limit.quota.raised_by], zorder=3)
    axis.axvline(1, color=_INK, lw=0.8)
    axis.set_xscale("log")
    ticks = [0.001, 0.01, 0.1, 1, 10, 100]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=9, color=_INK)
    axis.minorticks_off()
    axis.set_xlim(0.001, _MAX_TIMES * 1.3)
    axis.set_yticks(range(len(names)), [_short(name) for name in names], fontsize=8, color=_INK)
    axis.invert_yaxis()
    over = sum(times < 1 for times in before["limits"].values())
    exceeded = sum(limit.is_exceeded for limit in after.limits)
    axis.set_title(
        f"Factor of the traffic that reaches a limit: {over} below 1 before, {exceeded} now",
        loc="left",
        fontsize=11,
        color=_INK,
    )
    for name, color in _RAISED_BY.items():
        axis.scatter([], [], s=30, color=color, label=f"now, raised by {name}")
    axis.scatter([], [], s=26, facecolor="white", edgecolor=_QUIET, label="before")
    axis.legend(loc="lower left", fontsize=8, frameon=False)
    _clean(axis)


def _short(name: str, most: int = 52) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _clean(axis: Any) -> None:
    axis.tick_params(length=0)
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)
    axis.spines["left"].set_color("#c9ccd1")
