"""`python -m ops.destroy`: deletes a stack and the data that CloudFormation retains.

It can be interrupted at any point and run again: it continues with what is left.
"""

import argparse
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from ops.arguments import stage_parser
from ops.console import command_console
from ops.deployed_stack import StackDescription, StackResource, deployed_template
from ops.function_versions import is_replicated
from ops.leftovers import DATA, Leftover, delete, empty, find_artifacts, find_data, find_log_groups
from ops.stacks import (
    Account,
    OperationError,
    Stage,
    answer_to,
    deleted_stacks,
    find_stack,
    list_resources,
    open_account,
    read_stage,
    show_account,
)

REPLICAS: Final = (
    "CloudFront still has replicas of the Lambda@Edge function, and Lambda cannot delete the"
    " function until CloudFront has removed them. That usually takes a few hours after the"
    " deletion of the distribution, which is done. Run this command again then, or pass --wait"
    " HOURS."
)
EDGE_LOGS: Final = (
    "Lambda@Edge wrote logs and metrics in the regions near its viewers. Its log groups are deleted"
    " in all regions. A replica that is removed late may create one again: run this command again"
    " to delete it. The metrics stay in CloudWatch of those regions for 15 months, at no cost."
)
_OF_THE_ACCOUNT: Final = {"AccessLogsAccount", "AccessLogsRole"}  # other APIs may log with them
_RETAINING: Final = ("Retain", "RetainExceptOnCreate")
_POLL_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 600.0


class Inventory:
    """Resources of a stack, and of deleted stacks that had the same name."""

    def __init__(
        self, account: Account, stage: Stage, name: str, say: Callable[[str], None]
    ) -> None:
        """`say` gets a message for each search that fails."""
        self.account, self.stage, self.name = account, stage, name
        self.live = find_stack(account, name)
        self.resources = list_resources(account, self.live.id) if self.live else []
        self.count = len(self.resources)
        self.deleted = list(deleted_stacks(account, name))
        known = {each.physical_id for each in self.resources}
        self.resources += [
            each
            for generation in self.deleted
            for each in list_resources(account, generation.id)
            if each.physical_id not in known and _still_belongs_to(account, each, generation)
        ]
        self._warnings: set[str] = set()
        self._say = say

    def leftovers(self) -> list[Leftover]:
        """Data, log groups and artifacts that exist now."""
        return [
            *find_data(self.account, self.resources),
            *find_log_groups(self.account, self.resources, self._warn),
            *find_artifacts(self.account, self.stage, self.name),
        ]

    def unknown(self) -> list[StackResource]:
        """Resources that a stack retained and that this command cannot delete."""
        return [
            each
            for each in self._kept()
            if each.type not in DATA
            and each.type != "AWS::Lambda::Version"  # deleted with its function
            and each.logical_id not in _OF_THE_ACCOUNT
        ]

    def access_logs_role(self) -> str | None:
        """The role with which all APIs of the account write logs, if this stack created it."""
        kept = {each.logical_id: each.physical_id for each in self._kept()}
        return kept.get("AccessLogsRole")

    def has_edge_function(self) -> bool:
        """Whether CloudFront ran a function of the stack."""
        return any(each.type == "AWS::CloudFront::Distribution" for each in self.resources)

    def _kept(self) -> list[StackResource]:
        now = list_resources(self.account, self.live.id) if self.live else []
        return [each for each in {*self.resources, *now} if each.status == "DELETE_SKIPPED"]

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.add(text)
            self._say(text)


def _still_belongs_to(
    account: Account, resource: StackResource, generation: StackDescription
) -> bool:
    """False if the deleted stack deleted the resource, or another stack has imported it."""
    if resource.type not in DATA:
        return True
    if resource.status != "DELETE_SKIPPED":
        return False
    try:
        answer = account.client("cloudformation").describe_stack_resources(
            PhysicalResourceId=resource.physical_id
        )
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return True
        raise
    return all(
        each["StackId"] == generation.id or each["ResourceStatus"].startswith("DELETE_")
        for each in answer["StackResources"]
    )


def check_state(inventory: Inventory, *, unprotect: bool, leftovers: list[Leftover]) -> None:
    """Check, before anything is deleted, that the stack can be deleted.

    Raises:
        OperationError: the stack is being changed, or something is protected from deletion.
    """
    live = inventory.live
    if (
        live
        and live.status.endswith("_IN_PROGRESS")
        and live.status not in {"DELETE_IN_PROGRESS", "REVIEW_IN_PROGRESS"}
    ):
        raise OperationError(f"{live.name} is {live.status}: wait until that has ended.")
    protected = [f"{each.kind} {each.name}" for each in leftovers if each.protected]
    if live and live.termination_protection:
        protected.insert(0, f"stack {live.name}")
    if protected and not unprotect:
        raise OperationError(
            f"Protected from deletion: {', '.join(protected)}. To delete them nevertheless, pass"
            " --unprotect, which disables the protection of each right before its deletion."
        )


def empty_for_stack(
    account: Account, live: StackDescription, resources: Iterable[StackResource], console: Console
) -> None:
    """Empty the buckets that CloudFormation will delete: it deletes only empty buckets.

    Buckets that the stack retains keep their objects until the stack is deleted.
    """
    if not (buckets := [each for each in resources if each.type == "AWS::S3::Bucket"]):
        return
    template = deployed_template(account.client("cloudformation"), live.id, "Processed")
    declared = template["Resources"]
    deleted = [
        each
        for each in buckets
        if declared.get(each.logical_id, {}).get("DeletionPolicy") not in _RETAINING
    ]
    for bucket in find_data(account, deleted):
        with console.status(bucket.name) as status:
            empty(account, bucket, _counter(status, f"emptying {bucket.name}"))


def _counter(status: Status, what: str) -> Callable[[int], None]:
    return lambda count: status.update(f"{what}: {count:,}")


def delete_stack(account: Account, live: StackDescription, console: Console) -> bool:
    """Delete the stack with CloudFormation and wait; False if Lambda@Edge replicas prevent it.

    Raises:
        OperationError: something else prevents the deletion.
    """
    cloudformation = account.client("cloudformation")
    if live.termination_protection:
        cloudformation.update_termination_protection(
            StackName=live.id, EnableTerminationProtection=False
        )
    with console.status("CloudFormation deletes the stack") as status:
        now: StackDescription | None = live
        while now and now.status == "DELETE_IN_PROGRESS":  # from an earlier request
            time.sleep(_POLL_SECONDS)
            now = find_stack(account, live.id)
        token = str(uuid.uuid4())  # marks the events of this attempt
        cloudformation.delete_stack(StackName=live.id, ClientRequestToken=token)
        while not (now := find_stack(account, live.id)) or now.status != "DELETE_COMPLETE":
            events = _events(account, live.id, token)
            done = [each for each in events if each["ResourceStatus"] == "DELETE_COMPLETE"]
            status.update(f"CloudFormation deletes the stack: {len(done)} resources are deleted")
            if any(
                each["ResourceStatus"] == "DELETE_FAILED"
                and each.get("PhysicalResourceId") == live.id
                for each in events
            ):
                _raise_unless_replicas(live, events)
                return False
            if not now:
                break
            time.sleep(_POLL_SECONDS)
    console.print(f"[green]✓[/] stack {escape(live.name)}")
    return True


def _events(account: Account, stack_id: str, token: str) -> list[dict[str, Any]]:
    """Events of one deletion, newest first."""
    found = []
    pages = account.client("cloudformation").get_paginator("describe_stack_events")
    for page in pages.paginate(StackName=stack_id):
        ours = [each for each in page["StackEvents"] if each.get("ClientRequestToken") == token]
        found += ours
        if not ours:
            break
    return found


def _raise_unless_replicas(live: StackDescription, events: list[dict[str, Any]]) -> None:
    """Do nothing if only Lambda@Edge replicas prevented the deletion.

    Raises:
        OperationError: something else prevented the deletion.
    """
    failed = {
        each["LogicalResourceId"]: each.get("ResourceStatusReason", "no reason given")
        for each in events
        if each["ResourceStatus"] == "DELETE_FAILED" and each.get("PhysicalResourceId") != live.id
    }
    others = {name: why for name, why in failed.items() if not is_replicated(why)}
    if others or not failed:
        reasons = [f"{name}: {why}" for name, why in others.items()]
        lines = [f"CloudFormation cannot delete {live.name}. Fix this, then run the command again:"]
        raise OperationError("\n".join([*lines, *reasons]))


def delete_leftovers(account: Account, leftovers: list[Leftover], console: Console) -> None:
    """Delete the leftovers one after the other; a person has confirmed it."""
    for each in leftovers:
        what = f"{each.kind} {_full_name(each)}"
        with console.status(what) as status:
            delete(account, each, _counter(status, what))
        console.print(f"[green]✓[/] {escape(what)}: {each.holds}", soft_wrap=True)


def destroy(options: argparse.Namespace, console: Console) -> bool:
    """List, ask, delete the stack and then what it retained; True if nothing is left.

    Raises:
        OperationError: something prevents the deletion.
    """
    stage = read_stage(options.stage)
    account = open_account(stage, options.account)
    name = options.stack or stage.stack
    inventory = Inventory(
        account, stage, name, lambda text: console.print(f"[yellow]![/] {escape(text)}")
    )
    if not inventory.live and not inventory.deleted:
        raise OperationError(
            f"Account {account.id} has no stack {name} in {account.region}, nor has one been"
            " deleted there within 90 days. Check AWS_PROFILE and AWS_REGION."
        )
    leftovers = inventory.leftovers()
    if not inventory.live and not leftovers:
        return _nothing_left(inventory, leftovers, console)
    show_account(account, stage, name, console)
    _show(inventory, leftovers, console)
    check_state(inventory, unprotect=options.unprotect, leftovers=leftovers)
    typed = options.confirm or answer_to(
        f"All of this will be deleted. Type the stack's name, {name}: ", console, "--confirm NAME"
    )
    if typed != name:
        raise OperationError(f"Nothing was deleted: {typed!r} is not {name}.")

    deleted = True
    if live := inventory.live:
        empty_for_stack(account, live, inventory.resources, console)
        deleted = delete_stack(account, live, console)
    delete_leftovers(account, inventory.leftovers(), console)
    deadline = time.monotonic() + options.wait * 3600
    while live and not deleted:
        console.print(f"[yellow]![/] {REPLICAS}")
        if time.monotonic() + _RETRY_SECONDS > deadline:
            return False
        console.print(f"The next attempt is in {_RETRY_SECONDS / 60:.0f} minutes.")
        time.sleep(_RETRY_SECONDS)
        deleted = delete_stack(account, live, console)
    delete_leftovers(account, inventory.leftovers(), console)  # late lines of the functions' logs
    return _nothing_left(inventory, inventory.leftovers(), console)


def _nothing_left(inventory: Inventory, leftovers: list[Leftover], console: Console) -> bool:
    left = [f"{each.kind} {_full_name(each)} in {each.region}" for each in leftovers]
    left += [
        f"{each.type} {each.physical_id}, which the stack retained" for each in inventory.unknown()
    ]
    for each in left:
        console.print(f"[red]✗[/] left: {escape(each)}")
    if role := inventory.access_logs_role():
        console.print(
            f"  The role {escape(role)} stays: API Gateway uses it to write the logs of all APIs of"
            f" the account in {inventory.account.region}."
        )
    if inventory.has_edge_function():
        console.print(f"  {EDGE_LOGS}")
    if not left:
        console.print(f"[green]✓[/] Nothing is left of {escape(inventory.name)}.")
    return not left


def _show(inventory: Inventory, leftovers: list[Leftover], console: Console) -> None:
    if live := inventory.live:
        console.print(f"  status   {live.status}, {inventory.count} resources, and this data:")
    else:
        console.print("  status   deleted; this is left:")
    table = Table(box=None, padding=(0, 2), show_header=False)
    for each in leftovers:
        notes = [each.holds]
        notes += ["protected"] if each.protected else []
        notes += [each.region] if each.region != inventory.account.region else []
        table.add_row(each.kind, escape(_full_name(each)), ", ".join(notes))
    console.print(table)


def _full_name(leftover: Leftover) -> str:
    return f"{leftover.name}/{leftover.prefix}" if leftover.prefix else leftover.name


def main(arguments: list[str] | None = None) -> int:
    """Return 0 only if nothing is left."""
    parser = stage_parser("make destroy", __doc__)
    parser.add_argument(
        "--confirm", metavar="NAME", help="confirm with the stack's name instead of typing it"
    )
    parser.add_argument(
        "--unprotect", action="store_true", help="also delete what is protected from deletion"
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=0,
        metavar="HOURS",
        help="retry every 10 minutes while Lambda@Edge replicas prevent the deletion",
    )
    options = parser.parse_args(arguments)
    console = command_console()
    try:
        return 0 if destroy(options, console) else 1
    except (OperationError, BotoCoreError, ClientError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted. Run this command again to continue.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
