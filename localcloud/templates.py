"""Reads SAM templates with the files that they include, and changes them for this machine."""

import copy
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from samcli.commands._utils.template import get_template_data, move_template
from samcli.commands.exceptions import UserException
from samcli.lib.cfn_language_extensions.api import create_default_intrinsic_resolver
from samcli.lib.cfn_language_extensions.exceptions import InvalidTemplateException
from samcli.lib.cfn_language_extensions.models import ResolutionMode, TemplateProcessingContext
from samcli.lib.cfn_language_extensions.pipeline import ProcessingPipeline
from samcli.lib.cfn_language_extensions.processors.foreach import ForEachProcessor
from samcli.lib.cfn_language_extensions.processors.parsing import TemplateParsingProcessor
from samcli.lib.cfn_language_extensions.sam_integration import check_using_language_extension
from samcli.yamlhelper import yaml_parse

from localcloud.cloud import CloudError

PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
_FUNCTION: Final = "AWS::Serverless::Function"
_FUNCTIONS: Final = ("AWS::Lambda::Function", _FUNCTION)
_LAYER: Final = "AWS::Serverless::LayerVersion"
_FILES: Final = ("DefinitionUri", "Location", "SchemaUri", "TemplateURL")
"""Properties that name a local file which a deployment reads and no build does."""
_CODE: Final = {
    _FUNCTION: "CodeUri",
    "AWS::Lambda::Function": "Code",
    _LAYER: "ContentUri",
    "AWS::Lambda::LayerVersion": "Content",
}
NESTED: Final = {
    "AWS::CloudFormation::Stack": "TemplateURL",
    "AWS::Serverless::Application": "Location",
}
_DEFINITION: Final = {
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::GraphQLApi": "SchemaUri",
    "AWS::Serverless::HttpApi": "DefinitionUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
    **NESTED,
}
_PATHS_OF_BUILDS: Final = ("ContextPath", "ProjectRootDirectory", "WorkingDirectory")

type Template = dict[str, Any]


def read_template(path: Path, parameters: Mapping[str, str]) -> Template:
    """The template of a file, with the files that it includes in their places, and without loops.

    The members of a loop (Fn::ForEach) are resources like any other: sam build ends in an error
    when it meets a loop.

    Raises:
        CloudError: it or an included file cannot be read or is not a template.
    """
    template = _read(path)
    if not check_using_language_extension(template):
        return template
    context = TemplateProcessingContext(
        fragment=copy.deepcopy(template),
        parameter_values=dict(parameters),
        resolution_mode=ResolutionMode.PARTIAL,
    )
    loops = ForEachProcessor(create_default_intrinsic_resolver(context))
    pipeline = ProcessingPipeline([TemplateParsingProcessor(), loops])
    try:
        return dict(pipeline.process_template(context))
    except InvalidTemplateException as error:
        raise CloudError(
            f"{path} is not a valid template: {error}. If the loop is over a parameter without a"
            " default, give --parameter NAME=VALUE."
        ) from error


def _read(path: Path) -> Template:
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
    """The resources by logical id."""
    section = template.get("Resources") or {}
    yield from ((name, each) for name, each in section.items() if isinstance(each, dict))


def require_function(path: Path, parameters: Mapping[str, str], function: str) -> None:
    """Check that a template has the function with a logical id; `NESTED/ID` may be one.

    Raises:
        CloudError: it has not, or cannot be read.
    """
    resources = dict(resources_of(read_template(path, parameters)))
    functions = [name for name, each in resources.items() if each.get("Type") in _FUNCTIONS]
    nested = "/" in function and function.partition("/")[0] in resources
    if function not in functions and not nested:
        raise CloudError(
            f"{path} has no function '{function}'. It has {', '.join(sorted(functions)) or 'none'}."
        )


def code_of(template: Template) -> Iterator[tuple[str, str, Any]]:
    """The code of each function and layer: logical id, property and value; None if it has none.

    Functions with inline code and in container images are left out.
    """
    defaults = function_defaults(template)
    for logical_id, resource in resources_of(template):
        kind = resource.get("Type")
        if kind not in _CODE:
            continue
        inherited = defaults if kind == _FUNCTION else {}
        properties = {**inherited, **(resource.get("Properties") or {})}
        if "InlineCode" not in properties and properties.get("PackageType") != "Image":
            yield logical_id, _CODE[kind], properties.get(_CODE[kind])


def missing_files(template: Template, folder: Path) -> list[str]:
    """A sentence for each local file or folder that a resource names and that does not exist."""
    definitions = (
        (logical_id, name, (resource.get("Properties") or {}).get(name))
        for logical_id, resource in resources_of(template)
        if (name := _DEFINITION.get(resource.get("Type", "")))
    )
    return [
        f"{logical_id}: {name} {os.path.normpath(folder / value)} does not exist."
        for logical_id, name, value in [*code_of(template), *definitions]
        if isinstance(value, str) and "://" not in value and not (folder / value).exists()
    ]


def nested_templates(template: Template, folder: Path) -> Iterator[tuple[str, Template, Path]]:
    """The resources that are a stack of their own: logical id, properties and local template."""
    for logical_id, resource in resources_of(template):
        properties = resource.get("Properties") or {}
        location = properties.get(NESTED.get(resource.get("Type", ""), ""))
        if isinstance(location, str) and (folder / location).is_file():
            yield logical_id, properties, folder / location


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
    Templates of nested applications are changed too, and written next to `target`.
    """
    template = read_template(source, parameters)
    changed = for_this_machine(template, parameters, machine)
    values = _values(template, parameters)
    for logical_id, properties, path in nested_templates(changed, source.parent):
        given = properties.get("Parameters") or {}
        nested = write_for_build(
            path,
            target.with_name(f"{target.stem}-{logical_id}.yaml"),
            {name: _value(each, values) for name, each in given.items()},
            machine,
        )
        if nested != path:
            properties["Location" if "Location" in properties else "TemplateURL"] = str(nested)
    if changed == _read(source):
        return source
    _make_paths_absolute(changed, source.parent)
    move_template(str(source), str(target), changed)
    return target


def for_this_machine(template: Template, parameters: Mapping[str, str], machine: str) -> Template:
    """The template as `write_for_build` writes it, with all paths as they are."""
    changed = copy.deepcopy(template)
    values = _values(template, parameters)
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


def _values(template: Template, parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the template, given or by default."""
    return {
        name: str(parameters.get(name, definition.get("Default", "")))
        for name, definition in (template.get("Parameters") or {}).items()
    }


def _value(given: object, values: Mapping[str, str]) -> str:
    """A literal, or the value of the parameter that is referred to."""
    match given:
        case {"Ref": str(name)} if name in values:
            return values[name]
        case _:
            return str(given)


def _make_paths_absolute(template: Template, folder: Path) -> None:
    """sam moves the paths in properties, but not those in Globals and those for its builders."""
    defaults = function_defaults(template)
    if isinstance(defaults.get("CodeUri"), str) and "://" not in defaults["CodeUri"]:
        defaults["CodeUri"] = os.path.normpath(folder / defaults["CodeUri"])
    for _, resource in resources_of(template):
        metadata = resource.get("Metadata") or {}
        for name in metadata.keys() & _PATHS_OF_BUILDS:
            match metadata[name]:
                case str(path):
                    metadata[name] = os.path.normpath(folder / path)
                case {"Fn::Sub": str(path)}:
                    metadata[name] = {"Fn::Sub": os.path.normpath(folder / path)}


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
