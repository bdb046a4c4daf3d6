"""The table of rules names tests that exist, and every page that it cites has an address."""

import json
import re

from localcloud.event_sources.engine import exponential_backoff
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "conformance.md").read_text()
UNIT = "\n".join(
    path.read_text()
    for folder in ("tests/unit/localcloud/event_sources", "tests/simulation")
    for path in (ROOT / folder).glob("test_*.py")
)
E2E = (ROOT / "tests" / "e2e" / "test_event_sources.py").read_text()
RULES = [line for line in PAGE.splitlines() if line.startswith("| ") and "`test_" in line]


def test_every_rule_names_tests_that_exist():
    assert len(RULES) > 50
    for line in RULES:
        for prefix, name in re.findall(r"(e2e )?`(test_\w+)`", line):
            assert f"def {name}(" in (E2E if prefix else UNIT), name


def test_every_row_of_a_table_has_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    headings = [line for line in rows if line.startswith(("| rule |", "| decided |"))]
    assert len(rows) == len(RULES) + len(headings)


def test_every_rule_of_aws_has_a_page():
    addresses = dict(
        re.findall(r"^\[([\w-]+)\]: (https://docs\.aws\.amazon\.com/\S+)$", PAGE, re.MULTILINE)
    )
    cited = set(re.findall(r"\[([\w-]+)\]\[\]", PAGE))
    assert cited == set(addresses)
    in_order = PAGE[: PAGE.index("## Where AWS is silent")]
    for line in in_order.splitlines():
        if line in RULES:
            assert "][]" in line or "recorded 20" in line, line


def test_recordings_that_a_rule_names_exist():
    recorded = {
        (each["name"], each["recorded"])
        for file in (ROOT / "tests" / "data" / "recordings").glob("*.json")
        for each in json.loads(file.read_text())["cases"]
    }
    named = 0
    for line in RULES:
        dates = re.findall(r"\d{4}-\d\d-\d\d", line.partition("recorded ")[2])
        for name in re.findall(r"(?<!\*)\*([^*]+)\*", line):
            assert {(name, date) for date in dates} & recorded, line
            named += 1
    assert named > 20


def test_pause_after_failures_doubles_up_to_five_seconds():
    pauses = [exponential_backoff(failed_tries) for failed_tries in (1, 2, 3, 6, 7, 10_000)]
    assert pauses == [0.1, 0.2, 0.4, 3.2, 5, 5]
