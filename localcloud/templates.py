"""Reads SAM templates with the files that they include, and changes them for this machine."""

import copy
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from samcli.commands._utils.template import get_template_data, move_template
from samcli.commands.exceptions import UserException
from samcli.yamlhelper import yaml_parse

from localcloud.cloud import CloudError

PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
_FUNCTION: Final = "AWS::Serverless::Function"
_LAYER: Final = "AWS::Serverless::LayerVersion"
_LOOP: Final = "Fn::ForEach::"
_FILES: Final = ("DefinitionUri", "Location", "SchemaUri", "TemplateURL")
"""Properties that name a local file which a deployment reads and no build does."""

type Template = dict[str, Any]


def read_template(path: Path) -> Template:
    """The template of a file, with the files that it includes in their places.

    Raises:
        CloudError: it or an included file cannot be read or is not a template.
    """
    try:
        template = get_template_data(str(path))
        if not isinstance(template, dict):
            raise CloudError(f"{path} cannot be read as a template: it has no Resources section.")
        return dict(_with_included(template, path.parent))
    except (UserException, OSError, ValueError) as error:
        raise CloudError(f"{path} cannot be read: {error}") from error


def files_of_template(path: Path) -> set[Path]:
    """The files that the stack is defined by: the template, what it includes, and definitions.

    Raises:
        CloudError: one of them cannot be read or is not a template.
    """
    try:
        return {path, *_files_named(get_template_data(str(path)), path.parent)}
    except (UserException, OSError, ValueError) as error:
        raise CloudError(f"{path} cannot be read: {error}") from error


def function_defaults(template: Template) -> Template:
    """What Globals says of all functions, for reading and changing."""
    return ((template.get("Globals") or {}).get("Function")) or {}


def resources_of(template: Template) -> Iterator[tuple[str, Template]]:
    """The resources by logical id; one in a loop (Fn::ForEach) once, by the id in the loop."""
    yield from _resources(template.get("Resources") or {})


def _resources(section: Any) -> Iterator[tuple[str, Template]]:
    if not isinstance(section, dict):
        return
    for name, each in section.items():
        if name.startswith(_LOOP) and isinstance(each, list) and each:
            yield from _resources(each[-1])
        elif isinstance(each, dict):
            yield name, each


def _files_named(node: Any, folder: Path) -> Iterator[Path]:
    if isinstance(node, list):
        for each in node:
            yield from _files_named(each, folder)
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        file = folder / value if name in _FILES and isinstance(value, str) else None
        if file and file.is_file():
            yield file
        yield from _files_named(value, folder)
    if included := _included_file(node, folder):
        yield from _files_named(yaml_parse(included.read_text()), included.parent)


def write_for_build(
    source: Path, target: Path, parameters: Mapping[str, str], machine: str
) -> Path:
    """The template to build: `source`, or `target` if something had to be changed.

    Functions for another version of Python are built for this one, and functions for another
    architecture for `machine`. Functions of other runtimes are not built, as sam needs more tools.
    """
    template = read_template(source)
    changed = for_this_machine(template, parameters, machine)
    if changed == template:
        return source
    _make_global_code_absolute(changed, source.parent)
    move_template(str(source), str(target), changed)
    return target


def for_this_machine(template: Template, parameters: Mapping[str, str], machine: str) -> Template:
    """The template as `write_for_build` writes it, with all paths as they are."""
    changed = copy.deepcopy(template)
    values = {
        name: str(parameters.get(name, definition.get("Default", "")))
        for name, definition in (template.get("Parameters") or {}).items()
    }
    defaults = function_defaults(changed)
    _change_function(defaults, values, machine)
    for _, resource in resources_of(changed):
        properties = resource["Properties"] = resource.get("Properties") or {}
        if resource.get("Type") == _FUNCTION:
            runtime = _change_function(properties, values, machine)
            runtime = runtime or str(defaults.get("Runtime", ""))
            if not runtime.startswith(("python3.", "provided", "{")):
                resource.setdefault("Metadata", {})["SkipBuild"] = True
        elif resource.get("Type") == _LAYER:
            _change_layer(resource, properties, values, machine)
        if not properties:
            del resource["Properties"]
    return changed


def _change_function(properties: Template, values: Mapping[str, str], machine: str) -> str:
    """Change runtime and architecture; returns the template's runtime, empty if it has none."""
    runtime = _value(properties.get("Runtime", ""), values)
    if runtime.startswith("python3.") and runtime != PYTHON:
        properties["Runtime"] = PYTHON
    if isinstance(properties.get("Architectures"), list):
        architectures = [_value(each, values) for each in properties["Architectures"]]
        if architectures != [machine]:
            properties["Architectures"] = [machine]
    return runtime


def _change_layer(
    resource: Template, properties: Template, values: Mapping[str, str], machine: str
) -> None:
    metadata = resource.get("Metadata", {})
    method = _value(metadata.get("BuildMethod", ""), values)
    if method.startswith("python3.") and method != PYTHON:
        metadata["BuildMethod"] = PYTHON
        if "CompatibleRuntimes" in properties:
            properties["CompatibleRuntimes"] = [PYTHON]
    if _value(metadata.get("BuildArchitecture", machine), values) != machine:
        metadata["BuildArchitecture"] = machine
        if "CompatibleArchitectures" in properties:
            properties["CompatibleArchitectures"] = [machine]


def _value(given: object, values: Mapping[str, str]) -> str:
    """A literal, or the value of the parameter that is referred to."""
    match given:
        case {"Ref": str(name)} if name in values:
            return values[name]
        case _:
            return str(given)


def _make_global_code_absolute(template: Template, folder: Path) -> None:
    """sam moves the paths of resources but not the one in Globals."""
    defaults = function_defaults(template)
    if isinstance(defaults.get("CodeUri"), str) and "://" not in defaults["CodeUri"]:
        defaults["CodeUri"] = os.path.normpath(folder / defaults["CodeUri"])


def _with_included(node: Any, folder: Path) -> Any:
    """AWS::Include of local files, as CloudFormation does it before the SAM transform."""
    if isinstance(node, list):
        return [_with_included(each, folder) for each in node]
    if not isinstance(node, dict):
        return node
    found = {name: _with_included(value, folder) for name, value in node.items()}
    if included := _included_file(found.get("Fn::Transform"), folder):
        del found["Fn::Transform"]
        return found | _with_included(yaml_parse(included.read_text()), included.parent)
    return found


def _included_file(transform: Any, folder: Path) -> Path | None:
    """The local file that a transform includes, if it is AWS::Include."""
    match transform:
        case {"Name": "AWS::Include", "Parameters": {"Location": str(location)}} if (
            "://" not in location
        ):
            return folder / location
    return None
