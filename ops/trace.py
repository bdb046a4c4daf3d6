"""`python -m ops.trace`: prints one photo's journey through the functions, from their logs.

Logs of the edge function are not included: they are in the regions in which CloudFront runs it.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich import box
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from ops.arguments import stack_parser
from ops.console import command_console
from ops.deployed_stack import DeployedStack, StackError
from ops.journey import (
    LogLine,
    created_at,
    journey,
    milestones,
    own_fields,
    read_line,
    requests,
    without_reads,
    without_repeated_exceptions,
)
from shared.dynamodb import from_item, to_item
from shared.photo_ids import is_photo_id

_MARGIN: Final = timedelta(minutes=1)  # clocks differ, and a request takes up to 30 seconds
_COLUMNS: Final[dict[str, JustifyMethod]] = {
    "time": "left",
    "+ ms": "right",
    "function": "left",
    "#": "right",
    "what": "left",
}
_COLORS: Final = {"ERROR": "red", "CRITICAL": "red", "WARNING": "yellow"}


class TraceError(Exception):
    """There is nothing to show; the message says why and what to do."""


class LogSource(msgspec.Struct, frozen=True):
    """The clients, log groups by function, and tables of a stack."""

    name: str
    logs: Any
    dynamodb: Any
    log_groups: dict[str, str]
    photos_table: str
    catalog_table: str


class Trace(msgspec.Struct, frozen=True):
    """A photo's lines in order of time, its record, and its row in the catalog."""

    photo_id: str
    lines: list[LogLine]
    photo: dict[str, Any] | None
    row: dict[str, Any] | None


def open_logs(name: str) -> LogSource:
    """The logs and tables of the deployed stack of that name.

    Raises:
        StackError: the stack does not exist, or was deployed from another template.
    """
    stack = DeployedStack(name)
    # A search calls each log group at least once, and CloudWatch allows few such calls per second.
    config = Config(retries={"total_max_attempts": 8, "mode": "standard"})
    return LogSource(
        name=name,
        logs=stack.session.client("logs", config=config),
        dynamodb=stack.session.client("dynamodb", config=config),
        log_groups={
            _snake_case(each.logical_id.removesuffix("LogGroup")): each.physical_id
            for each in stack.resources.values()
            if each.type == "AWS::Logs::LogGroup"
        },
        photos_table=stack.physical_id("PhotosTable"),
        catalog_table=stack.physical_id("CatalogTable"),
    )


def trace(source: LogSource, photo_id: str, *, reads: bool = False) -> Trace:
    """All log lines about the photo; with `reads` also those of requests that only read it.

    Raises:
        TraceError: `photo_id` is not a photo id.
    """
    if not is_photo_id(photo_id):
        raise TraceError(f"{photo_id!r} is not a photo id: pass the id that POST /photos returned.")
    lines = list(_search(source, photo_id, created_at(photo_id) - _MARGIN))
    for correlation_id, (first, last) in requests(lines).items():
        lines += _search(source, correlation_id, first - _MARGIN, last + _MARGIN)
    lines = journey(photo_id, lines)
    return Trace(
        photo_id=photo_id,
        lines=lines if reads else without_reads(lines),
        photo=_find(source, source.photos_table, photo_id),
        row=_find(source, source.catalog_table, photo_id),
    )


def _search(
    source: LogSource, term: str, since: datetime, until: datetime | None = None
) -> Iterator[LogLine]:
    """The lines that contain the term, of all functions."""
    bounds = {"startTime": _milliseconds(since)}
    if until:
        bounds["endTime"] = _milliseconds(until)
    paginator = source.logs.get_paginator("filter_log_events")
    for function, group in source.log_groups.items():
        # CloudWatch searches for a term with hyphens as a whole only if it is quoted.
        for page in paginator.paginate(logGroupName=group, filterPattern=f'"{term}"', **bounds):
            for event in page["events"]:
                yield read_line(function, event["timestamp"], event["message"])


def _find(source: LogSource, table: str, photo_id: str) -> dict[str, Any] | None:
    answer = source.dynamodb.get_item(
        TableName=table, Key=to_item({"photo_id": photo_id}), ConsistentRead=True
    )
    return from_item(answer["Item"], dict) if "Item" in answer else None


def _milliseconds(moment: datetime) -> int:
    return max(0, int(moment.timestamp() * 1000))  # CloudWatch has no earlier times


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def show(found: Trace, console: Console) -> None:
    """Print the lines as a table, and the steps in the photo's record."""
    if found.lines:
        console.print(_table(found))
    if found.photo:
        console.print(_record(found.photo, found.row), soft_wrap=True)
    else:
        console.print("[yellow]![/] The photos table has no record of this photo.")


def _table(found: Trace) -> Table:
    first = found.lines[0].at
    title = f"Photo {found.photo_id}, {first:%Y-%m-%d} (UTC)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in _COLUMNS.items():
        table.add_column(name, justify=justify, no_wrap=name != "what", overflow="fold")
    numbers: dict[str, int] = {}
    for line in without_repeated_exceptions(found.lines):
        if line.correlation_id:
            numbers.setdefault(line.correlation_id, len(numbers) + 1)
        moment = f"{line.at:%H:%M:%S}.{line.at.microsecond // 1000:03}"
        color = _COLORS.get(line.level, "default")
        table.add_row(
            moment if line.at.date() == first.date() else f"{line.at:%Y-%m-%d} {moment}",
            f"{round((line.at - first).total_seconds() * 1000):,}",
            escape(line.function),
            str(numbers.get(line.correlation_id or "", "")),
            f"[{color}]{escape(line.level)}[/] {escape(line.message)}"
            f" [dim]{escape(own_fields(line, found.photo_id))}[/]",
        )
    table.caption = "\n".join(
        f"#{number} is {'execution' if each.startswith('arn:') else 'request'} {each}"
        for each, number in numbers.items()
    )
    table.caption_justify = "left"
    return table


def _record(photo: dict[str, Any], row: dict[str, Any] | None) -> str:
    steps = milestones(photo, row)
    path = "".join(f" → {name} {after:,} ms" for name, after in steps)
    total = f", {sum(after for _, after in steps):,} ms in all" if steps else ""
    reason = f" ({photo['error']})" if "error" in photo else ""
    status = escape(f"{photo['status']}{reason}, version {photo['version']}")
    return f"The photo is {status}: created{path}{total}."


def _why_nothing(source: LogSource, photo_id: str) -> str:
    """Why there may be no lines: the log groups' retention, or another stack."""
    [name, *_] = source.log_groups.values()
    groups = source.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    days = next((each.get("retentionInDays") for each in groups), None)
    kept = "without limit" if days is None else f"for {days} day{'s' if days > 1 else ''}"
    return (
        f"Stack {source.name} has no log lines about photo {photo_id}. According to its id, it was"
        f" created at {created_at(photo_id):%Y-%m-%d %H:%M} UTC. Logs are kept {kept}. If that is"
        " long enough, pass another STACK."
    )


def main(arguments: list[str] | None = None) -> int:
    """Return 0 only if there are log lines about the photo."""
    parser = stack_parser("make trace", __doc__)
    parser.add_argument("photo", metavar="PHOTO", help="id of the photo")
    parser.add_argument(
        "--reads", action="store_true", help="also show requests that only read the photo"
    )
    parser.add_argument("--json", action="store_true", help="print the lines as logged, for jq")
    options = parser.parse_args(arguments)
    console = command_console(stderr=options.json)
    try:
        source = open_logs(options.stack)
        with console.status("searching the logs"):
            found = trace(source, options.photo, reads=options.reads)
        nothing = "" if found.lines else _why_nothing(source, found.photo_id)
    except (TraceError, StackError, BotoCoreError, ClientError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}", soft_wrap=True)
        return 1
    if options.json:
        for line in found.lines:
            print(json.dumps(line.entry, ensure_ascii=False))
    else:
        show(found, console)
    if nothing:
        console.print(f"[bold red]✗[/] {escape(nothing)}", soft_wrap=True)
    return 1 if nothing else 0


if __name__ == "__main__":
    sys.exit(main())
