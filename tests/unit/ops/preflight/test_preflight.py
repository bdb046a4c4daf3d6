"""The checks without an account: parameters, steps of the views stream, the plan."""

import itertools
import math

import pytest

from ops.cost.__main__ import answer
from ops.cost.figures import load_figures
from ops.cost.prices import load_prices
from ops.cost.scenario import load_scenario
from ops.deployed_stack import StackDescription
from ops.preflight import machine
from ops.preflight.findings import CheckResult, Finding
from ops.preflight.parameters import check_parameters, check_template
from ops.preflight.plan import created, idle_cost
from ops.preflight.stream import resharding_steps
from ops.preflight.table import verdict
from ops.preflight.target import DeploymentTarget
from ops.stacks import Stage
from tests.support.repository import load_template

DEV = Stage("dev", "gallery", None, None, {})


def target(region: str = "us-east-1", **parameters: str) -> DeploymentTarget:
    return DeploymentTarget(DEV, "gallery", region, parameters)


@pytest.mark.parametrize(
    ("current", "wanted", "steps"),
    [
        (1, 1, []),
        (1, 2, [2]),
        (1, 8, [2, 4, 8]),
        (3, 7, [6, 7]),
        (2, 1, [1]),
        (5, 2, [3, 2]),
        (4, 1, [2, 1]),
        (100, 10, [50, 25, 13, 10]),
    ],
)
def test_shards_are_at_most_doubled_or_halved(current: int, wanted: int, steps: list[int]):
    assert resharding_steps(current, wanted) == steps


def test_every_step_is_one_that_kinesis_allows():
    for current, wanted in itertools.product(range(1, 40), repeat=2):
        steps = [current, *resharding_steps(current, wanted)]
        assert steps[-1] == wanted
        for before, after in itertools.pairwise(steps):
            assert math.ceil(before / 2) <= after <= 2 * before


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("Architecture", "riscv", "expected one of arm64, x86_64"),
        ("ViewsShardCount", "two", "expected a whole number"),
        ("ViewsShardCount", "-1", "expected 0 or more"),
        ("CertificateArn", "arn:aws:acm:eu-west-1:123456789012:certificate/1", "matches"),
        ("ReportSchedule", "every night", "such as cron(0 3 * * ? *)"),
        ("ReportSchedule", "cron(0 3 * * ?)", "such as cron(0 3 * * ? *)"),
        ("Nothing", "1", "no parameter Nothing"),
        ("ApiProvisionedConcurrency", "50", "ApiProvisionedConcurrencyMaximum=50"),
        ("DomainName", "photos.example.com", "needs CertificateArn"),
    ],
)
def test_parameter_that_the_deployment_would_refuse_is_refused(name: str, value: str, text: str):
    findings = list(check_parameters(target(**{name: value})))
    assert [
        each for each in findings if each.result is CheckResult.BLOCKED and text in each.sentence
    ]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"RushHourBegins": "cron(0 8 * * ? *)"}, "no effect without each other"),
        ({"ReportTimeZone": "Europe/Atlantis"}, "an unknown time zone"),
        ({"Page": "none", "WebAclArn": "arn"}, "Without the page WebAclArn has no effect"),
    ],
)
def test_parameter_without_effect_is_a_warning(parameters: dict[str, str], text: str):
    [found] = check_parameters(target(**parameters))
    assert found.result is CheckResult.WARNING
    assert text in found.sentence


@pytest.mark.parametrize(
    ("status", "before", "after", "is_refused"),
    [
        ("UPDATE_COMPLETE", {"ViewsApi": "rest"}, {"ViewsApi": "function-url"}, True),
        ("UPDATE_COMPLETE", {}, {"ViewsApi": "function-url"}, True),
        ("UPDATE_COMPLETE", {"ViewsApi": "rest"}, {"ViewsApi": "function-url-prepared"}, False),
        (
            "UPDATE_COMPLETE",
            {"ViewsApi": "function-url-prepared"},
            {"ViewsApi": "function-url"},
            False,
        ),
        ("UPDATE_COMPLETE", {"ViewsApi": "function-url"}, {"ViewsApi": "function-url"}, False),
        ("UPDATE_COMPLETE", {"ViewsApi": "function-url"}, {"ViewsApi": "rest"}, False),
        (
            "UPDATE_COMPLETE",
            {"Page": "none"},
            {"Page": "cloudfront", "ViewsApi": "function-url"},
            False,
        ),
        ("REVIEW_IN_PROGRESS", {"ViewsApi": "rest"}, {"ViewsApi": "function-url"}, False),
    ],
)
def test_views_of_a_deployed_page_move_to_the_function_url_in_two_steps(
    status: str, before: dict[str, str], after: dict[str, str], *, is_refused: bool
):
    deployed = StackDescription("arn", "gallery", status, before)
    findings = check_parameters(DeploymentTarget(DEV, "gallery", "us-east-1", after, deployed))
    refusals = [
        each
        for each in findings
        if each.result is CheckResult.BLOCKED
        and "Deploy ViewsApi=function-url-prepared first" in each.sentence
    ]
    assert bool(refusals) == is_refused


def test_new_stack_may_begin_with_the_function_url():
    [found] = check_parameters(target(ViewsApi="function-url"))
    assert found.result is CheckResult.READY


@pytest.mark.parametrize(
    "schedule", ["rate(1 day)", "at(2026-12-01T03:00:00)", "cron(0 3 ? * 2 *)"]
)
def test_schedules_of_every_form_are_accepted(schedule: str):
    [found] = check_parameters(target(ReportSchedule=schedule))
    assert found.result is CheckResult.READY
    assert f"ReportSchedule={schedule}" in found.sentence


def test_plan_counts_what_the_conditions_leave():
    with_page, without = created(target()), created(target(Page="none"))
    types = [resource["Type"] for resource in load_template()["Resources"].values()]
    functions = types.count("AWS::Serverless::Function")
    assert "1 distribution" in with_page["CloudFront"]
    assert f"{functions} functions" in with_page["Lambda"]
    assert "CloudFront" not in without
    assert f"{functions - 1} functions" in without["Lambda"]
    assert "CloudFront" not in created(target("eu-central-1"))


def test_template_that_the_transform_refuses_is_reported_without_a_traceback():
    broken = target()
    broken.template["Resources"]["ThumbnailerFunction"]["Properties"]["Events"]["PhotoUploaded"][
        "Type"
    ] = "Carrier pigeon"
    [found] = check_template(broken)
    assert found.result is CheckResult.BLOCKED
    assert "ThumbnailerFunction" in found.sentence


def test_idle_cost_is_that_of_make_cost():
    bill = answer(load_scenario("million"), load_figures({}), load_prices(), stage="dev")
    assert idle_cost(target()).startswith(f"${bill.idle['dev'].usd:,.2f} per month")
    assert idle_cost(target("eu-central-1")) == idle_cost(target(Page="none"))


def test_python_without_pip_or_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch):
    [found] = machine.check_python("python3.13")
    assert found.result is CheckResult.READY
    monkeypatch.setattr(machine, "_VERSION", "raise ImportError('pip')")
    [found] = machine.check_python("python3.13")
    assert "no pip" in found.sentence
    monkeypatch.setattr(machine, "_VERSION", "print('3.12.1')")
    [found] = machine.check_python("python3.13")
    assert "Python 3.12.1" in found.sentence
    monkeypatch.setenv("PATH", "/nowhere")
    [found] = machine.check_python("python3.13")
    assert "not on PATH" in found.sentence


def test_verdict_counts_what_prevents_and_what_warns():
    ready, warning, blocked = (Finding("a", result, "b") for result in CheckResult)
    assert verdict([ready], offline=False).plain == "✓ Nothing prevents a deployment."
    sentence = verdict([warning, warning], offline=False).plain
    assert sentence == "✓ Nothing prevents a deployment. 2 warnings."
    assert verdict([blocked, warning], offline=False).plain == "✗ One check prevents a deployment."
    assert "without an account" in verdict([ready], offline=True).plain
