"""`python -m ops.report`: makes today's report if it does not exist yet, and prints it.

It starts the same state machine as the schedule does. Starting it twice is harmless.
"""

import argparse
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from rich import filesize
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.arguments import stack_parser
from ops.console import command_console
from ops.daily_reports import (
    Report,
    ReportError,
    ReportSource,
    last_reports,
    make_report,
    number,
    open_reports,
)
from ops.deployed_stack import StackError
from ops.plot_file import plot_file

_STATUSES: Final = ("READY", "PENDING", "FAILED", "DELETED")
# The name of a number in a report, and its description here.
_STORED: Final = (("uploads", "originals"), ("renditions", "renditions"))
_FOUND: Final = {
    "drift.missing": "missing catalog rows: written",
    "drift.stale": "stale catalog rows: updated",
    "drift.extra": "catalog rows without a photo: deleted",
    "abandoned.resent": "uploads whose event was lost: event sent again",
    "abandoned.failed": "photos that were never uploaded: set to FAILED",
    "abandoned.stuck": "photos that stay PENDING: see docs/runbooks/photos_stuck.md",
    "orphans.uploads": "originals without a photo: deleted",
    "orphans.renditions": "renditions without a photo: deleted",
    "orphans.left": "orphans above the limit per day: left for the next day",
    "malformed.photos": "photo records that cannot be read: left",
    "malformed.catalog": "catalog rows that cannot be read: left",
    "malformed.views": "view counts that cannot be read: left",
}
_WAITING: Final = {
    "failed_events": "events",
    "failed_batches": "batches of a stream",
    "quarantine": "poison records",
}


def show(report: Report, console: Console) -> None:
    """Print a report as tables: the numbers, the most viewed photos, the findings."""
    console.print(_numbers(report))
    if report["top_photos"]:
        table = Table(title="Most viewed", title_justify="left")
        table.add_column("photo")
        table.add_column("views", justify="right")
        for photo in report["top_photos"]:
            table.add_row(escape(photo["photo_id"]), f"{photo['views']:,}")
        console.print(table)
        ranking = report.get("ranking", {"complete": True})  # earlier releases ranked all photos
        if not ranking["complete"]:
            console.print(
                f"[yellow]![/] The ranking ended after {ranking['entries']:,} totals, because many"
                " photos have similar numbers of views. These are the most viewed of them."
            )
    if any(number(report, name) for name in _FOUND):
        console.print(_findings(report))
    else:
        console.print("[green]✓[/] No findings: no drift, no lost upload, no orphan.")
    if waiting := [
        f"{count:,} {what}"
        for name, what in _WAITING.items()
        if (count := number(report, f"{name}.count"))
    ]:
        console.print(f"[yellow]![/] Failed: {', '.join(waiting)}. Replay them by `make redrive`.")


def _numbers(report: Report) -> Table:
    table = Table(title=f"The daily report of {report['date']}", title_justify="left")
    for column in ("", "count", "size"):
        table.add_column(column, justify="right" if column else "left")
    for status in _STATUSES:
        size = _size(number(report, "photos.bytes")) if status == "READY" else ""
        table.add_row(f"photos, {status}", f"{number(report, f'photos.{status}'):,}", size)
    for subject, what in _STORED:
        size = _size(number(report, f"{subject}.bytes"))
        table.add_row(f"stored {what}", f"{number(report, f'{subject}.count'):,}", size)
    table.add_row("views, all days", f"{number(report, 'views.total'):,}", "")
    day_before = date.fromisoformat(report["date"]) - timedelta(days=1)
    table.add_row(f"views on {day_before}", f"{number(report, 'views.day_before'):,}", "")
    return table


def _findings(report: Report) -> Table:
    table = Table(title="Findings", title_justify="left")
    table.add_column("what: action")
    table.add_column("count", justify="right")
    table.add_column("examples", overflow="fold")
    for name, what in _FOUND.items():
        if count := number(report, name):
            examples = list(report["examples"].get(name, []))
            more = [f"… {count - len(examples):,} more"] if count > len(examples) else []
            table.add_row(what, f"{count:,}", escape("\n".join([*examples, *more])))
    return table


def _size(count: int) -> str:
    return filesize.decimal(count, separator=" ")


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 3660:
        raise argparse.ArgumentTypeError(f"invalid number of days {text!r}: expected 1 to 3660")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 only if there is a report."""
    parser = stack_parser("make report", __doc__)
    parser.add_argument(
        "--plot", type=plot_file, metavar="FILE", help="plot the last days as .svg or .png"
    )
    parser.add_argument("--days", type=_days, default=30, help="days to plot (default 30)")
    options = parser.parse_args(arguments)
    console = command_console()
    try:
        source = open_reports(options.stack)
        made = make_report(source, console)
        show(made.report, console)
        state = "New report" if made.is_new else "Existing report of today"
        console.print(f"[green]✓[/] {state}, made at {made.report['made_at']}.")
        if options.plot:
            _plot(source, options.days, options.plot, console)
    except (ReportError, StackError, BotoCoreError, ClientError, OSError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    return 0


def _plot(source: ReportSource, days: int, file: Path, console: Console) -> None:
    from ops.report_plot import plot  # noqa: PLC0415 - matplotlib is slow to import

    reports = last_reports(source, days, datetime.now(UTC).date())
    plot(reports, file)
    found = f"{len(reports)} with a report"
    console.print(f"[green]✓[/] {escape(str(file))} shows the last {days} days ({found}).")


if __name__ == "__main__":
    sys.exit(main())
