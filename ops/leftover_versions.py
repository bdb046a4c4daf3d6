"""Changes of a stack's functions that were made outside CloudFormation, and their reversal.

A rollback by plain `sam deploy` leaves the new version behind, and `sam sync --code` publishes one
and moves the alias to it. Lambda does not publish a version that equals the newest one, so a
deployment of that code then fails with "A version for this Lambda function exists".
"""

from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

from ops.deployed_stack import StackDescription, StackResource, deployed_template
from ops.function_versions import LATEST, delete_version, list_versions
from ops.stack_states import is_continued, is_new
from ops.stacks import Account, OperationError, list_resources


class Alias(msgspec.Struct, frozen=True):
    """An alias of a function, as Lambda describes it."""

    name: str
    version: int
    shifting: bool
    """Whether a second version gets a share of the traffic."""


class FunctionDrift(msgspec.Struct, frozen=True):
    """A function that differs from the stack. `version` is the stack's version, or 0 for none."""

    logical_id: str
    function: str
    version: int
    later: tuple[int, ...]
    alias: Alias | None
    code_changed: bool

    @property
    def alias_moved(self) -> bool:
        alias = self.alias
        return alias is not None and (alias.version != self.version or alias.shifting)

    def describe(self) -> str:
        """The differences, in one line."""
        found = []
        if self.alias and self.alias_moved:
            found.append(
                f"alias {self.alias.name} is at version {self.alias.version},"
                f" the stack says {self.version}"
            )
        if self.later:
            found.append(f"the stack does not have {_versions(self.later)}")
        if self.code_changed:
            found.append("the code or layers of $LATEST were changed outside CloudFormation")
        return f"{self.logical_id}: {'; '.join(found)}"


def find_drift(account: Account, deployed: StackDescription | None) -> list[FunctionDrift]:
    """The stack's functions that something other than CloudFormation has changed."""
    if deployed is None or is_new(deployed):
        return []
    # CloudFormation also lists resources that it removed or rolled back, such as DELETE_SKIPPED.
    resources = [
        each
        for each in list_resources(account, deployed.id)
        if each.physical_id and not each.status.startswith(("DELETE_", "CREATE_FAILED"))
    ]
    versions: dict[str, int] = {}
    aliases: dict[str, str] = {}
    for each in resources:
        if each.type == "AWS::Lambda::Version":
            _, function, version = each.physical_id.rsplit(":", 2)
            versions[function] = max(int(version), versions.get(function, 0))
        elif each.type == "AWS::Lambda::Alias":
            _, function, alias = each.physical_id.rsplit(":", 2)
            aliases[function] = alias
    client = account.client("lambda")
    found = [
        _compare(
            client,
            each,
            versions.get(each.physical_id, 0),
            aliases.get(each.physical_id),
            half_deployed=is_continued(deployed),
        )
        for each in resources
        if each.type == "AWS::Lambda::Function"
    ]
    return [each for each in found if each.later or each.alias_moved or each.code_changed]


def _compare(
    client: Any, function: StackResource, version: int, alias: str | None, *, half_deployed: bool
) -> FunctionDrift:
    name = function.physical_id
    published = list_versions(client, name)
    latest = _code(published.pop(LATEST))
    in_stack = published.get(str(version))
    return FunctionDrift(
        logical_id=function.logical_id,
        function=name,
        version=version,
        later=tuple(sorted(int(each) for each in published if int(each) > version)),
        alias=_find_alias(client, name, alias) if alias else None,
        # A failed, preserved deployment may have changed the code without publishing a version.
        code_changed=not half_deployed and in_stack is not None and latest != _code(in_stack),
    )


def _code(configuration: dict[str, Any]) -> tuple[str, list[str]]:
    """What identifies the code of a function or version, its layers included."""
    return configuration["CodeSha256"], _layers(configuration)


def _layers(configuration: dict[str, Any]) -> list[str]:
    return [each["Arn"] for each in configuration.get("Layers", [])]


def _find_alias(client: Any, function: str, name: str) -> Alias:
    found = client.get_alias(FunctionName=function, Name=name)
    weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return Alias(name, int(found["FunctionVersion"]), shifting=bool(weights))


def restore_functions(
    account: Account, deployed: StackDescription, drift: list[FunctionDrift], console: Console
) -> dict[str, int]:
    """Restore each function's alias and code of $LATEST, and delete later versions.

    Returns:
        The newest version that could not be deleted, by the function's logical id: CloudFront
        still has replicas of it.

    Raises:
        OperationError: Lambda refuses a deletion for another reason.
    """
    client = account.client("lambda")
    kept: dict[str, int] = {}
    for each in drift:
        if each.alias and each.alias_moved and each.version:
            client.update_alias(
                FunctionName=each.function,
                Name=each.alias.name,
                FunctionVersion=str(each.version),
                RoutingConfig={"AdditionalVersionWeights": {}},
            )
            _say(f"{each.logical_id}: {each.alias.name} is at version {each.version}", console)
        if each.code_changed:
            _restore_code(account, deployed, each)
            _say(f"{each.logical_id}: $LATEST has the code of version {each.version}", console)
        for version in each.later:
            if delete_version(client, each.function, version):
                _say(f"{each.logical_id}: version {version} is deleted", console)
                continue
            kept[each.logical_id] = version
            console.print(
                f"[yellow]![/] {each.logical_id}: version {version} stays for now. Lambda cannot"
                " delete it until CloudFront has removed its replicas, which takes hours. The"
                " deployment publishes another version."
            )
    return kept


def _say(done: str, console: Console) -> None:
    console.print(f"[green]✓[/] {escape(done)}")


def _restore_code(account: Account, deployed: StackDescription, drift: FunctionDrift) -> None:
    """Restore code and layers of $LATEST from the deployed template.

    CloudFormation does not do this: it compares templates, and the template has not changed.
    """
    template = deployed_template(account.client("cloudformation"), deployed.id, "Processed")
    code = template["Resources"][drift.logical_id]["Properties"]["Code"]
    client = account.client("lambda")
    latest = client.update_function_code(FunctionName=drift.function, **code)
    updated = client.get_waiter("function_updated_v2")
    updated.wait(FunctionName=drift.function)
    own = client.get_function_configuration(
        FunctionName=drift.function, Qualifier=str(drift.version)
    )
    if latest["CodeSha256"] != own["CodeSha256"]:
        raise OperationError(
            f"The code of {drift.logical_id} in the deployed template ({code}) differs from the"
            f" code of version {drift.version}: change the function's code, then deploy again."
        )
    if _layers(latest) != _layers(own):
        client.update_function_configuration(FunctionName=drift.function, Layers=_layers(own))
        updated.wait(FunctionName=drift.function)


def _versions(numbers: tuple[int, ...]) -> str:
    listed = ", ".join(str(each) for each in numbers)
    return f"version{'s' if len(numbers) > 1 else ''} {listed}"
