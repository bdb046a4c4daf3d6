"""Releases, on the template as CloudFormation sees it: versions, traffic, scaling, rollback."""

import copy
import functools
import json
from typing import Any

import pytest

from tests.architecture.test_template import AT_THE_EDGE, Resources, holds, of_type
from tests.support.repository import load_template
from tools.translate import translate

PARAMETERS = {"Release": "by-stage"}


def deployed(stage: str, **parameters: str) -> Resources:
    """The resources of a stack of that stage, those left out whose condition is false."""
    given = {**PARAMETERS, "Stage": stage, **parameters}
    resources = translate(copy.deepcopy(on_aws()), given)["Resources"]
    return {
        name: body
        for name, body in resources.items()
        if "Condition" not in body or holds(on_aws(), {"Condition": body["Condition"]}, given)
    }


@functools.cache
def on_aws() -> dict[str, Any]:
    template = load_template()
    template["Parameters"]["AWS::Region"] = {"Type": "String", "Default": "us-east-1"}
    return template


def version(resources: Resources, function: str) -> str:
    """The logical id of the version that the function's alias `live` leads to."""
    alias = resources[f"{function}Aliaslive"]["Properties"]
    return str(alias["FunctionVersion"]["Fn::GetAtt"][0])


def changed(change: Any) -> Resources:
    template = copy.deepcopy(on_aws())
    change(template)
    return dict(translate(template, {**PARAMETERS, "Stage": "prod"})["Resources"])


def set_property(function: str, name: str, value: Any) -> Any:
    def change(template: dict[str, Any]) -> None:
        template["Resources"][function]["Properties"][name] = value

    return change


FUNCTIONS = [
    name
    for name, body in on_aws()["Resources"].items()
    if body["Type"] == "AWS::Serverless::Function"
]


@pytest.fixture(scope="module")
def prod() -> Resources:
    return deployed("prod")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_runs_from_alias_live(function: str, prod: Resources):
    assert prod[f"{function}Aliaslive"]["Properties"]["Name"] == "live"
    assert prod[version(prod, function)]["Type"] == "AWS::Lambda::Version"
    if function != AT_THE_EDGE:
        assert prod[version(prod, function)]["DeletionPolicy"] == "Retain", "to roll back to"


def test_events_and_failure_destinations_belong_to_the_alias(prod: Resources):
    for name, mapping in of_type(prod, "AWS::Lambda::EventSourceMapping").items():
        assert mapping["Properties"]["FunctionName"]["Ref"].endswith("Aliaslive"), name
    for name, config in of_type(prod, "AWS::Lambda::EventInvokeConfig").items():
        assert config["Properties"]["Qualifier"] == "live", name
    notified = [
        each["Function"]
        for bucket in of_type(prod, "AWS::S3::Bucket").values()
        for each in bucket["Properties"]
        .get("NotificationConfiguration", {})
        .get("LambdaConfigurations", [])
    ]
    created_and_removed = [{"Ref": "ThumbnailerFunctionAliaslive"}] * 2
    assert notified == created_and_removed
    [machine] = of_type(prod, "AWS::StepFunctions::StateMachine").values()
    task = machine["Properties"]["DefinitionSubstitutions"]["DailyReportFunctionArn"]
    assert task == {"Ref": "DailyReportFunctionAliaslive"}


@pytest.mark.parametrize(
    "change",
    [
        set_property("GalleryApiFunction", "MemorySize", 1024),
        set_property("GalleryApiFunction", "Timeout", 20),
        set_property("SharedLayer", "Description", "Another one."),
        lambda template: template["Globals"]["Function"]["LoggingConfig"].update(
            ApplicationLogLevel="ERROR"
        ),
        lambda template: template["Resources"]["GalleryApiFunction"]["Properties"]["Environment"][
            "Variables"
        ].update(VIEWS_TABLE="another"),
    ],
    ids=["memory", "timeout", "layer", "log level", "environment"],
)
def test_setting_or_layer_alone_makes_a_new_version(change: Any, prod: Resources):
    assert version(changed(change), "GalleryApiFunction") != version(prod, "GalleryApiFunction")


def test_same_template_makes_the_same_version(prod: Resources):
    again = changed(lambda _: None)
    assert version(again, "GalleryApiFunction") == version(prod, "GalleryApiFunction")


def test_change_of_one_function_releases_no_other(prod: Resources):
    after = changed(set_property("ThumbnailerFunction", "MemorySize", 2048))
    moved = {each for each in FUNCTIONS if version(after, each) != version(prod, each)}
    assert moved == {"ThumbnailerFunction"}


@pytest.mark.parametrize(
    ("stage", "release", "traffic"),
    [
        ("local", "by-stage", None),
        ("dev", "by-stage", "AllAtOnce"),
        ("prod", "by-stage", "Canary10Percent5Minutes"),
        ("prod", "at-once", "AllAtOnce"),
    ],
)
def test_traffic_shifts_as_the_stage_says_unless_release_is_at_once(
    stage: str, release: str, traffic: str | None
):
    resources = deployed(stage, Release=release)
    alias = resources["GalleryApiFunctionAliaslive"]
    if traffic is None:
        assert "UpdatePolicy" not in alias
        assert not [each for each in resources.values() if "CodeDeploy" in each["Type"]]
        return
    group = resources["GalleryApiFunctionDeploymentGroup"]["Properties"]
    assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": traffic}
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert update["BeforeAllowTrafficHook"] == {"Ref": "ReleaseCheckFunction"}


def test_codedeploy_has_a_role_of_its_own_that_may_run_the_check(prod: Resources):
    group = prod["GalleryApiFunctionDeploymentGroup"]["Properties"]
    assert group["ServiceRoleArn"] == {"Fn::GetAtt": ["ReleaseRole", "Arn"]}
    assert "CodeDeployServiceRole" not in prod, "SAM's may invoke CodeDeployHook_* only"
    role = json.dumps(prod["ReleaseRole"]["Properties"])
    assert "codedeploy.amazonaws.com" in role
    assert "ReleaseCheckFunction" in role
    assert "FunctionName" not in prod["ReleaseCheckFunction"]["Properties"]


def test_release_is_watched_by_alias_and_by_new_version(prod: Resources):
    group = prod["GalleryApiFunctionDeploymentGroup"]["Properties"]
    assert group["AlarmConfiguration"]["Enabled"] is True
    names = [each["Name"]["Ref"] for each in group["AlarmConfiguration"]["Alarms"]]
    dimensions = {
        name: {each["Name"]: each["Value"] for each in prod[name]["Properties"]["Dimensions"]}
        for name in names
    }
    new = {"Fn::GetAtt": [version(prod, "GalleryApiFunction"), "Version"]}
    live = {"Fn::Sub": "${GalleryApiFunction}:live"}
    assert dimensions == {
        "ReleaseAliasErrors": {"FunctionName": {"Ref": "GalleryApiFunction"}, "Resource": live},
        "ReleaseVersionErrors": {
            "FunctionName": {"Ref": "GalleryApiFunction"},
            "Resource": live,
            "ExecutedVersion": new,
        },
        "ReleaseServerErrors": {"service": "gallery_api", "version": new},
    }


WARM = ["ApiConcurrency", "ApiConcurrencyTracking"]


@pytest.mark.parametrize(
    ("stage", "least", "alias", "tracked"),
    [
        ("prod", "-1", True, True),  # the stage's own
        ("prod", "7", True, True),  # changed
        ("prod", "0", False, False),  # removed
        ("dev", "-1", False, False),
        ("dev", "1", True, True),  # added
        ("local", "-1", True, False),  # the laptop's cloud keeps it, and scales nothing
    ],
)
def test_provisioned_concurrency_is_added_changed_and_removed_with_its_tracking(
    stage: str, least: str, alias: bool, tracked: bool
):
    given = {"Stage": stage, "ApiProvisionedConcurrency": least}
    resources = deployed(stage, ApiProvisionedConcurrency=least)
    condition, config, otherwise = resources["GalleryApiFunctionAliaslive"]["Properties"][
        "ProvisionedConcurrencyConfig"
    ]["Fn::If"]
    assert holds(on_aws(), {"Condition": condition}, given) is alias
    assert otherwise == {"Ref": "AWS::NoValue"}
    assert config["ProvisionedConcurrentExecutions"]["Fn::If"][1] == {
        "Ref": "ApiProvisionedConcurrency"
    }
    assert [name for name in WARM if name in resources] == (WARM if tracked else [])


def test_change_of_provisioned_concurrency_alone_makes_no_version(prod: Resources):
    after = deployed("prod", ApiProvisionedConcurrency="9")
    assert version(after, "GalleryApiFunction") == version(prod, "GalleryApiFunction")


def test_concurrency_tracks_seven_tenths_of_the_alias_within_the_stages_bounds(prod: Resources):
    target = prod["ApiConcurrency"]
    properties = target["Properties"]
    assert target["DependsOn"] == "GalleryApiFunctionAliaslive"
    assert properties["ResourceId"] == {"Fn::Sub": "function:${GalleryApiFunction}:live"}
    assert properties["ScalableDimension"] == "lambda:function:ProvisionedConcurrency"
    alias = prod["GalleryApiFunctionAliaslive"]["Properties"]["ProvisionedConcurrencyConfig"]
    assert (
        properties["MinCapacity"]
        == alias["Fn::If"][1]["ProvisionedConcurrentExecutions"]
        != properties["MaxCapacity"]
    )
    policy = prod["ApiConcurrencyTracking"]["Properties"]
    assert policy["ScalingTargetId"] == {"Ref": "ApiConcurrency"}
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 0.7
    stages = on_aws()["Mappings"]["Stage"]
    for stage in stages.values():
        assert stage["ApiProvisionedConcurrency"] <= stage["ApiProvisionedConcurrencyMaximum"]


def test_rush_hour_has_provisioned_concurrency_from_begin_to_end(prod: Resources):
    properties = prod["ApiConcurrency"]["Properties"]
    condition, [begins, ends], otherwise = properties["ScheduledActions"]["Fn::If"]
    assert otherwise == {"Ref": "AWS::NoValue"}
    assert not holds(on_aws(), {"Condition": condition}, {"Stage": "prod"})
    begin, end = {"RushHourBegins": "cron(45 17 * * ? *)"}, {"RushHourEnds": "cron(0 23 * * ? *)"}
    assert not holds(on_aws(), {"Condition": condition}, {"Stage": "prod", **begin})
    assert not holds(on_aws(), {"Condition": condition}, {"Stage": "prod", **end})
    assert holds(on_aws(), {"Condition": condition}, {"Stage": "prod", **begin, **end})
    assert begins["ScalableTargetAction"] == {"MinCapacity": properties["MaxCapacity"]}
    assert ends["ScalableTargetAction"] == {"MinCapacity": properties["MinCapacity"]}


@pytest.mark.parametrize(
    ("logs", "group", "role"),
    [
        ("none", False, False),
        ("with-the-accounts-role", True, False),
        ("with-a-new-role", True, True),
    ],
)
def test_accounts_role_for_access_logs_is_made_only_if_asked_for(
    logs: str, group: bool, role: bool
):
    resources = deployed("prod", ApiAccessLogs=logs)
    assert ("GalleryApiAccessLogGroup" in resources) is group
    assert ("AccessLogsRole" in resources) is ("AccessLogsAccount" in resources) is role
    waits = resources["GalleryApiapiStage"]["Properties"]["Variables"]["Account"]["Fn::If"]
    assert waits[:2] == ["CreatesAccessLogsRole", {"Ref": "AccessLogsAccount"}]
    setting = resources["GalleryApiapiStage"]["Properties"]["AccessLogSetting"]["Fn::If"]
    assert setting[0] == "HasAccessLogs"
    line = json.loads(setting[1]["Format"])
    assert line["correlation_id"] == "$context.requestId"
    assert all(value.startswith("$context.") for value in line.values())


def test_budget_is_by_parameter_and_never_on_the_laptop():
    assert "BudgetAlarm" not in deployed("prod")
    assert "BudgetAlarm" in deployed("dev", MonthlyBudget="20")
    assert "BudgetAlarm" not in deployed("local", MonthlyBudget="20")
