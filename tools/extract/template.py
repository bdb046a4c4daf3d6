"""The template of a flow: the gallery's own text without what the flow does not need."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import yaml

from tools.extract import conditions
from tools.extract.closure import DeclaredResource, closure, owner
from tools.extract.flows import Flow
from tools.extract.references import References, included_file, intrinsic
from tools.extract.yaml_text import (
    BANNER,
    Place,
    compose,
    remove,
    with_headings,
    without_empty_sections,
)

TEMPLATE: Final = "template.yaml"
_FUNCTION: Final = "AWS::Serverless::Function"
_TRANSFORM: Final = "Fn::Transform"
_ANCHOR: Final = re.compile(r"[:-] &([\w-]+)")
_ALIAS: Final = re.compile(r"\*([\w-]+)")
_IDENTIFIER: Final = re.compile(r"[A-Z]\w+")


@dataclass(frozen=True)
class ExtractedTemplate:
    """The files of the template, and which resources they declare."""

    files: dict[str, str]
    resources: dict[str, DeclaredResource]


@dataclass(frozen=True)
class ReducedTemplate:
    """The files of the template that are left, and which resources they no longer declare."""

    files: dict[str, str]
    absent: set[str]


def extract_template(given: Mapping[str, str], flow: Flow) -> ExtractedTemplate:
    """The flow's part of template.yaml and of all files that it includes, by their paths.

    Raises:
        ValueError: what flows.toml says of the flow does not fit the files.
    """
    files = flow.edited(given)
    files = _decide(files, flow.conditions)
    added = _files_with_resources(files)
    resources = {
        name: each for path in (TEMPLATE, *added) for name, each in _resources(files, path).items()
    }
    unknown = set(flow.without).difference(resources)
    if unknown:
        raise ValueError(f"flows.toml: there is no {min(unknown)} that {flow.name} can omit")
    kept = closure(resources, flow.headings, flow.without)
    absent = resources.keys() - kept
    for path in (TEMPLATE, *added):
        files[path] = _cut_resources(files[path], path, absent)
    files[TEMPLATE] = _cut_globals(files[TEMPLATE])
    found = {name: each for name, each in resources.items() if name in kept}
    files[TEMPLATE] = _cut_outputs(files[TEMPLATE], found, flow.outputs)
    used = References().add(compose(files[TEMPLATE]).node, files).included
    files = {path: files[path] for path in files if path == TEMPLATE or path in used}
    for path in files:
        files[path] = _cut_items(files[path], absent, resources)
    files = _within_conditional_resources(files)
    files[TEMPLATE] = _cut_unused(files)
    files = {
        path: with_headings(without_empty_sections(text), flow.renamed)
        for path, text in files.items()
    }
    _check(files, found)
    return ExtractedTemplate(files, found)


def reduce_template(given: Mapping[str, str], headings: Collection[str]) -> ReducedTemplate:
    """All of template.yaml and of the files that it includes, but what is below the headings.

    Parameters, outputs and items of lists go along if nothing else needs them.

    Raises:
        ValueError: another resource needs one that is below the headings, or there is none.
    """
    added = _files_with_resources(given)
    resources = {
        name: each for path in (TEMPLATE, *added) for name, each in _resources(given, path).items()
    }
    absent = {
        name for name, each in resources.items() if each.heading.partition(":")[0] in headings
    }
    if not absent:
        raise ValueError(f"no resource is below {', '.join(headings)}")
    kept = {name: each for name, each in resources.items() if name not in absent}
    used = References().add(compose(given[TEMPLATE]).node, given).included
    files = {path: given[path] for path in (TEMPLATE, *used)}
    for path in (TEMPLATE, *added):
        files[path] = _cut_resources(files[path], path, absent)
    outputs = compose(files[TEMPLATE]).find("Outputs")
    named = tuple(each.key for each in outputs.children()) if outputs else ()
    files[TEMPLATE] = _cut_outputs(files[TEMPLATE], kept, named)
    used = References().add(compose(files[TEMPLATE]).node, files).included
    files = {path: text for path, text in files.items() if path == TEMPLATE or path in used}
    for path in files:
        files[path] = _cut_items(files[path], absent, resources)
    files[TEMPLATE] = _cut_unused(files)
    files = {path: without_empty_sections(text) for path, text in files.items()}
    _check(files, kept)
    return ReducedTemplate(files, absent)


def _decide(files: Mapping[str, str], given: Mapping[str, bool]) -> dict[str, str]:
    section = compose(files[TEMPLATE]).find("Conditions")
    if section is None or not given:
        return dict(files)
    decided = conditions.consequences(section, given)
    return {path: conditions.apply(text, decided) for path, text in files.items()}


def _files_with_resources(files: Mapping[str, str]) -> list[str]:
    section = compose(files[TEMPLATE]).find("Resources")
    found = section and section.find(_TRANSFORM)
    path = included_file(found.node) if found else None
    return [path] if path else []


def _section(text: str, path: str) -> Place:
    root = compose(text)
    found = root.find("Resources") if path == TEMPLATE else root
    if found is None:
        raise ValueError(f"{path} has no Resources")
    return found


def _resources(files: Mapping[str, str], path: str) -> dict[str, DeclaredResource]:
    """All of a file; those whose condition never holds are gone already."""
    lines = files[path].splitlines()
    settings = compose(files[TEMPLATE]).find("Globals", "Function")
    found = {}
    for place in _section(files[path], path).children():
        if place.key == _TRANSFORM:
            continue
        above = lines[: place.first.start_mark.line]
        banner = next((match for line in reversed(above) if (match := BANNER.match(line))), None)
        kind = next(value.value for key, value in _entries(place.node) if key == "Type")
        names = References().add(place.node, files).names
        if kind == _FUNCTION and settings and place.find("IgnoreGlobals") is None:
            names |= References().add(settings.node, files).names
        heading = banner[1] if banner else ""
        found[place.key] = DeclaredResource(place.key, kind, heading, frozenset(names))
    return found


def _entries(node: yaml.Node) -> list[tuple[str, yaml.Node]]:
    """The entries of a mapping, those that `<<` merges last."""
    merged: list[tuple[str, yaml.Node]] = []
    own = []
    for key, value in node.value:
        if key.value == "<<":
            merged += _entries(value)
        else:
            own.append((key.value, value))
    return own + merged


def _cut_resources(text: str, path: str, absent: set[str]) -> str:
    found = [each for each in _section(text, path).children() if each.key in absent]
    return _cut_dependencies(remove(text, *found), path, absent)


def _cut_dependencies(text: str, path: str, absent: set[str]) -> str:
    """Without each DependsOn of a resource that is left out."""
    for resource in _section(text, path).children():
        depends = resource.find("DependsOn")
        if depends and set(_IDENTIFIER.findall(str(_values(depends.node)))) & absent:
            return _cut_dependencies(remove(text, depends), path, absent)
    return text


def _values(node: yaml.Node) -> list[str]:
    if isinstance(node, yaml.SequenceNode):
        return [each.value for each in node.value]
    return [str(node.value)]


def _cut_globals(text: str) -> str:
    """Without Globals if no function is left that uses them."""
    functions = [
        each
        for each in _section(text, TEMPLATE).children()
        if ("Type", _FUNCTION) in [(key, value.value) for key, value in _entries(each.node)]
    ]
    settings = compose(text).find("Globals")
    if settings and all(each.find("IgnoreGlobals") for each in functions):
        return remove(text, settings)
    return text


def _cut_outputs(text: str, kept: Mapping[str, DeclaredResource], named: tuple[str, ...]) -> str:
    """Without the outputs of resources that are left out.

    Outputs that refer to no resource stay only if the flow names them.
    """
    root = compose(text)
    section, parameters = root.find("Outputs"), root.find("Parameters")
    declared = {each.key for each in parameters.children()} if parameters else set()
    found = []
    for output in section.children() if section else ():
        names = References().add(output.node, {}).names - declared
        owners = {owner(name, kept) for name in names if not name.startswith("AWS::")}
        if None in owners or not (owners or output.key in named):
            found.append(output)
    return remove(text, *found)


def _cut_items(text: str, absent: set[str], resources: Mapping[str, DeclaredResource]) -> str:
    """Without the smallest items of lists that refer to a resource that is left out."""
    for place in compose(text).walk():
        names = _direct_names(place.node)
        if names and not place.is_alias and {owner(name, resources) for name in names} & absent:
            return _cut_items(remove(text, _item(place)), absent, resources)
    return text


def _direct_names(node: yaml.Node) -> set[str]:
    found = intrinsic(node)
    if found is None or found[0] not in ("Ref", "Fn::GetAtt", "Fn::Sub"):
        return set()
    return References().add(node, {}).names


def _item(place: Place) -> Place:
    """The nearest item of a list that is not the list of arguments of an intrinsic function."""
    above = place
    while above.parent is not None:
        holder = above.parent
        is_argument = intrinsic(holder.node) is not None or (
            holder.parent is not None and intrinsic(holder.parent.node) is not None
        )
        if isinstance(holder.node, yaml.SequenceNode) and not is_argument:
            return above
        above = holder
    keys = ".".join(place.keys)
    raise ValueError(f"{keys} needs a resource that is left out, and is no item of a list")


def _within_conditional_resources(files: dict[str, str]) -> dict[str, str]:
    """A file that a resource with a condition includes need not ask for that condition."""
    for place in _section(files[TEMPLATE], TEMPLATE).children():
        condition = place.find("Condition")
        included = References().add(place.node, files).included
        if condition is not None:
            for path in included:
                files[path] = conditions.assume(files[path], condition.node.value)
    return files


def _cut_unused(files: Mapping[str, str]) -> str:
    """The template without parameters, rules, mappings, conditions and anchors without a use."""
    text = files[TEMPLATE]
    while places := _unused(text, _used({**files, TEMPLATE: text})):
        text = remove(text, *places)
    return text


def _used(files: Mapping[str, str]) -> References:
    root = compose(files[TEMPLATE])
    used = References()
    for section in ("Globals", "Resources", "Outputs"):
        if found := root.find(section):
            used.add(found.node, files)
    todo = set(used.conditions)
    while todo:
        condition = root.find("Conditions", todo.pop())
        if condition is not None:
            before = set(used.conditions)
            used.add(condition.node, files)
            todo |= used.conditions - before
    return used


def _unused(text: str, used: References) -> list[Place]:
    """In the order of the text; none is within another."""
    root = compose(text)
    found = [*_unused_anchors(text, root)]
    mappings = {name for name, _ in used.looked_up}
    sections = {"Parameters": used.names, "Mappings": mappings, "Conditions": used.conditions}
    for section, names in sections.items():
        if place := root.find(section):
            found += [each for each in place.children() if each.key not in names]
    if rules := root.find("Rules"):
        found += [
            each
            for each in rules.children()
            if not References().add(each.node, {}).names <= used.names
        ]
    if found:
        return found
    whole = {name for name, key in used.looked_up if key is None}
    keys = {key for _, key in used.looked_up}
    rows = root.find("Mappings")
    return [
        each
        for mapping in (rows.children() if rows else ())
        if mapping.key not in whole
        for row in mapping.children()
        for each in row.children()
        if each.key not in keys
    ]


def _unused_anchors(text: str, root: Place) -> Iterator[Place]:
    lines, aliases = text.splitlines(), set(_ALIAS.findall(text))
    shared = root.find("Metadata", "Shared")
    for place in shared.children() if shared else ():
        anchor = _ANCHOR.search(lines[place.first.start_mark.line])
        if anchor and anchor[1] not in aliases:
            yield place


def _check(files: Mapping[str, str], kept: Mapping[str, DeclaredResource]) -> None:
    """Everything that is referred to exists.

    Raises:
        ValueError: it does not.
    """
    root = compose(files[TEMPLATE])
    used = _used(files)
    for name in used.names:
        declared = root.find("Parameters", name) is not None
        if not (declared or name.startswith("AWS::") or owner(name, kept)):
            raise ValueError(f"the extracted template refers to {name}, and does not declare it")
    for name in used.conditions:
        if root.find("Conditions", name) is None:
            raise ValueError(f"the extracted template has no condition {name}")
