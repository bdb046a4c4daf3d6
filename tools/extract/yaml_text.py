"""Cuts parts out of a YAML text and leaves every other character as a person wrote it."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
BANNER: Final = re.compile(r"^ *# (?:──|--) (.+?) [─-]+$")


@dataclass(frozen=True)
class Place:
    """A node of a document, and which entry or item of its parent it is."""

    node: yaml.Node
    parent: "Place | None" = None
    index: int = 0

    @property
    def keys(self) -> list[str]:
        """The keys of mappings on the way from the root to this node."""
        above = self.parent.keys if self.parent else []
        return [*above, self.key] if self.key else above

    @property
    def key(self) -> str:
        """The key of the entry, if the parent is a mapping."""
        if self.parent and isinstance(self.parent.node, yaml.MappingNode):
            return str(self.parent.node.value[self.index][0].value)
        return ""

    @property
    def first(self) -> yaml.Node:
        """Where the entry or the item begins."""
        if self.parent and isinstance(self.parent.node, yaml.MappingNode):
            key: yaml.Node = self.parent.node.value[self.index][0]
            return key
        return self.node

    @property
    def is_alias(self) -> bool:
        """Whether `*name` stands here; the node is then that of the anchor, which is above."""
        if self.parent is None:
            return False
        return self.node.start_mark.index < self.first.start_mark.index or (
            self.node.start_mark.index < self.parent.node.start_mark.index
        )

    def children(self) -> Iterator["Place"]:
        """The entries or items, without those of an alias, which are elsewhere in the text."""
        if self.is_alias:
            return
        if isinstance(self.node, yaml.MappingNode):
            for index, (_, value) in enumerate(self.node.value):
                yield Place(value, self, index)
        elif isinstance(self.node, yaml.SequenceNode):
            for index, item in enumerate(self.node.value):
                yield Place(item, self, index)

    def walk(self) -> Iterator["Place"]:
        """This node and all below it, in the order of the text."""
        yield self
        for child in self.children():
            yield from child.walk()

    def find(self, *keys: str) -> "Place | None":
        """The node that these keys of mappings lead to."""
        found: Place | None = self
        for key in keys:
            assert found is not None  # noqa: S101 - the loop ends before
            found = next((each for each in found.children() if each.key == key), None)
            if found is None:
                return None
        return found


@functools.lru_cache(maxsize=64)
def compose(text: str) -> Place:
    """The root of a document."""
    node = yaml.compose(text, _LOADER)
    if node is None:
        raise ValueError("the YAML text is empty")
    return Place(node)


def source(text: str, node: yaml.Node) -> str:
    """The text of a node that is not an alias."""
    start, end = _span(text, node)
    return text[start:end]


def replace(text: str, place: Place, new: str) -> str:
    """The text with another value for an entry or an item."""
    start, end = _span(text, place.node)
    return text[:start] + new + text[end:]


def remove(text: str, *places: Place) -> str:
    """The text without entries and items, the comments above them, and parents that would be empty.

    All places are in the same collection, or no collection loses all that it has.
    """
    outer = [_whole(place, places) for place in places]
    if len(outer) == 1 and outer[0].parent and not is_block(outer[0].parent.node):
        return _remove_within_brackets(text, outer[0])
    lines = text.splitlines(keepends=True)
    for first, last in sorted({_lines(lines, place) for place in outer}, reverse=True):
        before, after = lines[:first], lines[last + 1 :]
        if (not before or not before[-1].strip()) and after and not after[0].strip():
            after = after[1:]
        lines = [*before, *after]
    return "".join(lines)


def _whole(place: Place, removed: Sequence[Place]) -> Place:
    """The place itself, or the outermost collection that would be left without anything."""
    above = place.parent
    if above is None:
        raise ValueError("the root of a document cannot be removed")
    siblings = sum(each.parent is above or each.parent == above for each in removed)
    if siblings < len(above.node.value):
        return place
    return _whole(above, [above])


def block(text: str, place: Place) -> list[str]:
    """The lines of an item of a block sequence without its dash, as if they began a line."""
    lines = text.splitlines()
    first, last = place.node.start_mark.line, _last_line(lines, place)
    column = place.node.start_mark.column
    return [lines[first][column:], *(line[column:] for line in lines[first + 1 : last + 1])]


def without_empty_sections(text: str) -> str:
    """The text without the banners that no entry follows before the next banner or the end."""
    lines = text.splitlines(keepends=True)
    kept: list[str] = []
    index = 0
    while index < len(lines):
        if BANNER.match(lines[index]):
            indent = _indent(lines[index])
            end = index + 1
            while end < len(lines) and (not lines[end].strip() or _is_comment(lines[end])):
                if BANNER.match(lines[end]):
                    break
                end += 1
            nothing = end == len(lines) or _indent(lines[end]) < indent
            if nothing or BANNER.match(lines[end]):
                index = end
                if nothing and end < len(lines):  # the blank line before the next section stays
                    while kept and not kept[-1].strip():
                        kept.pop()
                    kept.append("\n")
                continue
        kept.append(lines[index])
        index += 1
    return re.sub(r"\n{3,}", "\n\n", "".join(kept)).rstrip("\n") + "\n"


def with_headings(text: str, renamed: Mapping[str, str]) -> str:
    """The text with other words in its banners, which keep their width."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = BANNER.match(line)
        if match and match[1] in renamed:
            head = line[: match.start(1)] + renamed[match[1]] + " "
            lines[number] = head + line[-1] * (len(line) - len(head))
    return "\n".join(lines) + "\n"


def _span(text: str, node: yaml.Node) -> tuple[int, int]:
    starts = _line_starts(text)
    start = starts[node.start_mark.line] + node.start_mark.column
    if not is_block(node):
        return start, starts[node.end_mark.line] + node.end_mark.column
    last = _last_line(text.splitlines(), Place(node))
    return start, starts[last + 1] - 1


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def is_block(node: yaml.Node) -> bool:
    """Whether a node has lines of its own, and not brackets, quotes or one word."""
    if isinstance(node, yaml.CollectionNode):
        return not node.flow_style
    return _is_block_scalar(node)


def _is_block_scalar(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")


def _lines(lines: list[str], place: Place) -> tuple[int, int]:
    """The first and the last line of an entry or an item, with the comments above it."""
    if place.is_alias and not place.key:
        raise ValueError(f"{place.keys}: the place of an item that is an alias is not known")
    first = place.first.start_mark.line
    indent = _indent(lines[first])
    before = lines[first][: place.first.start_mark.column].strip()
    if before not in ("", "-") or (before == "-" and place.key):
        raise ValueError(f"line {first + 1}: {lines[first].strip()} has no lines of its own")
    last = _last_line(lines, place)
    while first and _is_comment(lines[first - 1]) and _indent(lines[first - 1]) == indent:
        first -= 1
    return first, last


def _last_line(lines: list[str], place: Place) -> int:
    node = place.node
    if place.is_alias:
        return place.first.end_mark.line
    if not is_block(node):
        return int(node.end_mark.line)
    column = node.start_mark.column
    last = min(node.end_mark.line, len(lines)) - 1
    while last > node.start_mark.line and (
        not lines[last].strip()
        or (
            _is_comment(lines[last])
            and not _is_block_scalar(node)
            and _indent(lines[last]) < column
        )
    ):
        last -= 1
    return last


def _remove_within_brackets(text: str, place: Place) -> str:
    assert place.parent is not None  # noqa: S101 - only entries and items are removed
    siblings = list(place.parent.children())
    starts = _line_starts(text)

    def begin(each: Place) -> int:
        return starts[each.first.start_mark.line] + each.first.start_mark.column

    def end(each: Place) -> int:
        return starts[each.node.end_mark.line] + each.node.end_mark.column

    if any(each.is_alias for each in siblings):
        raise ValueError(f"{place.keys}: the place of an alias within brackets is not known")

    if place.index + 1 < len(siblings):
        return text[: begin(place)] + text[begin(siblings[place.index + 1]) :]
    return text[: end(siblings[place.index - 1])] + text[end(place) :]


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
