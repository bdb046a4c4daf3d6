"""What a repository consists of without a flow."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from tools.extract.template import TEMPLATE, reduce_template
from tools.remove_flow import texts
from tools.remove_flow.rules import FlowRules

DASHBOARD: Final = "dashboard.yaml"
_LISTS: Final = ("tools/vetting/accepted_grants.toml", "tools/vetting/suppressions.toml")
_ROWS: Final = "docs/security.md"


class RemovalError(Exception):
    """The rules of the flow do not fit the repository."""


class Removal(msgspec.Struct, frozen=True):
    """Files to write and files to delete, by path in the repository."""

    written: dict[str, str]
    deleted: list[str]


def remove_flow(files: Mapping[str, str], rules: FlowRules) -> Removal:
    """The changes that remove a flow from all text files of a repository.

    Raises:
        RemovalError: a rule fits nothing, or a name of the flow is left.
    """
    left = dict(files)
    for pattern in rules.delete:
        matching = [path for path in left if Path(path).full_match(pattern)]
        if not matching:
            raise RemovalError(f"`delete` names {pattern}, which does not exist")
        for path in matching:
            del left[path]
    for path, each in rules.files.items():
        try:
            left[path] = texts.apply_rules(left[path], each)
        except KeyError:
            raise RemovalError(f"`files` names {path}, which does not exist") from None
        except ValueError as error:
            raise RemovalError(f"{path} {error}") from None
    left[DASHBOARD] = texts.without_widgets(left[DASHBOARD], rules.pattern)
    left = _without_resources(left, rules.headings)
    for old, new in rules.renamed.items():
        for path in [path for path in left if not _is_history(path, rules)]:
            left[path] = re.sub(rf"\b{old}\b", new, left[path])
    if found := list(_mentions(left, rules)):
        raise RemovalError("names of the flow are left:\n  " + "\n  ".join(found))
    return Removal(
        {path: text for path, text in left.items() if text != files[path]},
        sorted(files.keys() - left.keys()),
    )


def _without_resources(files: Mapping[str, str], headings: Collection[str]) -> dict[str, str]:
    """The files without the resources below the headings, and without their names in lists."""
    try:
        reduced = reduce_template(files, headings)
    except ValueError as error:
        raise RemovalError(f"{TEMPLATE}: {error}") from None
    left = {
        path: text
        for path, text in files.items()
        if path in reduced.files or not path.startswith("permissions/")
    }
    lists = {path: texts.without_items(left[path], reduced.absent) for path in _LISTS}
    return left | reduced.files | lists | {_ROWS: texts.without_rows(left[_ROWS], reduced.absent)}


def _mentions(files: Mapping[str, str], rules: FlowRules) -> Iterator[str]:
    """Each line that has a name of the flow, with its place."""
    for path, text in files.items():
        if not _is_history(path, rules):
            for number, line in enumerate(text.splitlines(), 1):
                if rules.pattern.search(line):
                    yield f"{path}:{number}: {line.strip()[:160]}"


def _is_history(path: str, rules: FlowRules) -> bool:
    return any(Path(path).full_match(pattern) for pattern in rules.history)
