"""The artifacts of a template: for each function and layer, its source and what sam built."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localcloud.application import Application
from localcloud.execution.function_version import is_supported
from localcloud.stack import Stack
from localcloud.templates import code_of, read_template

_HASH_SUFFIX: Final = "[0-9a-f]{10}"  # SAM appends a hash of its content to a layer's logical id


@dataclass(frozen=True)
class Artifact:
    """The code of a function or layer: the folder it is built from, and the one it is built to."""

    logical_id: str
    source: Path
    built: Path


def artifacts(application: Application) -> list[Artifact]:
    """The artifacts of the template's own functions and layers, as the last build made them.

    Functions and layers of nested applications are left out. If sam builds nothing, for example
    with SkipBuild, source and artifact are the same folder.
    """
    built = dict(_folders(application.artifacts / "template.yaml", application.parameters))
    return [
        Artifact(logical_id, source, built[logical_id])
        for logical_id, source in _folders(application.template, application.parameters)
        if logical_id in built
    ]


def deployed_as(stack: Stack) -> dict[str, set[str]]:
    """What identifies the deployed code in Lambda, by the template's logical ids.

    For a function these are the CodeSha256 of $LATEST and of the versions that its aliases point
    to. For a layer these are the ARNs of the versions that functions use.
    """
    found: dict[str, set[str]] = {}
    used_layers: set[str] = set()
    for logical_id, versions in _configurations(stack).items():
        if is_supported(versions[0].get("Runtime", "")):
            found[logical_id] = {each["CodeSha256"] for each in versions}
        used_layers |= {each["Arn"] for found in versions for each in found.get("Layers", [])}
    for logical_id, arn in stack.of_type("AWS::Lambda::LayerVersion").items():
        name = arn.rpartition(":")[0]
        found[re.sub(rf"{_HASH_SUFFIX}\Z", "", logical_id)] = found[logical_id] = {
            each for each in used_layers if each.rpartition(":")[0] == name
        }
    return found


def _configurations(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    """What GetFunctionConfiguration answers for $LATEST and for each alias, by logical id."""
    client = stack.cloud.client("lambda")
    found = {}
    for logical_id, configuration in stack.functions().items():
        name = configuration["FunctionName"]
        aliases = client.list_aliases(FunctionName=name)["Aliases"]
        found[logical_id] = [
            configuration,
            *(
                client.get_function_configuration(FunctionName=name, Qualifier=each["Name"])
                for each in aliases
            ),
        ]
    return found


def _folders(template: Path, parameters: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    for logical_id, _, code in code_of(read_template(template, parameters)):
        if isinstance(code, str):
            folder = (template.parent / code).resolve()
            if folder.is_dir():
                yield logical_id, folder
