"""Decides conditions: in a flow without CloudFront, for example, `HasWebPage` is always false."""

from collections.abc import Mapping
from typing import Final

import yaml

from tools.extract.references import intrinsic
from tools.extract.yaml_text import Place, block, compose, is_block, remove, replace, source

type Decided = Mapping[str, bool | str]
"""A condition is true, false, or the same as the other condition of that name."""

_NO_VALUE: Final = "AWS::NoValue"
_NEUTRAL: Final = {"Fn::And": True, "Fn::Or": False}


def consequences(conditions: Place, given: Mapping[str, bool]) -> dict[str, bool | str]:
    """What all conditions become once some are decided."""
    decided: dict[str, bool | str] = dict(given)
    for _ in range(len(conditions.node.value)):
        for each in conditions.children():
            if each.key not in decided:
                value = _value(each.node, decided)
                if value is not None:
                    decided[each.key] = value
    return decided


def apply(text: str, decided: Decided) -> str:
    """The text of a template or of an included file, without the branches that never hold."""
    for name in decided:
        defined = compose(text).find("Conditions", name)
        text = remove(text, defined) if defined else text
    while (changed := _apply_one(text, decided)) is not None:
        text = changed
    return text


def assume(text: str, condition: str) -> str:
    """The text of a file that only a resource with this condition includes."""
    return apply(text, {condition: True})


def _value(node: yaml.Node, decided: Decided) -> bool | str | None:
    match intrinsic(node):
        case ("Condition", yaml.ScalarNode(value=name)):
            return decided.get(name)
        case ("Fn::Not", yaml.SequenceNode(value=[term])):
            value = _value(term, decided)
            return not value if isinstance(value, bool) else None
        case (("Fn::And" | "Fn::Or") as function, yaml.SequenceNode(value=terms)):
            values = [_value(each, decided) for each in terms]
            neutral = _NEUTRAL[function]
            if (not neutral) in values:
                return not neutral
            left = [each for each, value in zip(terms, values, strict=True) if value is not neutral]
            if not left:
                return neutral
            found = intrinsic(left[0])
            if len(left) == 1 and len(terms) > 1 and found and found[0] == "Condition":
                return str(found[1].value)
    return None


def _apply_one(text: str, decided: Decided) -> str | None:
    """The text with one place changed, or None if there is nothing left to change."""
    for place in compose(text).walk():
        if place.is_alias:
            continue
        match intrinsic(place.node):
            case ("Fn::If", yaml.SequenceNode(value=[condition, *_])) if condition.value in decided:
                return _choose(text, place, decided[condition.value], condition)
            case ("Condition", yaml.ScalarNode(value=name)) if name in decided:
                return _term(text, place, name, decided[name])
        if place.key == "Condition" and isinstance(place.node, yaml.ScalarNode):
            match decided.get(place.node.value):
                case None | False:  # the resource that has it is left out
                    continue
                case True:
                    return remove(text, place)
                case str(other):
                    return replace(text, place, other)
    return None


def _term(text: str, place: Place, name: str, value: bool | str) -> str | None:
    """Replace a reference to a decided condition within another condition, or remove it."""
    if isinstance(value, str):
        return replace(text, place, f"!Condition {value}")
    if place.parent and isinstance(place.parent.node, yaml.SequenceNode):
        return remove(text, place)
    raise ValueError(f"{name} is decided, but a condition that stays refers to nothing else")


def _choose(text: str, place: Place, value: bool | str, condition: yaml.Node) -> str:
    """Replace Fn::If by the branch that holds."""
    if isinstance(value, str):
        return replace(text, Place(condition), value)
    argument = place.node if isinstance(place.node, yaml.SequenceNode) else place.node.value[0][1]
    branches = Place(argument)
    chosen = list(branches.children())[1 if value else 2]
    found = intrinsic(chosen.node)
    if found and found[0] == "Ref" and found[1].value == _NO_VALUE:
        return remove(text, place)
    if not is_block(chosen.node):
        return replace(text, place, source(text, chosen.node))
    [first, *others] = block(text, chosen)
    column = place.node.start_mark.column
    beside_its_key = place.key and place.first.start_mark.line == place.node.start_mark.line
    if beside_its_key:
        column = place.first.start_mark.column + 2
        first = f"\n{' ' * column}{first}"
    new = "\n".join([first, *(f"{' ' * column}{each}" for each in others)])
    changed = replace(text, place, new)
    return changed.replace(f" {new}", new) if beside_its_key else changed
