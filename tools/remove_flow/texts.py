"""Cuts parts out of texts: sections, definitions, lines, items of lists, widgets."""

import ast
import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from tools.remove_flow.rules import FileRules

_WIDGET: Final = re.compile(r"^          \{\"type\": ", re.MULTILINE)
_GRID: Final = re.compile(r'"y": (\d+), "width": \d+, "height": (\d+)')


def apply_rules(text: str, rules: FileRules) -> str:
    """The text without the parts that the rules name.

    Raises:
        ValueError: the text does not have a part, or has a passage more than once.
    """
    for old, new in rules.edits:
        count = text.count(old)
        if count != 1:
            raise ValueError(f"has the passage {old!r} {count} times, not once")
        text = text.replace(old, new)
    for heading in rules.sections:
        text = _without_section(text, heading)
    if rules.definitions:
        text = _without_definitions(text, rules.definitions)
    for part in rules.lines:
        lines = text.splitlines(keepends=True)
        kept = [line for line in lines if part not in line]
        if len(kept) == len(lines):
            raise ValueError(f"has no line with {part!r}")
        text = "".join(kept)
    return text


def _without_section(text: str, heading: str) -> str:
    lines = text.splitlines(keepends=True)
    try:
        first = lines.index(heading + "\n")
    except ValueError:
        raise ValueError(f"has no section {heading!r}") from None
    level = len(heading) - len(heading.lstrip("#"))
    ends = re.compile(rf"#{{1,{level}}} " if level else r"\[")
    last = first + 1
    while last < len(lines) and not ends.match(lines[last]):
        last += 1
    return "".join([*lines[:first], *lines[last:]]).rstrip("\n") + "\n"


def _without_definitions(text: str, names: Collection[str]) -> str:
    """A Python module without top-level functions and constants, and the comments above them."""
    lines = text.splitlines(keepends=True)
    found: dict[str, tuple[int, int]] = {}
    for node in ast.parse(text).body:
        name = _defined(node)
        if name in names:
            decorators = getattr(node, "decorator_list", [])
            first = min(each.lineno for each in [node, *decorators]) - 1
            while first and lines[first - 1].startswith("#"):
                first -= 1
            found[name] = (first, node.end_lineno or first)
    if missing := set(names) - found.keys():
        raise ValueError(f"does not define {', '.join(sorted(missing))}")
    for first, last in sorted(found.values(), reverse=True):
        del lines[first:last]
    return "".join(lines)


def _defined(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return ""


def without_items(text: str, names: Collection[str]) -> str:
    """TOML without names in its lists, and without the tables that are left with an empty list."""
    text = _without_names(text, names, '"')
    tables = re.split(r"(?m)^(?=\[)", text)
    return "".join(each for each in tables if not re.search(r"^\w+ = \[\]$", each, re.MULTILINE))


def without_rows(text: str, names: Collection[str]) -> str:
    """Markdown without names in the lists of its tables, and without rows about nothing else.

    The names are in the third column and those after it; a row needs something in the third.
    """
    lines = []
    for line in text.splitlines(keepends=True):
        cells = line.split(" | ")
        if line.startswith("| ") and len(cells) > 2:
            head, rest = " | ".join(cells[:2]), " | ".join(cells[2:])
            reduced = _without_names(rest, names, "`")
            if reduced != rest and reduced.startswith((" |", "|")):
                continue
            lines.append(f"{head} | {reduced}")
        else:
            lines.append(line)
    return "".join(lines)


def _without_names(text: str, names: Collection[str], quote: str) -> str:
    if not names:
        return text
    item = rf"{quote}(?:{'|'.join(sorted(names))})(?:[/:]\*)?{quote}"
    text = re.sub(rf"{item}, |, {item}", "", text)
    return re.sub(item, "", text)


class _Widget(NamedTuple):
    text: str
    top: int
    height: int

    @property
    def rows(self) -> range:
        return range(self.top, self.top + self.height)


def without_widgets(text: str, words: re.Pattern[str]) -> str:
    """The dashboard without the widgets that have the words; those below move up."""
    first, last = text.index("[\n") + 2, text.rindex("\n        ]\n")
    widgets = list(_widgets(text[first:last]))
    kept = [each for each in widgets if not words.search(each.text)]
    if len(kept) == len(widgets):
        raise ValueError("has no widget of the flow")
    filled = {row for each in kept for row in each.rows}
    body = "".join(
        each.text.replace(
            f'"y": {each.top}, ', f'"y": {len([row for row in filled if row < each.top])}, '
        )
        for each in kept
    )
    return text[:first] + body.rstrip().removesuffix(",") + text[last:]


def _widgets(body: str) -> Iterator[_Widget]:
    starts = [match.start() for match in _WIDGET.finditer(body)]
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        text = body[start:end]
        grid = _GRID.search(text)
        if grid is None:
            raise ValueError(f"has a widget without a place: {text[:80]!r}")
        yield _Widget(text, int(grid[1]), int(grid[2]))
