"""Runbooks: the queries, alarms and texts that they name exist.

test_written_commands.py and test_links.py check their commands and links.
"""

import re
import tomllib
from functools import cache
from typing import Any

import pytest

from tests.architecture.test_alarms import RUNBOOKS, Alarms, level, statistic
from tests.architecture.test_template import Resources, of_type
from tests.support.repository import ROOT, load_template
from tools.intrinsics import Resolver
from tools.translate import translate

PAGES = {path.name: path.read_text() for path in sorted(RUNBOOKS.glob("*.md"))}
HEADINGS = ["What it means", "Look here", "Do this", "Redrive"]
RESOLVER = Resolver(load_template(), {})
SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
}
SAID_BY_SERVICES = {"AccessDenied", "ClientError", "RetryAttemptsExhausted"}
RUNBOOK_PAGES = pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return translate(load_template(), {"Stage": "prod"})


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> Resources:
    return dict(template["Resources"])


@pytest.fixture(scope="module")
def alarms(resources: Resources) -> Alarms:
    found = of_type(resources, "AWS::CloudWatch::Alarm")
    return {name: body["Properties"] for name, body in found.items()}


def code(text: str) -> list[str]:
    """The text in backticks, and each command after a prompt."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    prompted = [line[2:] for block in blocks for line in block.splitlines() if line[:2] == "$ "]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [*prompted, *re.findall(r"`([^`]+)`", prose)]


@cache
def deployed_source() -> str:
    return "\n".join(
        path.read_text()
        for folder in ("functions", "layers")
        for path in (ROOT / folder).rglob("*.py")
    )


@RUNBOOK_PAGES
def test_runbooks_have_the_same_four_headings(page: str):
    assert re.findall(r"^## (.+)$", PAGES[page], re.MULTILINE) == HEADINGS


@RUNBOOK_PAGES
def test_a_runbook_begins_with_the_alarms_that_name_it(page: str, alarms: Alarms):
    before = PAGES[page].partition("## What it means")[0]
    named = {
        name
        for name, alarm in alarms.items()
        if alarm["AlarmDescription"].endswith(f"docs/runbooks/{page}")
    }
    written = {word for word in code(before) if word[0].isupper()} - {"MonthlyBudget"}
    assert written == (named or {"BudgetAlarm"}), (
        f"docs/runbooks/{page} names other alarms at its beginning (left) than those that name it"
        f" in the template (right): correct its line 'Alarms: ...'."
    )


@RUNBOOK_PAGES
def test_everything_that_is_named_exists(page: str, template: dict[str, Any]):
    """Alarms, parameters, outputs, metrics, and what the mapping of stages sets."""
    stages = template["Mappings"]["Stage"].values()
    metrics = tomllib.loads((ROOT / "tests" / "data" / "aws_metrics.toml").read_text()).values()
    parts = (template["Resources"], template["Parameters"], template["Outputs"])
    known = SAID_BY_SERVICES.union(*parts, *stages, *metrics)
    for word in code(PAGES[page]):
        if re.fullmatch(r"(?:[A-Z][a-z0-9]+){2,}", word) and word not in known:
            assert re.search(rf"\b{word}\b", deployed_source()), word
    outputs = re.findall(r"<([A-Z]\w+)>", PAGES[page])
    assert set(outputs) <= template["Outputs"].keys()


@RUNBOOK_PAGES
def test_logical_ids_are_of_the_template(page: str, resources: Resources):
    found = re.findall(r"--logical-resource-id (\w+)", PAGES[page])
    assert set(found) <= resources.keys()


@RUNBOOK_PAGES
def test_saved_queries_and_quoted_texts_exist(page: str, resources: Resources):
    queries = {
        query["Properties"]["Name"]["Fn::Sub"].partition("/")[2]
        for query in of_type(resources, "AWS::Logs::QueryDefinition").values()
    }
    emphasised = set(re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", PAGES[page]))
    assert emphasised <= queries
    if re.search(r"[Ss]aved query", PAGES[page]):
        assert emphasised
    prose = re.sub(r"```.*?```|`[^`]*`", "", PAGES[page], flags=re.DOTALL)
    source = deployed_source() + (ROOT / "ops" / "report.py").read_text()
    for words in re.findall(r"\"([^\"]+)\"", prose):
        assert " ".join(words.removesuffix(" …").split()) in source, words


def rows(alarms: Alarms, budget: dict[str, Any]) -> list[str]:
    """The index of alarms as the template has them, pages first."""
    found = []
    for name, alarm in alarms.items():
        page = alarm["AlarmDescription"].rpartition("/")[2]
        minutes = alarm["Period"] * alarm["EvaluationPeriods"] // 60
        sign = SIGNS[alarm["ComparisonOperator"]]
        threshold = RESOLVER.value(alarm["Threshold"])
        rule = f"{statistic(alarm)} of `{alarm['MetricName']}` {sign} {threshold:,}"
        found.append((level(alarm), name, f"{rule} for {minutes} min", page))
    for each in budget["NotificationsWithSubscribers"]:
        topic = each["Subscribers"][0]["Address"]["Ref"]
        kind = each["Notification"]["NotificationType"].lower()
        rule = f"{kind} cost > {each['Notification']['Threshold']} % of `MonthlyBudget`"
        found.append((topic.removesuffix("Topic"), "BudgetAlarm", rule, "budget.md"))
    return [
        f"| `{name}` | {level} | {rule} | [{page.removesuffix('.md')}]({page}) |"
        for level, name, rule, page in sorted(found)
    ]


def test_the_index_is_what_the_template_says(alarms: Alarms, resources: Resources):
    expected = rows(alarms, resources["BudgetAlarm"]["Properties"])
    written = [line for line in PAGES["README.md"].splitlines() if line.startswith("| `")]
    wanted = "\n".join(expected)
    assert written == expected, (
        f"The table in docs/runbooks/README.md is not that of the template. Its rows must be:"
        f"\n{wanted}"
    )
