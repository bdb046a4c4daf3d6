"""Draws the bills of several scenarios side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib import pyplot as plt

from ops.cost.prices import Price, prices_as_of
from ops.cost.report import CostEstimate, bars, dollars, label

_INK, _QUIET = "#20242c", "#6b7280"
_PALETTE: Final = {
    "CloudFront": "#7b61c4",
    "Lambda@Edge": "#b79ce8",
    "API Gateway": "#c2527a",
    "Lambda": "#e07b39",
    "Cognito": "#b23a48",
    "DynamoDB": "#2f6db3",
    "Kinesis": "#4aa3c7",
    "S3": "#3f8f5b",
    "CloudWatch": "#8a8d3a",
    "X-Ray": "#c2a83e",
}


def draw(answers: Mapping[str, CostEstimate], prices: Mapping[str, Price], file: Path) -> None:
    """Draw one panel per scenario, with its own scale: the bills differ by five powers of ten."""
    mpl.use("svg")
    mpl.rcParams |= {
        "svg.hashsalt": "cost",  # the same figures make the same file
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    }
    figure, axes = plt.subplots(1, len(answers), figsize=(13, 4.6))
    figure.subplots_adjust(left=0.085, right=0.975, top=0.74, bottom=0.07, wspace=0.52)
    for axis, found in zip(axes, answers.values(), strict=True):
        shown = bars(found.bill, prices)
        rows = range(len(shown))
        axis.barh(
            list(rows),
            list(shown.values()),
            0.72,
            color=[_PALETTE.get(n, "#9aa0a6") for n in shown],
        )
        most = max(shown.values())
        for row, usd in zip(rows, shown.values(), strict=True):
            axis.text(
                usd + most * 0.02,
                row,
                label(usd, found.bill.usd),
                va="center",
                fontsize=8.5,
                color=_INK,
            )
        axis.set_yticks(list(rows), list(shown), fontsize=9.5, color=_INK)
        axis.invert_yaxis()
        axis.set_xlim(0, most * 1.42)
        axis.set_xticks([])
        axis.tick_params(length=0)
        for side in ("top", "right", "bottom"):
            axis.spines[side].set_visible(False)
        axis.spines["left"].set_color("#c9ccd1")
        name, _, traffic = found.scenario.title.partition(": ")
        over = sum(limit.is_exceeded for limit in found.limits)
        fits = f"exceeds {over} limit{'s' if over > 1 else ''} of the stack"
        axis.set_title(
            f"{_headline(found.bill.usd)} per month",
            loc="left",
            fontsize=15,
            weight="bold",
            pad=40,
            color=_INK,
        )
        axis.text(
            0,
            1.115,
            f"{name}: {traffic}" if traffic else name,
            transform=axis.transAxes,
            fontsize=9,
            color=_INK,
        )
        axis.text(
            0,
            1.045,
            fits if over else "within all limits of the stack",
            transform=axis.transAxes,
            fontsize=9,
            color="#b23a48" if over else _QUIET,
        )
    first = next(iter(answers.values()))
    figure.text(
        0.085,
        0.015,
        f"Stage {first.stage}, us-east-1, list prices as of {prices_as_of()},"
        f" {'free tier subtracted' if first.free_tier else 'no free tier'}."
        " Each panel has its own scale.",
        fontsize=8,
        color=_QUIET,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def _headline(usd: float) -> str:
    return f"${usd / 1e6:.1f} million" if usd >= 1e6 else dollars(usd)
