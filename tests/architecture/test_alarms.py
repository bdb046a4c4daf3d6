"""Alarms: each watches a metric that is published, notifies a topic, and says what to do."""

import ast
import io
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from daily_report.report import headlines
from tests.architecture.test_template import Resources, as_list, of_type, stream_mappings
from tests.support.repository import ROOT, load_template
from thumbnailer.uploads import UploadOutcome
from tools.intrinsics import Resolver
from tools.translate import translate

RUNBOOKS = ROOT / "docs" / "runbooks"
OWN = {"Ref": "AWS::StackName"}  # the namespace of what our code emits
LOGGING = {
    "append_context_keys",
    "append_keys",
    "debug",
    "error",
    "exception",
    "info",
    "log",
    "warning",
}
# Metric names that are computed, so that they are not literals in the code that emits them.
NAMED_ELSEWHERE: dict[str, set[str]] = {
    "thumbnailer": set(UploadOutcome),
    "daily_report": set(headlines({})),
}
TYPES = {
    "DistributionId": "AWS::CloudFront::Distribution",
    "EventSourceMappingUUID": "AWS::Lambda::EventSourceMapping",
    "FunctionName": "AWS::Lambda::Function",
    "QueueName": "AWS::SQS::Queue",
    "StateMachineArn": "AWS::StepFunctions::StateMachine",
    "StreamName": "AWS::Kinesis::Stream",
}
SILENT = {"ViewsUnread", "ChangesUnread"}  # a mapping that is off says nothing
# In ascending order: of the same data points, no statistic is above a later one.
STATISTICS = ("Average", "p90", "p99", "Maximum", "Sum")
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
QUERY_WORDS = {"and", "as", "asc", "by", "desc", "fields", "filter", "in", "limit", "or", "sort"}
QUERY_WORDS |= {"avg", "count", "max", "pct", "stats"}
# What CloudWatch adds, and what Lambda and its Python runtime log as JSON:
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
PLATFORM_FIELDS = {"@timestamp", "@message", "@log", "type", "record.status"}
PLATFORM_FIELDS |= {"errorType", "errorMessage", "stackTrace", "requestId"}
PLATFORM_FIELDS |= {
    f"record.metrics.{name}"
    for name in (
        "billedDurationMs",
        "durationMs",
        "initDurationMs",
        "maxMemoryUsedMB",
        "memorySizeMB",
    )
}

type Alarms = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def resources() -> Resources:
    return dict(translate(load_template(), {"Stage": "prod"})["Resources"])


@pytest.fixture(scope="module")
def alarms(resources: Resources) -> Alarms:
    found = of_type(resources, "AWS::CloudWatch::Alarm")
    return {name: body["Properties"] for name, body in found.items()}


def dimensions(alarm: dict[str, Any]) -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in alarm["Dimensions"]}


def level(alarm: dict[str, Any]) -> str:
    return str(alarm["AlarmDescription"]).partition(":")[0]


def statistic(alarm: dict[str, Any]) -> str:
    return str(alarm.get("Statistic") or alarm["ExtendedStatistic"])


@cache
def nodes(folder: Path) -> list[ast.AST]:
    files = folder.rglob("*.py")
    return [node for path in files for node in ast.walk(ast.parse(path.read_text()))]


def emitted(folder: Path) -> dict[str, set[str]]:
    """The metrics of a function: names with their dimensions."""
    found: dict[str, set[str]] = {}
    for node in nodes(folder):
        match node:
            case ast.With(items=[ast.withitem(context_expr=ast.Call() as call)]):
                if name := metric_name(call, "single_metric"):
                    added = re.findall(r"add_dimension\(['\"](\w+)", ast.unparse(node))
                    found[name] = {"service", *added}
            case ast.Call() as call if name := metric_name(call, "add_metric"):
                found[name] = {"service"}
    return found | {name: {"service"} for name in NAMED_ELSEWHERE.get(folder.name, ())}


def metric_name(call: ast.Call, function: str) -> str | None:
    if ast.unparse(call.func).rpartition(".")[2] != function:
        return None
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "name")]
    match given:
        case [ast.Constant(value=str(name)), *_]:
            return name
    return None


def test_every_metric_of_aws_is_published_under_the_dimensions_that_its_alarm_names(alarms: Alarms):
    published = tomllib.loads((ROOT / "tests" / "data" / "aws_metrics.toml").read_text())
    for name, alarm in alarms.items():
        if alarm["Namespace"] == OWN:
            continue
        metrics = published[alarm["Namespace"]]
        assert alarm["MetricName"] in metrics, name
        sets = [set(each) for each in metrics[alarm["MetricName"]]]
        assert set(dimensions(alarm)) in sets, name


def test_every_metric_of_ours_is_emitted_by_the_function_that_its_alarm_names(alarms: Alarms):
    own = {name: alarm for name, alarm in alarms.items() if alarm["Namespace"] == OWN}
    assert own
    for name, alarm in own.items():
        metrics = emitted(ROOT / "functions" / str(dimensions(alarm)["service"]))
        assert alarm["MetricName"] in metrics, name
        assert set(dimensions(alarm)) == metrics[alarm["MetricName"]], name


def test_dimensions_name_resources_of_the_template(alarms: Alarms, resources: Resources):
    for name, alarm in alarms.items():
        given = dimensions(alarm)
        for dimension, value in given.items():
            match dimension, value:
                case "service", str(folder):
                    assert (ROOT / "functions" / folder / "handler.py").is_file(), name
                case "Region", "Global":
                    assert alarm["Namespace"] == "AWS/CloudFront", name
                case "ApiName", api_name:
                    [api] = of_type(resources, "AWS::ApiGateway::RestApi").values()
                    assert api["Properties"]["Name"] == api_name, name
                case "Resource", {"Fn::Sub": str(qualified)}:
                    function = given["FunctionName"]["Ref"]
                    assert qualified == f"${{{function}}}:live", name
                    assert resources[f"{function}Aliaslive"]["Properties"]["Name"] == "live", name
                case "ExecutedVersion" | "version", {"Fn::GetAtt": [str(version), "Version"]}:
                    assert resources[version]["Type"] == "AWS::Lambda::Version", name
                    versioned = resources[version]["Properties"]["FunctionName"]
                    assert versioned == {"Ref": "GalleryApiFunction"}, name
                case _, {"Ref": str(found)} | {"Fn::GetAtt": [str(found), "QueueName"]}:
                    assert resources[found]["Type"] == TYPES[dimension], name
                    condition = resources[found].get("Condition")
                    if str(alarm["MetricName"]).startswith("Url"):  # of requests by CloudFront
                        condition = "UsesViewsUrl"
                    assert resources[name].get("Condition") == condition, name
                case _:
                    pytest.fail(f"{name}: {dimension} is {value}")


def test_metrics_of_a_mapping_are_watched_only_if_it_publishes_them(
    alarms: Alarms, resources: Resources
):
    for name, alarm in alarms.items():
        if mapping := dimensions(alarm).get("EventSourceMappingUUID"):
            config = resources[mapping["Ref"]]["Properties"]["MetricsConfig"]
            assert config == {"Metrics": ["EventCount"]}, name


def test_every_failure_path_and_queue_has_an_alarm(alarms: Alarms, resources: Resources):
    watched = {
        (alarm["MetricName"], str(value), level(alarm))
        for alarm in alarms.values()
        for value in dimensions(alarm).values()
    }

    def assert_watched(metric: str, dimension: Any, *levels: str) -> None:
        for needed in levels:
            assert (metric, str(dimension), needed) in watched, (
                f"No {needed} watches {metric} of {dimension}. Every way in which events can fail"
                f" or wait has an alarm: add it to operations.yaml, with a runbook."
            )

    streams = stream_mappings(resources)
    for name, body in of_type(resources, "AWS::Lambda::EventSourceMapping").items():
        function = resources[body["Properties"]["FunctionName"]["Ref"]]["Properties"][
            "FunctionName"
        ]
        assert_watched("Throttles", function, "Warning")
        if name in streams:
            # With a destination, a discarded event counts as delivered to it, not as dropped.
            assert_watched("OnFailureDestinationDeliveredEventCount", {"Ref": name}, "Page")
            assert_watched("DestinationDeliveryFailures", function, "Page")
            assert_watched("IteratorAge", function, "Page", "Warning")
    for body in of_type(resources, "AWS::Lambda::EventInvokeConfig").values():
        assert_watched("DestinationDeliveryFailures", body["Properties"]["FunctionName"], "Page")
    for name in of_type(resources, "AWS::SQS::Queue"):
        queue = str({"Fn::GetAtt": [name, "QueueName"]})
        # The first of failed messages, the second of a queue that a function consumes.
        metrics = {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}
        assert metrics & {metric for metric, value, _ in watched if value == queue}, (
            f"No alarm watches one of {sorted(metrics)} of {name}. Messages that wait in a queue"
            f" have no other notification: add an alarm to operations.yaml, with a runbook."
        )


def test_every_alarm_notifies_the_topic_of_its_level_and_names_its_runbook(alarms: Alarms):
    for name, alarm in alarms.items():
        words = r"(Page|Warning): [^\n]+\. Runbook: docs/runbooks/[a-z_]+\.md"
        assert re.fullmatch(words, alarm["AlarmDescription"]), name
        assert alarm["AlarmActions"] == [{"Ref": f"{level(alarm)}Topic"}], name
        silence = "breaching" if name in SILENT else "notBreaching"
        assert alarm["TreatMissingData"] == silence, name


def test_every_runbook_is_named_by_an_alarm_and_exists(alarms: Alarms):
    named = {Path(alarm["AlarmDescription"].rpartition(" ")[2]).name for alarm in alarms.values()}
    there = {path.name for path in RUNBOOKS.glob("*.md")}
    assert there == named | {"budget.md", "README.md"}


def test_alarms_and_the_budget_can_publish_to_both_topics(resources: Resources):
    topics = of_type(resources, "AWS::SNS::Topic")
    assert set(topics) == {"PageTopic", "WarningTopic"}
    for name, topic in topics.items():
        assert "KmsMasterKeyId" not in topic.get("Properties", {}), f"{name}: no alarm may use it"
    policies = of_type(resources, "AWS::SNS::TopicPolicy")
    assert set(policies) == {f"{topic}Policy" for topic in topics}
    for topic in topics:
        properties = policies[f"{topic}Policy"]["Properties"]
        assert properties["Topics"] == [{"Ref": topic}]
        [statement, denial] = properties["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Allow"
        assert statement["Resource"] == {"Ref": topic}, "SNS takes one topic a policy, its own"
        assert as_list(statement["Action"]) == ["sns:Publish"]
        services = {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}
        assert set(statement["Principal"]["Service"]) == services
        account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        assert statement["Condition"] == account, "only alarms of this account"
        assert denial["Effect"] == "Deny"
        assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert set(resources["BudgetAlarm"]["DependsOn"]) == set(policies)


def test_the_threshold_of_a_warning_is_not_above_that_of_its_page(alarms: Alarms):
    pages = {name.removesuffix("Page") for name in alarms if name.endswith("Page")}
    warned = {name for name in pages if f"{name}Warning" in alarms}
    assert warned
    resolver = Resolver(load_template(), {})
    for name in warned:
        page, warning = alarms[f"{name}Page"], alarms[f"{name}Warning"]
        assert (level(page), level(warning)) == ("Page", "Warning"), name
        for key in ("Namespace", "MetricName", "Dimensions"):
            assert page[key] == warning[key], name
        for alarm in (page, warning):
            assert alarm["ComparisonOperator"].startswith("GreaterThan"), name
        assert resolver.value(warning["Threshold"]) < page["Threshold"], name
        assert STATISTICS.index(statistic(warning)) >= STATISTICS.index(statistic(page)), name


def test_alarms_of_a_release_go_off_before_its_canary_ends(alarms: Alarms, resources: Resources):
    [group] = of_type(resources, "AWS::CodeDeploy::DeploymentGroup").values()
    for each in group["Properties"]["AlarmConfiguration"]["Alarms"]:
        alarm = alarms[each["Name"]["Ref"]]
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= 60, "of five minutes"


def logged_fields() -> set[str]:
    """What Powertools' logger writes by itself and what functions give it."""
    stream = io.StringIO()
    logger = Logger(service="any", stream=stream)
    logger.append_keys(correlation_id="any")
    logger.error("any", exc_info=ValueError())
    automatic = set(re.findall(r'"(\w+)":', stream.getvalue()))
    given = {
        str(keyword.arg)
        for node in nodes(ROOT / "functions")
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in LOGGING
        for keyword in node.keywords
    }
    return automatic | given


def test_saved_queries_use_fields_that_are_logged(resources: Resources):
    known = logged_fields() | PLATFORM_FIELDS
    for name, query in of_type(resources, "AWS::Logs::QueryDefinition").items():
        for group in query["Properties"]["LogGroupNames"]:
            assert resources[group["Ref"]]["Type"] == "AWS::Logs::LogGroup", name
        text = re.sub(r"#.*|\"[^\"]*\"|\d+", " ", query["Properties"]["QueryString"])
        aliases = set(re.findall(r"\bas (\w+)", text))
        asked = set(re.findall(r"[@A-Za-z_][\w.]*", text)) - aliases - QUERY_WORDS
        assert asked, name
        assert asked <= known, f"{name}: nothing logs {sorted(asked - known)}"
