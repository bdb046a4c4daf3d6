"""The table of rules names tests that exist, and every page that it cites has an address."""

import re

from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "conformance-execution.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "| rule |" not in line]


TESTS = (
    "\n".join(
        path.read_text()
        for layer in ("unit", "integration")
        for package in ("execution", "ministack")
        for path in (ROOT / "tests" / layer / "localcloud" / package).glob("test_*.py")
    )
    + (ROOT / "tests" / "e2e" / "test_executions.py").read_text()
)


def test_every_rule_names_tests_that_exist_and_a_page():
    assert len(ROWS) > 25
    for row in ROWS:
        _, pages, tests = row.strip("| ").split(" | ")
        names = re.findall(r"`(test_\w+)`", tests)
        assert "][]" in pages, row
        assert names, row
        assert [name for name in names if f"def {name}(" not in TESTS] == []


def test_every_page_has_an_address():
    addresses = re.findall(
        r"^\[([\w-]+)\]: https://docs\.aws\.amazon\.com/\S+$", PAGE, re.MULTILINE
    )
    assert set(re.findall(r"\[([\w-]+)\]\[\]", PAGE)) == set(addresses)
