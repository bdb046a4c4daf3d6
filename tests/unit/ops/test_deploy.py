"""Decisions before sam runs: parameters, quota, access logs."""

import json
from typing import Any

import pytest
from samcli.cli.types import CfnParameterOverridesType
from samcli.commands.deploy.deploy_context import DeployContext

from ops.concurrency import (
    ProvisionedConcurrency,
    changes_alias,
    check_quota,
    free_concurrency,
    wanted_concurrency,
)
from ops.deploy import merged_parameters
from ops.deployed_stack import StackDescription
from ops.sam import parameter_overrides
from ops.stacks import Account, OperationError, Stage, parse_parameters, read_stage
from tools.translate import load_template

TEMPLATE = load_template()
KNOWN = TEMPLATE["Parameters"]
DEV = Stage("dev", "gallery", None, None, {})
PROD = Stage("prod", "gallery", None, None, {"Stage": "prod"})


def deployed(status: str = "UPDATE_COMPLETE", **parameters: str) -> StackDescription:
    outputs = {"GalleryApiFunctionName": "api"}
    return StackDescription("arn", "gallery", status, parameters, outputs)


class Lambda:
    """An account with this concurrency quota; `provisioned` belongs to the stack's API."""

    def __init__(self, limit: int, unreserved: int, provisioned: int = 0) -> None:
        self._limit = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}
        self._provisioned = provisioned

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": self._limit}

    def list_provisioned_concurrency_configs(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "api"
        configs = [{"RequestedProvisionedConcurrentExecutions": self._provisioned}]
        return {"ProvisionedConcurrencyConfigs": configs if self._provisioned else []}

    def client(self, service: str, **_: Any) -> "Lambda":
        assert service == "lambda"
        return self


def account(limit: int, unreserved: int, provisioned: int = 0) -> Account:
    return Account(Lambda(limit, unreserved, provisioned), "123456789012", "eu-west-1")


def test_dev_and_prod_are_two_stacks():
    dev, prod = read_stage("dev"), read_stage("prod")
    assert (dev.stack, prod.stack) == ("lambda-gallery-dev", "lambda-gallery")
    assert dev.parameters.get("Stage", "dev") == "dev"
    assert prod.parameters["Stage"] == "prod"


def test_given_parameters_take_precedence_over_samconfig_and_samconfig_over_the_stack():
    stage = Stage("prod", "gallery", None, None, {"Stage": "prod", "DomainName": "a.example"})
    on_arm = Stage("prod", "gallery", None, None, {"Architecture": "arm64"})
    stack = deployed(Architecture="x86_64", ViewsShardCount="7")
    merged = merged_parameters(stage, stack, {"DomainName": "b.example"}, KNOWN)
    assert merged == {
        "Architecture": "x86_64",
        "Stage": "prod",
        "DomainName": "b.example",
        "Release": "by-stage",
    }
    arm = merged_parameters(stage, stack, {"Architecture": "arm64"}, KNOWN)
    assert (arm["Architecture"], arm["DomainName"]) == ("arm64", "a.example")
    assert merged_parameters(on_arm, stack, {}, KNOWN)["Architecture"] == "arm64"


def test_stage_is_always_passed_because_sam_ignores_samconfig_parameters_with_overrides():
    assert merged_parameters(PROD, None, {"WebAclArn": ""}, KNOWN)["Stage"] == "prod"
    assert merged_parameters(DEV, None, {}, KNOWN)["Stage"] == "dev"


def test_unknown_parameter_is_refused_which_sam_would_ignore():
    with pytest.raises(OperationError, match=r"ApiConcurrency; it has .*ApiProvisioned"):
        merged_parameters(DEV, None, {"ApiConcurrency": "1"}, KNOWN)


def test_unknown_value_is_refused_before_anything_is_built():
    with pytest.raises(OperationError, match="Release is 'now': expected one of by-stage, at-once"):
        merged_parameters(DEV, None, {"Release": "now"}, KNOWN)


def test_release_of_one_deployment_is_not_kept_for_the_next():
    stack = deployed(Release="at-once")
    assert merged_parameters(PROD, stack, {}, KNOWN)["Release"] == "by-stage"
    assert merged_parameters(PROD, stack, {"Release": "at-once"}, KNOWN)["Release"] == "at-once"


def test_sam_keeps_the_value_of_each_parameter_that_is_not_passed():
    passed = merged_parameters(PROD, deployed(AlarmEmail="a@example.org"), {}, KNOWN)
    sent = DeployContext.merge_parameters(TEMPLATE, passed)
    assert {"ParameterKey": "AlarmEmail", "UsePreviousValue": True} in sent
    assert {each["ParameterKey"] for each in sent if "ParameterValue" in each} == passed.keys()


def test_stage_is_not_given_twice():
    with pytest.raises(OperationError, match="--stage"):
        merged_parameters(DEV, None, {"Stage": "prod"}, KNOWN)


@pytest.mark.parametrize("written", ["Name", "=1", "ParameterKey=A,ParameterValue=1", "a b=1"])
def test_parameter_of_another_form_is_refused(written: str):
    with pytest.raises(OperationError, match="Name=Value"):
        parse_parameters([written])


def test_values_of_parameters_may_have_blanks_and_equals_signs():
    assert parse_parameters(["A=cron(0 3 * * ? *)", "B=x=y", "C="]) == {
        "A": "cron(0 3 * * ? *)",
        "B": "x=y",
        "C": "",
    }


def test_concurrency_is_the_given_the_deployed_or_the_stages_own():
    name, own = "ApiProvisionedConcurrency", TEMPLATE["Mappings"]["Stage"]["prod"]
    most = own[f"{name}Maximum"]
    assert wanted_concurrency(TEMPLATE, {"Stage": "dev"}, None) == ProvisionedConcurrency(0, 0)
    assert wanted_concurrency(TEMPLATE, {"Stage": "prod"}, None) == ProvisionedConcurrency(
        own[name], most
    )
    stack = deployed(ApiProvisionedConcurrency="5")
    assert wanted_concurrency(TEMPLATE, {"Stage": "prod"}, stack) == ProvisionedConcurrency(5, most)
    assert wanted_concurrency(
        TEMPLATE, {"Stage": "prod", name: "0"}, stack
    ) == ProvisionedConcurrency(0, 0)
    own_again = wanted_concurrency(TEMPLATE, {"Stage": "prod", name: "-1"}, stack)
    assert own_again == ProvisionedConcurrency(own[name], most)
    more = {"Stage": "prod", f"{name}Maximum": "50"}
    assert wanted_concurrency(TEMPLATE, more, stack) == ProvisionedConcurrency(5, 50)
    with pytest.raises(OperationError, match="'many'"):
        wanted_concurrency(TEMPLATE, {"Stage": "prod", name: "many"}, stack)


def test_minimum_above_maximum_concurrency_is_refused_with_both_names():
    with pytest.raises(
        OperationError, match=r"Concurrency is 500 and .*Maximum is 10.*Maximum=500"
    ):
        wanted_concurrency(TEMPLATE, {"Stage": "prod", "ApiProvisionedConcurrency": "500"}, None)


class CloudFormation:
    """An account whose stack was deployed from this template."""

    def client(self, service: str, **_: Any) -> "CloudFormation":
        assert service == "cloudformation"
        return self

    def get_template(self, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803
        assert (StackName, TemplateStage) == ("arn", "Original")
        return {"TemplateBody": json.dumps(TEMPLATE)}


@pytest.mark.parametrize(
    ("least", "parameters", "changes"),
    [
        (2, {"Stage": "prod"}, False),
        (3, {"Stage": "prod"}, True),
        (0, {"Stage": "prod"}, True),
        (2, {"Stage": "dev"}, True),
        (0, {}, False),
        (7, {"Stage": "dev", "ApiProvisionedConcurrency": "7"}, False),
    ],
)
def test_release_that_changes_provisioned_concurrency_has_no_canary(
    least: int, parameters: dict[str, str], changes: bool
):
    on_aws = Account(CloudFormation(), "123456789012", "us-east-1")
    wanted = ProvisionedConcurrency(least, 10)
    assert changes_alias(on_aws, deployed(**parameters), wanted) is changes


def test_new_account_gets_advice_about_its_quota():
    with pytest.raises(OperationError) as refused:
        check_quota(account(10, 10), None, ProvisionedConcurrency(1, 2))
    for words in (
        "concurrency 2 does not fit",
        "10 concurrent executions",
        "eu-west-1",
        "--quota-code L-B99A9384",
        "ApiProvisionedConcurrency=0",
    ):
        assert words in str(refused.value)


def test_hundred_of_the_unreserved_concurrency_stay_free():
    assert "concurrency 1 to 2" in check_quota(
        account(1000, 102), None, ProvisionedConcurrency(1, 2)
    )
    with pytest.raises(OperationError, match="102 of them unreserved"):
        check_quota(account(1000, 102), None, ProvisionedConcurrency(1, 3))


def test_present_concurrency_of_the_stack_is_not_counted_twice():
    assert check_quota(account(1000, 100, provisioned=4), deployed(), ProvisionedConcurrency(1, 4))
    with pytest.raises(OperationError):
        check_quota(account(1000, 100, provisioned=4), deployed(), ProvisionedConcurrency(1, 5))


def test_without_provisioned_concurrency_the_quota_is_not_read():
    assert check_quota(
        Account(None, "123456789012", "eu-west-1"), None, ProvisionedConcurrency(0, 0)
    )


@pytest.mark.parametrize(
    ("unreserved", "stack", "free"),
    [
        (1000, None, 890),
        (105, None, -5),
        (950, {"ThumbnailerReservedConcurrency": "50"}, 894),
        (950, {"Stage": "prod", "ThumbnailerReservedConcurrency": "-1"}, 894),
        (1000, {}, 894),
    ],
)
def test_thumbnailer_can_reserve_what_the_api_and_other_stacks_leave(
    unreserved: int, stack: dict[str, str] | None, free: int
):
    present = None if stack is None else deployed(**stack)
    wanted = ProvisionedConcurrency(2, 10)
    on_aws = account(1000, unreserved, provisioned=4)
    assert free_concurrency(on_aws, TEMPLATE, present, wanted) == free


def test_parameters_reach_sam_unchanged():
    given = {"ReportSchedule": "cron(0 3 * * ? *)", "WebAclArn": "", "DomainName": 'a"b\\c'}
    option, *written = parameter_overrides(given)
    assert option == "--parameter-overrides"
    assert CfnParameterOverridesType().convert(tuple(written), None, None) == given
