"""docs/lambda.md: each capability has a place or a reason, and each number has a source."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest

from tests.support.documents import PROGRAMS
from tests.support.repository import ROOT

PAGE: Final = (ROOT / "docs" / "lambda.md").read_text()
LIMITS: Final[dict[str, Any]] = tomllib.loads((ROOT / "docs" / "lambda-limits.toml").read_text())
HEADER: Final = (
    "capability",
    "what it is",
    "where it works here, and how to try it",
    "use it when",
    "do not use it when",
)
REASON: Final = re.compile(r"Not here: \S.+[.!] Use: \S.+\.")
NUMBER: Final = re.compile(
    r"(?<![\w.@-])\d[\d,]*(?: (?:MB|GB|KB|s|minutes|hours|year|million)\b)?(?![\w-])"
)


class Row(NamedTuple):
    """A capability; `where` is without the command or word after "Try:", which is `attempt`."""

    name: str
    what: str
    where: str
    attempt: str
    when: str
    when_not: str


def rows(page: str) -> Iterator[Row]:
    """The rows of all tables of the page."""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| ") or tuple(cells) == HEADER:
            continue
        assert len(cells) == len(HEADER), f"not {len(HEADER)} cells: {line}"
        where, _, attempt = cells[2].partition(" Try: ")
        yield Row(cells[0], cells[1], where, attempt, cells[3], cells[4])


def fault(row: Row) -> str:
    """What is wrong with the place and the command of a row; empty if nothing is."""
    command = re.fullmatch(r"`([^`]+)`", row.attempt)
    if row.attempt != "account" and not (command and command[1].startswith(PROGRAMS)):
        return f"write one command or the word account after 'Try:', not {row.attempt!r}"
    if not row.where.startswith("`"):
        return "" if REASON.fullmatch(row.where) else "expected 'Not here: reason. Use: … .'"
    for place in re.sub(r"\[.*?\]\(.*?\)", "", row.where).rstrip(". ").split("; "):
        names = re.findall(r"`([^`]+)`", place)
        if not names:
            continue  # it was a link, which test_links.py resolves
        file, *symbols = names
        if not (ROOT / file).is_file():
            return f"there is no file {file}"
        if missing := [symbol for symbol in symbols if not defines(file, symbol)]:
            return f"{file} does not define {missing}"
    return ""


def defines(file: str, symbol: str) -> bool:
    """Whether a module defines the name at its top level, or another file has it as a key."""
    text = (ROOT / file).read_text()
    if file.endswith(".py"):
        return symbol in defined_in(ast.parse(text))
    name = re.escape(symbol)
    return bool(
        re.search(rf'(?<![\w.-])"?{name}"? *(?::|=|\?=)', text)
        or re.search(rf"^\[{name}\]$", text, re.MULTILINE)
    )


def defined_in(module: ast.Module) -> set[str]:
    """The functions, classes and variables of a module."""
    found: set[str] = set()
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def numbers(row: Row) -> list[str]:
    """The numbers that a row states about AWS, with their units."""
    text = " ".join((row.what, row.when, row.when_not))
    prose = re.sub(r"`[^`]*`", "", text).replace("2026-11-29", "")
    return NUMBER.findall(prose)


ROWS: Final = list(rows(PAGE))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_has_a_place_that_exists_or_a_reason(row: Row):
    assert all(row)
    assert fault(row) == ""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_number_has_a_source(row: Row):
    limits = [limit for limit in LIMITS["limit"] if limit["row"] == row.name]
    sourced = [figure for limit in limits for figure in limit["figures"]]
    assert Counter(numbers(row)) == Counter(sourced), "left: the row; right: the limits"


def test_capabilities_are_listed_once():
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []


def test_every_limit_belongs_to_a_row_and_names_where_it_was_read():
    names = {row.name for row in ROWS}
    for limit in LIMITS["limit"]:
        assert limit.keys() == {"row", "figures", "source", "seen"}
        assert limit["row"] in names
        assert limit["source"].startswith("https://")
        assert limit["seen"]


def test_page_has_the_date_of_the_limits():
    assert f"Limits were checked on {LIMITS['checked'].isoformat()}." in PAGE


def test_newer_features_have_a_dated_decision():
    newer = list(rows(PAGE.partition("\n## Newer features")[2]))
    assert newer
    for row in newer:
        assert not row.where.startswith("Not here") or re.search(
            r"Decided 20\d\d-\d\d-\d\d\.", row.where
        ), row.name


@pytest.mark.parametrize(
    ("where", "attempt", "expected"),
    [
        ("`template.yaml` `PhotoUploaded`.", "`make demo`", ""),
        ("`functions/thumbnailer/handler.py` `handler`.", "account", ""),
        ("Not here: too costly. Use: a queue.", "account", ""),
        ("`template.yaml` `PhotoDownloaded`.", "account", "does not define ['PhotoDownloaded']"),
        ("`functions/thumbnailer/handler.py` `found`.", "account", "does not define ['found']"),
        ("`functions/thumbnails.py`.", "account", "no file functions/thumbnails.py"),
        ("Not here.", "account", "expected 'Not here"),
        ("`template.yaml`.", "", "write one command"),
        ("`template.yaml`.", "`ls`", "write one command"),
    ],
)
def test_a_row_without_a_place_or_a_reason_is_found(where: str, attempt: str, expected: str):
    found = fault(Row("a", "b", where, attempt, "c", "d"))
    assert expected in found if expected else not found


def test_a_number_without_a_source_is_found():
    row = Row("a", "At most 1,769 MB, 3 s on `python3.13`, of S3.", "x", "y", "7 calls", "d")
    assert numbers(row) == ["1,769 MB", "3 s", "7"]
