"""What a part of a template refers to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import yaml

from tools.extract.yaml_text import compose
from tools.intrinsics import SUBSTITUTED


@dataclass
class References:
    """The names that a part of a template refers to.

    `names` are parameters and logical ids of resources, also of those that SAM generates.
    `looked_up` are entries of mappings: all of the mapping if the second is None.
    """

    names: set[str] = field(default_factory=set)
    conditions: set[str] = field(default_factory=set)
    looked_up: set[tuple[str, str | None]] = field(default_factory=set)
    included: set[str] = field(default_factory=set)

    def add(self, node: yaml.Node, files: Mapping[str, str]) -> "References":
        """Add those of a node, through aliases and in included files, but not of DependsOn."""
        match intrinsic(node):
            case ("Ref", yaml.ScalarNode(value=name)):
                self.names.add(name.partition(".")[0])
            case ("Fn::GetAtt", yaml.ScalarNode(value=name)):
                self.names.add(name.partition(".")[0])
            case ("Fn::GetAtt", yaml.SequenceNode(value=[first, *_])):
                self.names.add(first.value.partition(".")[0])
            case ("Fn::Sub", yaml.ScalarNode(value=text)):
                self._substituted(text, ())
            case ("Fn::Sub", yaml.SequenceNode(value=[text, variables])):
                self._substituted(text.value, [key.value for key, _ in variables.value])
                self.add(variables, files)
            case ("Condition", yaml.ScalarNode(value=name)):
                self.conditions.add(name)
            case ("Fn::If", yaml.SequenceNode(value=[condition, *branches])):
                self.conditions.add(condition.value)
                self._add_all(branches, files)
            case ("Fn::FindInMap", yaml.SequenceNode(value=[mapping, first, second])):
                key = second.value if isinstance(second, yaml.ScalarNode) else None
                self.looked_up.add((mapping.value, None if intrinsic(second) else key))
                self._add_all([first, second], files)
            case _:
                self._below(node, files)
        return self

    def _below(self, node: yaml.Node, files: Mapping[str, str]) -> None:
        if location := included_file(node):
            self.included.add(location)
            if location not in files:
                raise FileNotFoundError(f"{location} is included, but git does not know it: add it")
            self.add(compose(files[location]).node, files)
        elif isinstance(node, yaml.SequenceNode):
            self._add_all(node.value, files)
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == "Condition" and isinstance(value, yaml.ScalarNode):
                    self.conditions.add(value.value)
                elif key.value != "DependsOn":
                    self.add(value, files)

    def _add_all(self, nodes: Iterable[yaml.Node], files: Mapping[str, str]) -> None:
        for each in nodes:
            self.add(each, files)

    def _substituted(self, text: str, variables: Iterable[str]) -> None:
        found = {name.partition(".")[0] for name in SUBSTITUTED.findall(text)}
        self.names |= found.difference(variables)


def intrinsic(node: yaml.Node) -> tuple[str, yaml.Node] | None:
    """The full name of an intrinsic function and its argument, in either form."""
    if node.tag.startswith("!"):
        short = node.tag.removeprefix("!")
        return (short if short in ("Ref", "Condition") else f"Fn::{short}"), node
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        [(key, value)] = node.value
        if key.value in ("Ref", "Condition") or (
            key.value.startswith("Fn::") and key.value != "Fn::Transform"
        ):
            return key.value, value
    return None


def included_file(node: yaml.Node) -> str | None:
    """The file of `Fn::Transform: {Name: AWS::Include, …}`, if the node is the value of that."""
    if not isinstance(node, yaml.MappingNode):
        return None
    entries = {key.value: value for key, value in node.value}
    if entries.keys() != {"Name", "Parameters"} or entries["Name"].value != "AWS::Include":
        return None
    [(_, location)] = entries["Parameters"].value
    return str(location.value)
