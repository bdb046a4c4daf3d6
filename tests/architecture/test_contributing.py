"""CONTRIBUTING.md names tests that exist: they lead through the steps of a change."""

import re
from collections.abc import Iterator
from typing import Final

from tests.support.repository import ROOT

_TEXT: Final = (ROOT / "CONTRIBUTING.md").read_text()
_NAME: Final = re.compile(r"`(test_\w+(?:\.py)?)`")


def defined() -> Iterator[str]:
    """The files and functions of all tests."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        yield path.name
        yield from re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)


def test_named_tests_exist():
    named = set(_NAME.findall(_TEXT))
    assert len(named) > 10
    missing = named - set(defined())
    assert not missing, f"CONTRIBUTING.md names tests that do not exist: {sorted(missing)}."
