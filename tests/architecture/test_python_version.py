"""One version of Python everywhere, and a year's notice before AWS ends its support."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import cfnlint
import pytest

from tests.support.documents import tracked_files
from tests.support.repository import ROOT

VERSION: Final = (ROOT / ".python-version").read_text().strip()
PAGE: Final = "docs/python-version.md"
NOTICE: Final = timedelta(days=365)
LIFECYCLE: Final = "data/AdditionalSpecs/LmbdRuntimeLifecycle.json"
# Files that name other versions on purpose: history, the next version, and applications of tests.
NAME_OTHERS: Final = re.compile(
    r"CHANGELOG\.md|docs/decisions\.md|docs/python-version\.md|docs/.*\.svg|requirements/.*\.txt"
    r"|layers/.*/requirements\.txt|(bench|tests)/.*|localcloud/ministack/resource_types\.py"
)
NAMES: Final = re.compile(
    r"""(?:python|Python\ |install\ |--python-version\ |python_version\ =\ "|"==)3\.(\d+)\b
    | "py3(\d+)"
    | version_info\[:2\]\ !=\ \(3,\ (\d+)\)""",
    re.VERBOSE,
)
# Where a version is not only mentioned.
DECIDE: Final = {
    ".ci/run",
    "Makefile",
    "layers/build/layer.mk",
    "pyproject.toml",
    "template.yaml",
    "tools/extract/parts/pyproject.toml",
}


def versions(text: str) -> Iterator[tuple[int, str]]:
    """The versions of Python that a file names, with their lines."""
    for found in NAMES.finditer(text):
        minor = next(group for group in found.groups() if group)
        yield text.count("\n", 0, found.start()) + 1, f"3.{minor}"


def named() -> dict[str, list[tuple[int, str]]]:
    """The versions in all files that must agree with `.python-version`."""
    files = [name for name in tracked_files() if not NAME_OTHERS.fullmatch(name)]
    found = {name: list(versions((ROOT / name).read_text(errors="ignore"))) for name in files}
    return {name: places for name, places in found.items() if places}


def ends_of_support() -> dict[str, tuple[str, ...]]:
    """The rows of the page's table, by runtime."""
    rows = re.findall(r"^\| `(python3\.\d+)` \| (\S+) \| (\S+) \| (\S+) \|$", text(), re.MULTILINE)
    return {runtime: tuple(dates) for runtime, *dates in rows}


def text() -> str:
    return (ROOT / PAGE).read_text()


def notice(today: date) -> str:
    """What to do if the support of the runtime ends within a year; empty if it does not."""
    end = date.fromisoformat(ends_of_support()[f"python{VERSION}"][0])
    if today < end - NOTICE:
        return ""
    return f"AWS ends the support of python{VERSION} on {end}. Check the date, and follow {PAGE}."


def test_every_place_names_the_version_of_python_version():
    wrong = [
        f"{name}:{line}: {version}"
        for name, places in named().items()
        for line, version in places
        if version != VERSION
    ]
    assert wrong == [], f".python-version says {VERSION}"


def test_places_that_decide_are_read():
    assert named().keys() >= DECIDE


def test_workflows_read_the_file():
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        set_ups = workflow.read_text().split("actions/setup-python@")[1:]
        assert all("python-version-file: .python-version" in each for each in set_ups), workflow


def test_support_of_the_runtime_does_not_end_within_a_year():
    assert notice(datetime.now(UTC).date()) == ""


@pytest.mark.parametrize(("before", "expected"), [(366, False), (365, True), (-1, True)])
def test_notice_comes_a_year_before_the_end(before: int, expected: bool):
    end = date.fromisoformat(ends_of_support()[f"python{VERSION}"][0])
    assert bool(notice(end - timedelta(days=before))) is expected


def test_dates_are_those_that_cfn_lint_has_from_aws():
    package = Path(cfnlint.__file__).parent
    lifecycle: dict[str, Any] = json.loads((package / LIFECYCLE).read_text())
    keys = ("deprecated", "create-block", "update-block")
    known = {each: tuple(lifecycle[each][key] for key in keys) for each in ends_of_support()}
    assert ends_of_support() == known, f"AWS has moved a date: write it and its day into {PAGE}"
    newest = max((each for each in lifecycle if each.startswith("python3.")), key=minor_of)
    assert newest in ends_of_support(), f"{newest} exists: add its row to {PAGE}"


def minor_of(runtime: str) -> int:
    return int(runtime.rpartition(".")[2])


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("    Runtime: python3.12", "3.12"),
        ('requires-python = "==3.12.*"', "3.12"),
        ('target-version = "py312"', "3.12"),
        ('python_version = "3.12"', "3.12"),
        ("pip compile --python-version 3.12", "3.12"),
        ("sys.exit(sys.version_info[:2] != (3, 12))", "3.12"),
        ("You need Python 3.12.", "3.12"),
        ("uv python install 3.12", "3.12"),
    ],
)
def test_another_version_is_found(line: str, version: str):
    assert version in dict(versions(line)).values()
