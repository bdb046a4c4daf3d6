"""Runbooks: their commands, queries, alarms and links exist."""

import contextlib
import importlib
import io
import json
import re
import shlex
import tomllib
from functools import cache
from typing import Any

import botocore.session
import pytest

from tests.architecture.test_alarms import RUNBOOKS, Alarms, level, statistic
from tests.architecture.test_template import Resources, of_type
from tests.support.repository import ROOT, load_template
from tools.translate import translate

PAGES = {path.name: path.read_text() for path in sorted(RUNBOOKS.glob("*.md"))}
HEADINGS = ["What it means", "Look here", "Do this", "Redrive"]
SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
}
SAID_BY_SERVICES = {"AccessDenied", "ClientError", "RetryAttemptsExhausted"}
CLI_NAMES = {"deploy": "codedeploy", "s3api": "s3"}  # where the AWS CLI calls a service otherwise
GLOBAL_OPTIONS = {"region"}
SESSION = botocore.session.Session()
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
    """What stands in backticks, and each command after a prompt."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    prompted = [line[2:] for block in blocks for line in block.splitlines() if line[:2] == "$ "]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [*prompted, *re.findall(r"`([^`]+)`", prose)]


def commands(text: str, program: str) -> list[str]:
    return [each for each in code(text) if each.startswith(f"{program} ")]


@cache
def deployed_source() -> str:
    return "\n".join(
        path.read_text()
        for folder in ("functions", "layers")
        for path in (ROOT / folder).rglob("*.py")
    )


@cache
def operation(service: str, command: str) -> tuple[dict[str, str], set[str]]:
    """Its options with their types, as the AWS CLI names them, and those that must be given."""
    model = SESSION.get_service_model(CLI_NAMES.get(service, service))
    names = {option_name(name): name for name in model.operation_names}
    shape = model.operation_model(names[command]).input_shape
    options = {option_name(name): member.type_name for name, member in shape.members.items()}
    return options, {option_name(name) for name in shape.required_members}


def option_name(name: str) -> str:
    return botocore.xform_name(name, "-")


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
def test_make_targets_and_their_options_exist(page: str, template: dict[str, Any]):
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for command in commands(PAGES[page], "make"):
        _, target, *settings = shlex.split(command)
        assert target in targets, command
        recipe = makefile.partition(f"\n{target}:")[2].partition("\n\n")[0]
        for setting in settings:
            name, _, value = setting.partition("=")
            assert f"$({name})" in recipe, command
            if name == "ARGS":
                assert_options_exist(target, shlex.split(value), template["Parameters"])


@cache
def command_help(target: str) -> str:
    """What the command of a make target prints with --help."""
    name = f"ops.{target.replace('-', '_')}"
    if (ROOT / "ops" / target).is_dir():
        name += ".__main__"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        importlib.import_module(name).main(["--help"])
    return printed.getvalue()


def assert_options_exist(target: str, arguments: list[str], parameters: dict[str, Any]) -> None:
    for option, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if option.startswith("--"):
            assert re.search(rf"{option}\b", command_help(target)), (target, option)
        if option == "--parameter":
            assert value.partition("=")[0] in parameters, value


@RUNBOOK_PAGES
def test_aws_commands_exist_in_the_cli(page: str):
    """By the models that the CLI makes its commands from; values are not looked at."""
    for text in commands(PAGES[page], "aws"):
        _, service, command, *arguments = shlex.split(text)
        options, required = operation(service, command)
        given = {each.removeprefix("--") for each in arguments if each.startswith("--")}
        # A switch that turns a boolean off is named after the one that turns it on.
        named = {each if each in options else each.removeprefix("no-") for each in given}
        assert named <= options.keys() | GLOBAL_OPTIONS, text
        if arguments:  # otherwise the sentence only names the command
            assert required <= named, text


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
    said = deployed_source() + (ROOT / "ops" / "report.py").read_text()
    for words in re.findall(r"\"([^\"]+)\"", prose):
        assert " ".join(words.removesuffix(" …").split()) in said, words


def test_files_and_pages_that_runbooks_link_to_exist():
    for page, text in PAGES.items():
        for link in re.findall(r"\]\((?!https:)([^)]+)\)", text):
            assert (RUNBOOKS / link).is_file(), (page, link)
        for path in code(text):
            if re.fullmatch(r"(docs|functions|layers|ops|permissions|tests)/[\w/.]+", path):
                assert (ROOT / path).exists(), (page, path)


def rows(alarms: Alarms, budget: dict[str, Any]) -> list[str]:
    """The index of alarms as the template has them, pages first."""
    found = []
    for name, alarm in alarms.items():
        page = alarm["AlarmDescription"].rpartition("/")[2]
        minutes = alarm["Period"] * alarm["EvaluationPeriods"] // 60
        sign = SIGNS[alarm["ComparisonOperator"]]
        rule = f"{statistic(alarm)} of `{alarm['MetricName']}` {sign} {alarm['Threshold']:,}"
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


def test_json_in_commands_is_json():
    """Otherwise an operator would find a quoting mistake during an incident."""
    for text in PAGES.values():
        for command in commands(text, "aws"):
            for argument in shlex.split(command):
                if argument.startswith("{"):
                    json.loads(argument)
