"""The table of rules names tests that exist, and every page that it cites has an address."""

import re

from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "conformance-cloudfront.md").read_text()
UNIT = "\n".join(
    path.read_text() for path in (ROOT / "tests/unit/localcloud/cloudfront").glob("test_*.py")
)
OVER_LOOPBACK = "\n".join(
    path.read_text()
    for path in (ROOT / "tests/integration/localcloud/cloudfront").glob("test_*.py")
)
RULES = [line for line in PAGE.splitlines() if line.startswith("| ") and "`test_" in line]


def test_every_rule_names_tests_that_exist():
    assert len(RULES) > 50
    for prefix, name in re.findall(r"(over loopback )?`(test_\w+)`", PAGE):
        assert f"def {name}(" in (OVER_LOOPBACK if prefix else UNIT), name


def test_every_row_of_a_table_has_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    headings = [line for line in rows if line.startswith(("| rule |", "| decided |"))]
    assert len(rows) == len(RULES) + len(headings)


def test_every_rule_of_aws_has_a_page():
    addresses = re.findall(
        r"^\[([\w-]+)\]: https://docs\.aws\.amazon\.com/\S+$", PAGE, re.MULTILINE
    )
    assert set(re.findall(r"\[([\w-]+)\]\[\]", PAGE)) == set(addresses)
    of_aws = PAGE[: PAGE.index("## Where AWS is silent")]
    assert all("][]" in line for line in RULES if line in of_aws)
