"""What sam builds of a template: the source and the artifact of each function and layer."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localcloud.application import Application
from localcloud.execution.function_version import is_supported
from localcloud.stack import Stack
from localcloud.templates import read_template

_CODE: Final = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Lambda::Function": "Code",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Lambda::LayerVersion": "Content",
}
_SUFFIX_OF_SAM: Final = "[0-9a-f]{10}"  # of a layer's content, behind its logical id


@dataclass(frozen=True)
class Artifact:
    """The code of a function or layer: the folder it is built from, and the one it is built to."""

    logical_id: str
    source: Path
    built: Path


def artifacts(application: Application) -> list[Artifact]:
    """What the last build made of the template's own functions and layers.

    Those of nested applications are not among them. Where sam builds nothing, for example with
    SkipBuild, source and artifact are the same folder.
    """
    built_template = application.artifacts / "template.yaml"
    built = dict(_folders(built_template))
    return [
        Artifact(logical_id, source, built[logical_id])
        for logical_id, source in _folders(application.template)
        if logical_id in built
    ]


def deployed_as(stack: Stack) -> dict[str, set[str]]:
    """What Lambda calls the deployed code, by the template's logical ids.

    A function's code is called by its CodeSha256, of $LATEST and of what the aliases point to. A
    layer is called by the ARNs of the versions that functions use.
    """
    found: dict[str, set[str]] = {}
    used_layers: set[str] = set()
    for logical_id, versions in _configurations(stack).items():
        if is_supported(versions[0].get("Runtime", "")):
            found[logical_id] = {each["CodeSha256"] for each in versions}
        used_layers |= {each["Arn"] for found in versions for each in found.get("Layers", [])}
    for logical_id, arn in stack.of_type("AWS::Lambda::LayerVersion").items():
        name = arn.rpartition(":")[0]
        found[re.sub(rf"{_SUFFIX_OF_SAM}\Z", "", logical_id)] = found[logical_id] = {
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


def _folders(template: Path) -> Iterator[tuple[str, Path]]:
    content = read_template(template)
    defaults: Mapping[str, Any] = content.get("Globals", {}).get("Function", {})
    for logical_id, resource in content.get("Resources", {}).items():
        kind = resource.get("Type")
        if kind not in _CODE:
            continue
        inherited = defaults if kind == "AWS::Serverless::Function" else {}
        properties = {**inherited, **resource.get("Properties", {})}
        code = properties.get(_CODE[kind])
        if isinstance(code, str) and "InlineCode" not in properties:
            folder = (template.parent / code).resolve()
            if folder.is_dir():
                yield logical_id, folder
