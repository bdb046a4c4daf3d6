"""`python -m ops.redrive`: lists failures, replays them, and deletes those that were processed.

A redrive may be repeated, and two may run at the same time: receipts in the views table prevent
double counts, and catalog rows and photo records are written by conditional writes.
"""

import argparse
import json
import sys
import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from ops.console import command_console
from ops.deployed_stack import DeployedStack, StackError
from ops.failures import (
    ALIAS,
    BATCHES_PREFIX,
    Failure,
    RefusedFailureError,
    Target,
    Targets,
    failed_event,
    failed_object,
)
from shared.quarantine import QUARANTINE_PREFIX

KINDS: Final = ("batch", "poison", "event")
_MAX_SHOWN: Final = 20  # refused failures
_REASON_CHARACTERS: Final = 120  # in the table
_HIDDEN_SECONDS: Final = 300  # visibility timeout of a message that was received


class FailureSource(msgspec.Struct, frozen=True):
    """AWS clients, where a stack keeps its failures, and which functions can replay them."""

    s3: Any
    sqs: Any
    lambda_: Any
    bucket: str
    queue: str
    targets: Targets


class Refusal(msgspec.Struct, frozen=True):
    """A failure that must not be replayed, and why.

    `place` is the key of an object or the receipt handle of a message.
    """

    kind: str
    reason: str
    place: str


def open_failures(name: str) -> FailureSource:
    """The failures of the deployed stack of that name.

    Raises:
        StackError: the stack does not exist, or was deployed from another template.
    """
    config = Config(read_timeout=120, retries={"total_max_attempts": 3, "mode": "standard"})
    stack = DeployedStack(name)
    return FailureSource(
        s3=stack.session.client("s3"),
        sqs=stack.session.client("sqs"),
        lambda_=stack.session.client("lambda", config=config),
        bucket=stack.output("FailedBatchesBucketName"),
        queue=stack.output("FailedEventsQueueUrl"),
        targets=_targets(stack),
    )


def _targets(stack: DeployedStack) -> Targets:
    _, partition, _, region, account, _ = stack.id.split(":", maxsplit=5)

    def arn(service: str, resource: str) -> str:
        return f"arn:{partition}:{service}:{region}:{account}:{resource}"

    def function(name: str) -> str:
        return arn("lambda", f"function:{stack.output(f'{name}FunctionName')}")

    return Targets(
        thumbnailer=Target(
            folder="thumbnailer",
            arn=function("Thumbnailer"),
            source=stack.output("UploadsBucketName"),
        ),
        view_counter=Target(
            folder="view_counter",
            arn=function("ViewCounter"),
            source=arn("kinesis", f"stream/{stack.output('ViewsStreamName')}"),
            mapping=stack.physical_id("ViewCounterFunctionViewsRecorded"),
        ),
        catalog_replicator=Target(
            folder="catalog_replicator",
            arn=function("CatalogReplicator"),
            source=arn("dynamodb", f"table/{stack.output('PhotosTableName')}"),
            mapping=stack.physical_id("CatalogReplicatorFunctionPhotoChanged"),
        ),
    )


def failures(source: FailureSource, kinds: Collection[str]) -> Iterator[Failure | Refusal]:
    """The failures of these kinds.

    Each message that is received is hidden for `_HIDDEN_SECONDS`, or until it is deleted or passed
    to `make_visible`.
    """
    for kind, prefix in (("batch", BATCHES_PREFIX), ("poison", QUARANTINE_PREFIX)):
        if kind in kinds:
            yield from _failed_objects(source, kind, prefix)
    if "event" in kinds:
        yield from _failed_events(source)


def _failed_objects(source: FailureSource, kind: str, prefix: str) -> Iterator[Failure | Refusal]:
    pages = source.s3.get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=prefix)
    for found in (found for page in pages for found in page.get("Contents", [])):
        key = found["Key"]
        try:
            body = source.s3.get_object(Bucket=source.bucket, Key=key)["Body"].read()
            yield failed_object(key, found["LastModified"], body, source.targets)
        except RefusedFailureError as error:
            yield Refusal(kind, str(error), key)
        except ClientError as error:  # another redrive may have processed it meanwhile
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise


def _failed_events(source: FailureSource) -> Iterator[Failure | Refusal]:
    while messages := source.sqs.receive_message(
        QueueUrl=source.queue,
        MaxNumberOfMessages=10,
        VisibilityTimeout=_HIDDEN_SECONDS,
        MessageSystemAttributeNames=["SentTimestamp"],
    ).get("Messages"):
        for message in messages:
            try:
                yield failed_event(message, source.targets)
            except RefusedFailureError as error:
                yield Refusal("event", str(error), message["ReceiptHandle"])


def replay(source: FailureSource, failure: Failure) -> str | None:
    """Invoke the function with the failed records; returns the reason if it failed again."""
    event: dict[str, Any] = {"Records": failure.records}
    # `redrive` makes a stream function also answer how many records are poison. The view counter
    # expects the records inside it; the replicator expects `Records` as its stream sends them.
    if failure.target is source.targets.view_counter:
        event = {"redrive": {"records": failure.records}}
    elif failure.kind != "event":
        event["redrive"] = {}
    answer = source.lambda_.invoke(
        FunctionName=failure.target.function, Qualifier=ALIAS, Payload=json.dumps(event)
    )
    result = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        return str((result or {}).get("errorMessage", answer["FunctionError"]))
    if result and result.get("batchItemFailures"):
        first = result["batchItemFailures"][0]["itemIdentifier"]
        return f"not processed from record {first} on"
    # A batch is deleted even if it had poison, which is in quarantine/ now. A poison object is
    # deleted only when its record is no longer poison.
    if failure.kind == "poison" and result and result.get("poison"):
        return f"{result['poison']} still poison"
    return None


def delete(source: FailureSource, failure: Failure) -> None:
    """Delete a failure that was processed."""
    if failure.kind == "event":
        source.sqs.delete_message(QueueUrl=source.queue, ReceiptHandle=failure.place)
    else:
        source.s3.delete_object(Bucket=source.bucket, Key=failure.place)


def make_visible(source: FailureSource, failure: Failure | Refusal) -> None:
    """Make a message that was not processed visible at once, for the next redrive."""
    if failure.kind == "event":
        source.sqs.change_message_visibility(
            QueueUrl=source.queue, ReceiptHandle=failure.place, VisibilityTimeout=0
        )


def redrive(
    source: FailureSource,
    console: Console,
    *,
    dry_run: bool,
    kinds: Collection[str],
    rate: float,
    whole: bool = False,
) -> bool:
    """Show the failures and replay them at `rate` per second.

    Returns True after a dry run, or if all were processed and none was refused. Long reasons are
    shortened unless `whole`.

    Refused failures are shown with their reasons and stay where they are. If an error or Ctrl-C
    ends the redrive, the next one finds what was not processed.
    """
    remaining: dict[str, Failure] = {}
    refused: list[Refusal] = []
    try:
        for found in failures(source, kinds):
            if isinstance(found, Refusal):
                refused.append(found)
            else:
                remaining[found.place] = found
        if remaining:
            _show(sorted(remaining.values(), key=_order), console, whole=whole)
        else:
            named = ", ".join(kind for kind in KINDS if kind in kinds)
            console.print(f"[green]✓[/] There is nothing to replay (kinds: {named}).")
        _show_refused(refused, console)
        if dry_run:
            return True
        return (not remaining or _replay_all(source, remaining, rate, console)) and not refused
    finally:
        kept: list[Failure | Refusal] = [*remaining.values(), *refused]
        for each in kept:
            make_visible(source, each)


def _replay_all(
    source: FailureSource, remaining: dict[str, Failure], rate: float, console: Console
) -> bool:
    """Replay each failure, and remove it from `remaining` once it is processed."""
    waiting = sorted(remaining.values(), key=_order)
    reasons: list[str] = []
    with Progress(console=console, transient=True) as progress:
        for failure in progress.track(waiting, description="replaying"):
            started = time.monotonic()
            if reason := replay(source, failure):
                reasons.append(f"{failure.kind} of {failure.target.folder}: {reason}")
            else:
                delete(source, failure)
                del remaining[failure.place]
            time.sleep(max(0.0, 1 / rate - (time.monotonic() - started)))
    processed = len(waiting) - len(remaining)
    mark = "[green]✓[/]" if processed else "[red]✗[/]"
    console.print(f"{mark} {processed} of {len(waiting)} processed.")
    for reason in reasons:
        console.print(f"[red]✗[/] failed again, kept: {_printable(reason)}")
    return not remaining


def _order(failure: Failure) -> tuple[int, datetime]:
    return KINDS.index(failure.kind), failure.since


def _show(waiting: list[Failure], console: Console, *, whole: bool) -> None:
    title = "Failures to replay"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("kind", "function"):
        table.add_column(column, no_wrap=True)
    table.add_column("reason", overflow="fold")
    for column in ("count", "records", "oldest"):
        table.add_column(column, justify="right", no_wrap=True)
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in waiting:
        group = (failure.kind, failure.target.folder, failure.reason)
        groups.setdefault(group, []).append(failure)
    now = datetime.now(UTC)
    for (kind, function, reason), members in groups.items():
        age = now - min(member.since for member in members)
        records = sum(len(member.records) for member in members)
        shown = (
            reason
            if whole or len(reason) <= _REASON_CHARACTERS
            else f"{reason[:_REASON_CHARACTERS]}…"
        )
        row = (kind, function, shown, str(len(members)), str(records))
        table.add_row(*map(_printable, row), str(age).split(".", maxsplit=1)[0])
    console.print(table)
    if not whole and any(len(reason) > _REASON_CHARACTERS for _, _, reason in groups):
        console.print("[dim]--whole prints reasons to their end.[/]")


def _show_refused(refused: list[Refusal], console: Console) -> None:
    for refusal in refused[:_MAX_SHOWN]:
        console.print(f"[red]✗[/] {refusal.kind} refused, kept: {_printable(refusal.reason)}")
    if len(refused) > _MAX_SHOWN:
        console.print(f"[red]✗[/] {len(refused) - _MAX_SHOWN:,} more are refused and kept.")


def _printable(text: str) -> str:
    """Text for the terminal, without control characters: messages and objects may have them."""
    return escape("".join(letter if letter.isprintable() else " " for letter in text))


def main(arguments: list[str] | None = None) -> int:
    """Return 0 after a dry run, or if all failures were processed and none was refused."""
    parser = argparse.ArgumentParser(prog="make redrive", description=__doc__)
    parser.add_argument("--stack", default="lambda-gallery-dev", help="name of the stack")
    parser.add_argument("--whole", action="store_true", help="print reasons to their end")
    parser.add_argument("--dry-run", action="store_true", help="only list the failures")
    parser.add_argument(
        "--kind",
        action="append",
        choices=KINDS,
        help="list and replay only failures of this kind (repeatable)",
    )
    parser.add_argument("--rate", type=float, default=5, help="replays per second (default 5)")
    options = parser.parse_args(arguments)
    console = command_console()
    if options.rate <= 0:
        parser.error("--rate must be above 0")
    kinds = options.kind or KINDS
    try:
        source = open_failures(options.stack)
        all_processed = redrive(
            source,
            console,
            dry_run=options.dry_run,
            kinds=kinds,
            rate=options.rate,
            whole=options.whole,
        )
    except (StackError, BotoCoreError, ClientError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    return 0 if all_processed else 1


if __name__ == "__main__":
    sys.exit(main())
