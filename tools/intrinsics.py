"""Resolves CloudFormation's conditions and intrinsic functions without AWS."""

import re
from collections.abc import Mapping
from typing import Any, Final

REMOVED: Final = object()  # the value of `Ref: AWS::NoValue`, which removes a property
REGION: Final = "us-east-1"  # the only region in which a stack can have the page

SUBSTITUTED: Final = re.compile(r"\$\{([^!{}]+)\}")
"""A name in the text of Fn::Sub; `${!literal}` is not a name."""


def sub_argument(argument: str | list[Any]) -> tuple[str, dict[str, Any]]:
    """The text of Fn::Sub, and the variables that it declares itself."""
    if isinstance(argument, str):
        return argument, {}
    [text, variables] = argument
    return text, variables


class Resolver:
    """Resolves values of a template for a set of parameters; values that only AWS knows stay.

    Raises:
        ValueError: the template does not declare a parameter, or does not allow its value.
    """

    def __init__(
        self, template: Mapping[str, Any], given: Mapping[str, str], region: str = REGION
    ) -> None:
        self._template = template
        declared = template["Parameters"]
        if unknown := sorted(given.keys() - declared.keys()):
            known = ", ".join(declared)
            raise ValueError(f"template.yaml has no parameter {unknown[0]!r}; it has {known}")
        for name, value in given.items():
            allowed = declared[name].get("AllowedValues")
            if allowed and value not in map(str, allowed):
                choices = ", ".join(map(str, allowed))
                raise ValueError(f"the parameter {name} must be one of {choices}, not {value!r}")
        defaults = {name: str(each.get("Default", "")) for name, each in declared.items()}
        self._parameters = {**defaults, **given, "AWS::Region": region}

    def holds(self, condition: str) -> bool:
        """Whether a named condition is true."""
        return bool(self.value(self._template["Conditions"][condition]))

    def resources(self, *types: str) -> dict[str, Any]:
        """The properties of the resources of these types whose condition holds, by logical id."""
        return {
            name: self.value(resource.get("Properties", {}))
            for name, resource in self._template["Resources"].items()
            if resource["Type"] in types
            and ("Condition" not in resource or self.holds(resource["Condition"]))
        }

    def value(self, node: Any) -> Any:
        """The node with its intrinsic functions resolved."""
        match node:
            case {"Ref": "AWS::NoValue"}:
                return REMOVED
            case {"Ref": str(name)} if name in self._parameters:
                return self._parameters[name]
            case {"Condition": str(name)} if len(node) == 1:
                return self.holds(name)
            case {"Fn::FindInMap": [*path]}:
                mapping, key, name = map(self.value, path)
                return self._template["Mappings"][mapping][key][name]
            case {"Fn::Equals": [left, right]}:
                return str(self.value(left)) == str(self.value(right))
            case {"Fn::Not": [term]}:
                return not self.value(term)
            case {"Fn::And": [*terms]}:
                return all(map(self.value, terms))
            case {"Fn::Or": [*terms]}:
                return any(map(self.value, terms))
            case {"Fn::If": [str(condition), yes, no]}:
                return self.value(yes if self.holds(condition) else no)
            case {"Fn::Sub": [*_] | str() as argument}:
                return self._substitute(*sub_argument(argument))
            case dict():
                found = {name: self.value(each) for name, each in node.items()}
                return {name: each for name, each in found.items() if each is not REMOVED}
            case list():
                return [each for each in map(self.value, node) if each is not REMOVED]
        return node

    def _substitute(self, text: str, variables: Mapping[str, Any]) -> Any:
        """The text with known values substituted; still Fn::Sub if unknown values remain."""
        resolved = {name: self.value(each) for name, each in variables.items()}
        known = self._parameters | {
            name: each for name, each in resolved.items() if isinstance(each, str)
        }
        unknown = {name: each for name, each in resolved.items() if name not in known}
        done = SUBSTITUTED.sub(lambda match: known.get(match[1], match[0]), text)
        if unknown:
            return {"Fn::Sub": [done, unknown]}
        if SUBSTITUTED.search(done):
            return {"Fn::Sub": done}
        return done.replace("${!", "${")
