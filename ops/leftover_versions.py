"""Versions and aliases of a stack's functions that CloudFormation does not know of.

A rollback by plain `sam deploy` leaves the new version behind, and `sam sync --code` publishes one
and moves the alias to it. Lambda publishes nothing that equals the newest version, so deploying
that code then fails with "A version for this Lambda function exists".
"""

from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError
from rich.console import Console
from rich.markup import escape

from ops.deployed_stack import StackDescription, StackResource, deployed_template
from ops.stack_states import is_continued, is_new
from ops.stacks import Account, OperationError, list_resources

_LATEST: Final = "$LATEST"
_REPLICATED: Final = "replicated function"


class Alias(msgspec.Struct, frozen=True):
    """An alias as Lambda has it."""

    name: str
    version: int
    shifting: bool
    """Whether another version gets a share of the traffic."""


class FunctionDrift(msgspec.Struct, frozen=True):
    """A function that is not as the stack says; `version` is the stack's, 0 if it has none."""

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
        """What differs, in a line."""
        found = []
        if self.alias and self.alias_moved:
            found.append(
                f"alias {self.alias.name} is at version {self.alias.version},"
                f" the stack says {self.version}"
            )
        if self.later:
            found.append(f"the stack does not know {_versions(self.later)}")
        if self.code_changed:
            found.append("the code or layers of $LATEST were changed outside CloudFormation")
        return f"{self.logical_id}: {'; '.join(found)}"


def find_drift(account: Account, deployed: StackDescription | None) -> list[FunctionDrift]:
    """The stack's functions that something other than CloudFormation has changed."""
    if deployed is None or is_new(deployed):
        return []
    # What a deployment removed or rolled back stays in the list, as DELETE_SKIPPED for instance.
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
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    published = {each["Version"]: each for page in pages for each in page["Versions"]}
    latest = _code(published.pop(_LATEST))
    stacks_own = published.get(str(version))
    return FunctionDrift(
        logical_id=function.logical_id,
        function=name,
        version=version,
        later=tuple(sorted(int(each) for each in published if int(each) > version)),
        alias=_find_alias(client, name, alias) if alias else None,
        # A failed deployment that was preserved may have changed the code and published nothing.
        code_changed=not half_deployed and stacks_own is not None and latest != _code(stacks_own),
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


def set_back(
    account: Account, deployed: StackDescription, drift: list[FunctionDrift], console: Console
) -> dict[str, int]:
    """Make each function what the stack says: alias, code of $LATEST, no later versions.

    Returns:
        The newest version that could not be deleted, by the function's logical id: CloudFront
        still replicates it.

    Raises:
        OperationError: Lambda refuses for another reason.
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
            if _delete_version(client, each, version):
                _say(f"{each.logical_id}: version {version} is deleted", console)
                continue
            kept[each.logical_id] = version
            console.print(
                f"[yellow]![/] {each.logical_id}: version {version} stays for now. CloudFront"
                " still holds replicas of it, and nobody can delete it until they are gone, which"
                " takes hours. The deployment publishes another."
            )
    return kept


def _say(done: str, console: Console) -> None:
    console.print(f"[green]✓[/] {escape(done)}")


def _restore_code(account: Account, deployed: StackDescription, drift: FunctionDrift) -> None:
    """Give $LATEST code and layers of the stack's version.

    CloudFormation would not: it compares templates, and the template has not changed. The code is
    where that template says.
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
            f"The code of {drift.logical_id} in the deployed template ({code}) is not that of"
            f" version {drift.version}: change something in the function and deploy again."
        )
    if _layers(latest) != _layers(own):
        client.update_function_configuration(FunctionName=drift.function, Layers=_layers(own))
        updated.wait(FunctionName=drift.function)


def _delete_version(client: Any, drift: FunctionDrift, version: int) -> bool:
    """Whether it is gone; not if CloudFront replicates it."""
    try:
        client.delete_function(FunctionName=drift.function, Qualifier=str(version))
    except ClientError as error:
        said = error.response["Error"]["Message"]
        if _REPLICATED in said:
            return False
        raise OperationError(
            f"Lambda does not delete version {version} of {drift.function}: {said}"
        ) from error
    return True


def _versions(numbers: tuple[int, ...]) -> str:
    listed = ", ".join(str(each) for each in numbers)
    return f"version{'s' if len(numbers) > 1 else ''} {listed}"
