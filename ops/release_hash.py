"""A release hash per function, for AutoPublishCodeSha256: over all that a version makes immutable.

Without it, SAM publishes a version when a hash of the unresolved properties changes. A changed
mapping value, a changed parameter value or a replaced table would then reach only `$LATEST`.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from samcli.lib.utils.hash import dir_checksum
from samcli.yamlhelper import yaml_dump, yaml_parse

from ops.stacks import OperationError
from tools.intrinsics import SUBSTITUTED, Resolver, sub_argument
from tools.translate import read_template, translate

# These properties belong to the function, not to its versions. All others count as locked. SAM
# writes the hash into the version's description, so a changed hash always publishes a version.
_NOT_LOCKED: Final = frozenset({"CodeSigningConfigArn", "ReservedConcurrentExecutions", "Tags"})
_REPLACING: Final = ("createOnlyProperties", "conditionalCreateOnlyProperties")
_LENGTH: Final = 16  # SAM puts the first ten characters into the version's logical id


def write_release_hashes(
    built: Path,
    given: Mapping[str, str],
    deployed: Mapping[str, str],
    region: str,
    undeletable: Mapping[str, int],
) -> dict[str, str]:
    """Write the hash of each function that publishes versions into the built template.

    Args:
        built: the template that sam build wrote, beside its artifacts.
        given: the parameters that are passed to sam deploy.
        deployed: the stack's parameters; those that are not given keep their values.
        region: the stack's region.
        undeletable: versions that a rollback left behind, by the function's logical id. Such a
            function gets another hash, since Lambda does not publish the same version twice.

    Returns:
        The hashes, by the function's logical id.

    Raises:
        OperationError: the template does not declare a parameter, or does not allow its value.
    """
    template = read_template(built)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        properties.pop("AutoPublishCodeSha256", None)  # from an earlier run
        for uri in ("CodeUri", "ContentUri"):
            if uri in properties:
                # sam names the uploaded artifact with the same checksum of file names and contents.
                checksum = dir_checksum(str(built.parent / properties[uri]))
                properties[uri] = f"s3://artifacts/{checksum}"
    kept = {name: deployed[name] for name in template["Parameters"].keys() & deployed.keys()}
    parameters = {**kept, **given}
    try:
        hashes = release_hashes(translate(template, parameters), parameters, region)
    except ValueError as error:
        raise OperationError(
            f"This cannot be deployed: {error}. Pass a value with --parameter Name=Value."
        ) from None

    for function, version in undeletable.items():
        hashes[function] = _hash(f"{hashes[function]} after version {version}")
    written = yaml_parse(built.read_text())
    for function, release_hash in hashes.items():
        written["Resources"][function]["Properties"]["AutoPublishCodeSha256"] = release_hash
    built.write_text(yaml_dump(written))
    return hashes


def release_hashes(
    translated: Mapping[str, Any], parameters: Mapping[str, str], region: str
) -> dict[str, str]:
    """The hash of each function that publishes versions, by logical id, in a translated template.

    Raises:
        ValueError: the template does not declare a parameter, or does not allow its value.
    """
    stack = _LockedProperties(translated, parameters, region)
    return {
        function: stack.release_hash(function)
        for function in sorted(
            resource["Properties"]["FunctionName"]["Ref"]
            for resource in translated["Resources"].values()
            if resource["Type"] == "AWS::Lambda::Version"
        )
    }


def _hash(text: str) -> str:
    # It starts with a letter, because some YAML parsers read 1234567e89 as a number.
    return "r" + hashlib.sha256(text.encode()).hexdigest()[: _LENGTH - 1]


class _LockedProperties:
    """The properties that a version locks, for each function of one stack."""

    def __init__(
        self, translated: Mapping[str, Any], parameters: Mapping[str, str], region: str
    ) -> None:
        self._resources = translated["Resources"]
        self._region = region
        self._resolver = Resolver(translated, parameters, region)

    def release_hash(self, function: str) -> str:
        """The hash of one function."""
        properties = self._resources[function]["Properties"]
        locked = {name: properties[name] for name in properties.keys() - _NOT_LOCKED}
        written = json.dumps(self._identified(self._resolver.value(locked)), sort_keys=True)
        return _hash(written)

    def _identified(self, node: Any) -> Any:
        """The node, with each reference to a resource replaced by the identity of the resource."""
        match node:
            case {"Ref": str(name)}:
                return {"Ref": self._identity(name)}
            case {"Fn::GetAtt": [str(name), *attribute]}:
                return {"Fn::GetAtt": [self._identity(name), *attribute]}
            case {"Fn::Sub": [*_] | str() as argument}:
                text, variables = sub_argument(argument)
                names = {each.split(".")[0] for each in SUBSTITUTED.findall(text)}
                named = {name: self._identity(name) for name in names - variables.keys()}
                return {"Fn::Sub": [text, self._identified(variables), named]}
            case dict():
                return {name: self._identified(each) for name, each in node.items()}
            case list():
                return [self._identified(each) for each in node]
        return node

    def _identity(self, name: str) -> Any:
        """A value that changes whenever CloudFormation replaces the resource."""
        if name not in self._resources:
            return name  # a pseudo parameter: the same for the whole life of a stack
        resource = self._resources[name]
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Lambda::Version":
            return {"version": self.release_hash(properties["FunctionName"]["Ref"])}
        schema = _resource_schema(self._region, resource["Type"])
        replacing = {path.split("/")[2] for key in _REPLACING for path in schema.get(key, [])}
        given = {each: properties[each] for each in properties.keys() & replacing}
        return {"id": name, "replacing": self._identified(self._resolver.value(given))}


def _resource_schema(region: str, resource_type: str) -> dict[str, Any]:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # noqa: PLC0415 - slow to import

    return dict(PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, resource_type).schema)
