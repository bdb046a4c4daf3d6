"""The tables of rules name tests that exist, and every page that they cite has an address."""

import json
import re

import pytest

from localcloud.event_sources.engine import exponential_backoff
from tests.support.repository import ROOT

PAGES = ("conformance.md", "conformance-queues.md")
UNIT = (
    "tests/unit/localcloud/event_sources",
    "tests/unit/localcloud/execution",
    "tests/simulation",
)
FOLDERS = {
    "": UNIT,
    "integration ": ("tests/integration/localcloud/ministack",),
    "e2e ": ("tests/e2e",),
    "application ": ("tests/applications",),
    "example ": ("tests/examples",),
}
TESTS = {
    prefix: "\n".join(
        path.read_text() for folder in folders for path in (ROOT / folder).glob("test_*.py")
    )
    for prefix, folders in FOLDERS.items()
}
on_each_page = pytest.mark.parametrize("name", PAGES)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def rules(name: str) -> list[str]:
    return [line for line in page(name).splitlines() if line.startswith("| ") and "`test_" in line]


@on_each_page
def test_every_rule_names_tests_that_exist(name: str):
    assert len(rules(name)) > 20
    for line in rules(name):
        for prefix, test in re.findall(rf"({'|'.join(filter(None, FOLDERS))})?`(test_\w+)`", line):
            assert f"def {test}(" in TESTS[prefix], test


@on_each_page
def test_every_row_of_a_table_has_a_test(name: str):
    rows = [line for line in page(name).splitlines() if line.startswith("| ")]
    headings = [line for line in rows if line.startswith(("| rule |", "| decided |"))]
    assert len(rows) == len(rules(name)) + len(headings)


@on_each_page
def test_every_rule_of_aws_has_a_page_or_a_recording(name: str):
    text = page(name)
    addresses = dict(
        re.findall(r"^\[([\w-]+)\]: (https://docs\.aws\.amazon\.com/\S+)$", text, re.MULTILINE)
    )
    assert set(re.findall(r"\[([\w-]+)\]\[\]", text)) == set(addresses)
    in_order = text[: text.index("## Where AWS is silent")].splitlines()
    for line in set(in_order) & set(rules(name)):
        assert "][]" in line or "recorded 20" in line, line


@on_each_page
def test_recordings_that_a_rule_names_exist(name: str):
    recorded = {
        (case["name"], case["recorded"])
        for file in (ROOT / "tests" / "data" / "recordings").glob("*.json")
        for case in json.loads(file.read_text())["cases"]
    }
    named = 0
    for line in rules(name):
        dates = re.findall(r"\d{4}-\d\d-\d\d", line.partition("recorded ")[2])
        for case in re.findall(r"(?<!\*)\*([^*]+)\*", line):
            assert {(case, date) for date in dates} & recorded, line
            named += 1
    assert named > 10


def test_pause_after_failures_doubles_up_to_five_seconds():
    pauses = [exponential_backoff(failed_tries) for failed_tries in (1, 2, 3, 6, 7, 10_000)]
    assert pauses == [0.1, 0.2, 0.4, 3.2, 5, 5]
