"""Finds references of a translated template to resources whose condition is false.

A reference is judged by the conditions between it and its target alone, for all values of the
parameters that they depend on, so parameters that are added later cost nothing.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tools.intrinsics import SUBSTITUTED, Resolver, sub_argument

PSEUDO: Final = "AWS::"
OTHER: Final = "another"  # text that no condition compares with

type Assumption = frozenset[tuple[str, bool]]
"""The conditions around a reference, and their values there."""


class Reference(NamedTuple):
    """A reference in the template, and what it refers to."""

    source: str
    target: str
    where: Assumption


def references(template: Mapping[str, Any]) -> Iterator[Reference]:
    """All of resources, by Ref, Fn::GetAtt, Fn::Sub and DependsOn, and of outputs."""
    for name, resource in template["Resources"].items():
        where = _assumed(resource)
        depends = resource.get("DependsOn", [])
        for target in [depends] if isinstance(depends, str) else depends:
            yield Reference(name, target, where)
        yield from _within(name, {**resource, "DependsOn": None}, where)
    for name, output in template.get("Outputs", {}).items():
        yield from _within(f"Outputs.{name}", output, _assumed(output))


def dangling(template: Mapping[str, Any], fixed: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """`source -> target` of each reference whose target can be left out, with such parameters.

    `fixed` are the parameters that the template was translated with; only these values are tried.
    """
    conditions = _Conditions(template, fixed)
    found: dict[str, dict[str, str]] = {}
    for source, target, where in references(template):
        if target in template["Parameters"] or target.startswith(PSEUDO):
            continue
        resource = template["Resources"].get(target)
        needed = _assumed(resource) if resource else None
        example = conditions.example(where, needed)
        if example is not None:
            found[f"{source} -> {target}"] = example
    return found


def condition_values(template: Mapping[str, Any]) -> dict[str, list[str]]:
    """All values that the conditions can tell apart, of the parameters that they depend on."""
    conditions = _Conditions(template, {})
    depended = sorted(conditions.parameters(template["Conditions"]))
    return {name: conditions.values[name] for name in depended}


def _assumed(part: Mapping[str, Any]) -> Assumption:
    return frozenset({(part["Condition"], True)} if "Condition" in part else ())


def _within(source: str, node: Any, where: Assumption) -> Iterator[Reference]:
    match node:
        case {"Fn::If": [str(condition), yes, no]}:
            yield from _within(source, yes, where | {(condition, True)})
            yield from _within(source, no, where | {(condition, False)})
        case {"Ref": str(target)}:
            yield Reference(source, target, where)
        case {"Fn::GetAtt": [str(target), *_] | str(target)}:
            yield Reference(source, target.partition(".")[0], where)
        case {"Fn::Sub": argument}:
            text, variables = sub_argument(argument)
            for name in SUBSTITUTED.findall(text):
                if name not in variables:
                    yield Reference(source, name.partition(".")[0], where)
            yield from _within(source, variables, where)
        case dict():
            for each in node.values():
                yield from _within(source, each, where)
        case list():
            for each in node:
                yield from _within(source, each, where)


class _Conditions:
    """The template's conditions, for every value of a parameter that they can tell apart."""

    def __init__(self, template: Mapping[str, Any], fixed: Mapping[str, str]) -> None:
        self._template = template
        self.values: dict[str, list[str]] = {
            name: _distinct(name, declared, template)
            for name, declared in {**template["Parameters"], "AWS::Region": {}}.items()
        }
        self.values |= {name: [value] for name, value in fixed.items()}
        self._known: dict[tuple[Assumption, Assumption | None], dict[str, str] | None] = {}

    def example(self, where: Assumption, needed: Assumption | None) -> dict[str, str] | None:
        """Parameters with which all of `where` holds and not all of `needed`, if there are any."""
        asked = (where, needed)
        if asked not in self._known:
            self._known[asked] = self._find(where, needed)
        return self._known[asked]

    def _find(self, where: Assumption, needed: Assumption | None) -> dict[str, str] | None:
        names = sorted(
            self.parameters([{"Condition": name} for name, _ in where | (needed or set())])
        )
        for values in itertools.product(*(self.values[name] for name in names)):
            parameters = dict(zip(names, values, strict=True))
            region = parameters.get("AWS::Region", "us-east-1")
            given = {name: value for name, value in parameters.items() if name != "AWS::Region"}
            resolver = Resolver(self._template, given, region)

            def all_hold(assumed: Assumption, resolver: Resolver = resolver) -> bool:
                return all(resolver.holds(name) is value for name, value in assumed)

            if all_hold(where) and (needed is None or not all_hold(needed)):
                return parameters
        return None

    def parameters(self, node: Any) -> set[str]:
        """The parameters that a part of a condition depends on."""
        match node:
            case {"Ref": str(name)}:
                return {name}
            case {"Condition": str(name)}:
                return self.parameters(self._template["Conditions"][name])
            case dict():
                return set().union(*map(self.parameters, node.values()))
            case list():
                return set().union(*map(self.parameters, node))
        return set()


def _distinct(name: str, declared: Mapping[str, Any], template: Mapping[str, Any]) -> list[str]:
    """The allowed values; otherwise the default, all that a condition compares with, and another.

    A parameter is compared with text only, so one other value stands for all others.
    """
    if "AllowedValues" in declared:
        return [str(each) for each in declared["AllowedValues"]]
    compared = {str(each) for each in _compared(name, template["Conditions"])}
    if "Default" in declared:
        compared.add(str(declared["Default"]))
    other = "17" if declared.get("Type") == "Number" else OTHER
    return sorted(compared | {other})


def _compared(name: str, node: Any) -> Iterator[Any]:
    match node:
        case {"Fn::Equals": [{"Ref": left}, right]} if left == name and not isinstance(right, dict):
            yield right
        case {"Fn::Equals": [left, {"Ref": right}]} if right == name and not isinstance(left, dict):
            yield left
        case dict():
            for each in node.values():
                yield from _compared(name, each)
        case list():
            for each in node:
                yield from _compared(name, each)
