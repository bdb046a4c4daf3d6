"""Delete versions of a stack's functions and layers that nothing uses any more.

Of a function's versions, only those are deleted that are older than each one that CloudFormation
lists or an alias sends traffic to. The newest of them are kept, for a rollback. Layer versions are
kept if CloudFormation lists them, if a function of the account uses them, or if they are shared
with another account.
"""

import argparse
import sys
from typing import Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from ops.arguments import add_confirmation, stack_parser
from ops.console import command_console
from ops.deployed_stack import DeployedStack, StackError, StackResource
from ops.function_versions import LATEST, delete_version, list_versions
from ops.stacks import OperationError, answer_to

_KEPT: Final = 3


class UnusedVersions(msgspec.Struct, frozen=True):
    """The versions of a function or layer that nothing uses."""

    logical_id: str
    name: str
    is_layer: bool
    versions: tuple[int, ...]


def find_unused(resources: list[StackResource], client: Any, keep: int) -> list[UnusedVersions]:
    """The versions of the functions and layers among a stack's resources that can be deleted.

    `keep` is the number of versions of a function before its oldest used one that are kept.
    """
    of_stack: dict[str, set[int]] = {}  # versions that CloudFormation lists, by function or layer
    functions: dict[str, str] = {}
    layers: dict[str, str] = {}
    for each in resources:
        if not each.physical_id or each.status.startswith("DELETE_"):
            continue
        name, _, version = each.physical_id.rpartition(":")
        match each.type:
            case "AWS::Lambda::Function":
                functions[each.physical_id] = each.logical_id
            case "AWS::Lambda::Version":
                of_stack.setdefault(name.rpartition(":")[2], set()).add(int(version))
            case "AWS::Lambda::LayerVersion":
                layers[name] = each.logical_id
                of_stack.setdefault(name, set()).add(int(version))
    found = [
        UnusedVersions(
            logical_id, name, is_layer=False,
            versions=_unused_of_function(client, name, of_stack.get(name, set()), keep),
        )
        for name, logical_id in functions.items()
    ]  # fmt: skip
    in_use = _layers_in_use(client) if layers else set()
    for arn, logical_id in layers.items():
        name = arn.rpartition(":")[2]
        pages = client.get_paginator("list_layer_versions").paginate(LayerName=name)
        published = {each["Version"] for page in pages for each in page["LayerVersions"]}
        used = {each for each in published if f"{arn}:{each}" in in_use}
        candidates = sorted(published - used - of_stack[arn])
        unused = tuple(each for each in candidates if not _is_shared(client, name, each))
        found.append(UnusedVersions(logical_id, name, is_layer=True, versions=unused))
    return [each for each in found if each.versions]


def _unused_of_function(client: Any, name: str, of_stack: set[int], keep: int) -> tuple[int, ...]:
    published = {int(each) for each in list_versions(client, name) if each != LATEST}
    used = set(of_stack)
    for page in client.get_paginator("list_aliases").paginate(FunctionName=name):
        for alias in page["Aliases"]:
            weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
            used |= {int(each) for each in (alias["FunctionVersion"], *weights) if each != LATEST}
    if not used:  # nothing says which version is in use
        return ()
    before = sorted(each for each in published if each < min(used))
    return tuple(before[: max(0, len(before) - keep)])


def _is_shared(client: Any, layer: str, version: int) -> bool:
    """Whether another account may use the version; Lambda does not say whether one does."""
    try:
        client.get_layer_version_policy(LayerName=layer, VersionNumber=version)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def _layers_in_use(client: Any) -> set[str]:
    """The ARNs of the layer versions that a version of a function in the account uses."""
    pages = client.get_paginator("list_functions").paginate(FunctionVersion="ALL")
    return {
        layer["Arn"]
        for page in pages
        for function in page["Functions"]
        for layer in function.get("Layers", [])
    }


def delete(client: Any, unused: UnusedVersions, console: Console) -> None:
    """Delete the versions; those that CloudFront still has replicas of stay for now."""
    for version in unused.versions:
        if unused.is_layer:
            client.delete_layer_version(LayerName=unused.name, VersionNumber=version)
        elif not delete_version(client, unused.name, version):
            console.print(
                f"[yellow]![/] {unused.logical_id}: version {version} stays, because CloudFront"
                " has replicas of it. Try again after some hours."
            )
            continue
        console.print(f"[green]✓[/] {unused.logical_id}: version {version} is deleted")


def prune(options: argparse.Namespace, console: Console) -> None:
    """Show the unused versions, ask, and delete them.

    Raises:
        StackError: there is no such stack.
        OperationError: the person does not agree.
    """
    stack = DeployedStack(options.stack)
    client = stack.session.client("lambda")
    unused = find_unused(list(stack.resources.values()), client, options.keep)
    for each in unused:
        listed = ", ".join(str(version) for version in each.versions)
        console.print(f"{escape(each.logical_id)}: {listed}")
    if not unused:
        console.print(
            "Nothing to delete: all versions are in use, newer than these, or kept for a rollback."
        )
    elif not options.dry_run:
        question = "Delete these versions? (yes or no) "
        if not options.yes and answer_to(question, console, "--yes") != "yes":
            raise OperationError("Nothing was deleted.")
        for each in unused:
            delete(client, each, console)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 unless the versions cannot be listed or deleted."""
    parser = stack_parser("make prune", __doc__)
    parser.add_argument(
        "--keep", type=int, default=_KEPT, metavar="N",
        help=f"versions of each function that are kept for a rollback (default: {_KEPT})",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="only list the versions")
    add_confirmation(parser)
    options = parser.parse_args(arguments)
    console = command_console()
    try:
        prune(options, console)
    except (OperationError, StackError, BotoCoreError, ClientError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}", soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
