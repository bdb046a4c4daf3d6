"""Plot of the last days' reports: one panel per subject over a common time axis."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ops.daily_reports import Report, number

# A panel: the title, and by label the name of a number in a report and its color.
type Panel = tuple[str, dict[str, tuple[str, str]]]
_PANELS: Final[list[Panel]] = [
    (
        "Photos",
        {
            "READY": ("photos.READY", "#3b6ea5"),
            "PENDING": ("photos.PENDING", "#e0a030"),
            "FAILED": ("photos.FAILED", "#c0504d"),
        },
    ),
    ("Views of the day before", {"views": ("views.day_before", "#3b6ea5")}),
    (
        "Catalog rows repaired",
        {
            "missing": ("drift.missing", "#3b6ea5"),
            "stale": ("drift.stale", "#e0a030"),
            "extra": ("drift.extra", "#c0504d"),
        },
    ),
    (
        "Uploads and objects",
        {
            "event lost": ("abandoned.resent", "#3b6ea5"),
            "never uploaded": ("abandoned.failed", "#e0a030"),
            "orphaned originals": ("orphans.uploads", "#c0504d"),
            "orphaned renditions": ("orphans.renditions", "#8a6fae"),
        },
    ),
]


def plot(reports: Sequence[Report], file: Path) -> None:
    """Draw one stacked bar per report in each panel; a day without a report stays empty."""
    figure = Figure(figsize=(9, 9), layout="constrained")
    axes: Any = figure.subplots(len(_PANELS), 1, sharex=True)
    for axis, panel in zip(axes, _PANELS, strict=True):
        _draw(axis, panel, reports)
    axes[-1].xaxis.set_major_locator(MaxNLocator(8, integer=True))  # at most one tick per day
    axes[-1].xaxis.set_major_formatter(FuncFormatter(_label))
    if reports:
        day = timedelta(days=1)
        axes[-1].set_xlim(_day(reports[0]) - day, _day(reports[-1]) + day)
    figure.savefig(file, dpi=120)


def _draw(axis: Axes, panel: Panel, reports: Sequence[Report]) -> None:
    title, series = panel
    axis.set_title(title, loc="left", fontsize=11)
    bottom = [0] * len(reports)
    days: Any = [_day(report) for report in reports]
    for label, (name, color) in series.items():
        heights = [number(report, name) for report in reports]
        axis.bar(days, heights, width=0.8, bottom=bottom, color=color, label=label)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axis.set_ylim(0, max([1, *bottom]) * 1.05)
    axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.grid(axis="y", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        axis.legend(
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=len(series),
            frameon=False,
            fontsize=9,
            handlelength=1,
        )


def _label(days_since_1970: float, _: int | None) -> str:
    return f"{date(1970, 1, 1) + timedelta(days=days_since_1970):%d %b %Y}"


def _day(report: Report) -> date:
    return date.fromisoformat(report["date"])
