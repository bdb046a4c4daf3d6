"""docs/aws-unproven.md lists what only an account can show; `make e2e` checks part of it."""

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from tests.e2e import assumptions
from tests.e2e.assumptions import CHECKS, Deployed, Result, check_all, report
from tests.support.repository import ROOT

PAGE: Final = (ROOT / "docs" / "aws-unproven.md").read_text()
ROW: Final = re.compile(r"^### `([a-z0-9-]+)`: [^\n]+\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
ROWS: Final = dict(ROW.findall(PAGE))
PARTS: Final = ("We assume", "Source", "Check", "If we are wrong")
BY_MAKE: Final = "- **Check:** `make e2e STACK=…`"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assumptions, "PAGE_SECONDS", 0)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_all_its_parts(row: str):
    assert re.findall(r"^- \*\*(.+?):\*\* \S", ROWS[row], re.MULTILINE) == list(PARTS)


def test_every_row_has_the_form_of_a_row():
    assert len(ROWS) == PAGE.count("\n### ")


def test_make_e2e_checks_exactly_the_rows_that_the_page_names():
    assert {row for row, text in ROWS.items() if BY_MAKE in text} == CHECKS.keys()


class Gallery:
    """Gives the same answer to every request."""

    def __init__(self, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
        self.status_code, self.headers, self._body = status, headers, body
        self.text = str(body)

    def json(self) -> dict[str, Any]:
        return self._body

    def fetch(self, _path: str) -> "Gallery":
        return self

    def request(self, *_: object, **__: object) -> "Gallery":
        return self


class Account:
    """Clients whose operations answer from a table, by name; paginators have one page."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.page = ""

    def client(self, _service: str) -> "Account":
        return self

    def get_paginator(self, operation: str) -> "Account":
        self.page = operation
        return self

    def paginate(self, **_: object) -> list[Any]:
        return [self.answers[self.page]]

    def __getattr__(self, operation: str) -> Any:
        def answer(**_: object) -> Any:
            if isinstance(self.answers[operation], Exception):
                raise self.answers[operation]
            return self.answers[operation]

        return answer


RESOURCES: Final = {
    "StackResourceSummaries": [
        {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": name.lower()}
        for name, kind in {
            "Views": "AWS::Lambda::EventSourceMapping",
            "App": "AWS::CodeDeploy::Application",
            "Group": "AWS::CodeDeploy::DeploymentGroup",
            "ReleaseCheckLogGroup": "AWS::Logs::LogGroup",
            "FailedEvents": "AWS::CloudWatch::Alarm",
            "Board": "AWS::CloudWatch::Dashboard",
        }.items()
    ]
}


def board(heading: str) -> str:
    return json.dumps({"widgets": [{"type": "text", "properties": {"markdown": heading}}]})


ALARM: Final = {"Namespace": "AWS/SQS", "MetricName": "Visible", "Dimensions": []}
SPEC: Final = '{"Resources": [{"Api": {"Properties": {"TargetVersion": "7"}}}]}'
GOOD: Final[dict[str, Any]] = {
    "list_stack_resources": RESOURCES,
    "get_stages": {"item": [{"stageName": "api"}]},
    "get_distribution_config": {
        "DistributionConfig": {
            "Origins": {
                "Items": [
                    {"Id": "site"},
                    {"CustomHeaders": {"Items": [{"HeaderName": "Referer", "HeaderValue": "s3"}]}},
                ]
            }
        }
    },
    "get_rest_api": {"policy": '{"aws:Referer": ["s3"]}'},
    "get_alias": {"FunctionVersion": "7"},
    "get_template": {"TemplateBody": "Fn::Transform: {Name: AWS::Include}"},
    "get_event_source_mapping": {"State": "Enabled", "LastProcessingResult": "OK"},
    "list_deployments": {"deployments": ["d-1"]},
    "get_deployment": {
        "deploymentInfo": {
            "status": "Succeeded",
            "deploymentId": "d-1",
            "createTime": datetime(2026, 11, 28, tzinfo=UTC),
            "revision": {"string": {"content": SPEC}},
        }
    },
    "get_deployment_group": {"deploymentGroupInfo": {"alarmConfiguration": {"enabled": True}}},
    "filter_log_events": {"events": [{"message": '{"api_version": "arn:aws:lambda:f:7"}'}]},
    "describe_state_machine": {
        "status": "ACTIVE",
        "loggingConfiguration": {
            "level": "ERROR",
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:logs"}}],
        },
    },
    "list_executions": {"executions": [{"name": "one", "status": "SUCCEEDED"}]},
    "describe_alarms": {"MetricAlarms": [ALARM]},
    "list_metrics": {"Metrics": [ALARM]},
    "get_dashboard": {"DashboardBody": board("a → b")},
    "list_provisioned_concurrency_configs": {
        "ProvisionedConcurrencyConfigs": [{"FunctionArn": "f:live", "Status": "READY"}]
    },
}
PROBLEM: Final = Gallery(400, {"content-type": "application/problem+json"}, {"status": 400})
PAGES: Final = Gallery(200, {"link": "</a>; rel=preload"}, {})
MISSING: Final = Gallery(404, {}, {})


def verdicts(answers: dict[str, Any], owner: Gallery, stranger: Gallery) -> dict[str, Result]:
    outputs = {
        "DistributionId": "E1",
        "ApiId": "a",
        "GalleryApiFunctionName": "f",
        "GalleryApiVersionArn": "arn:aws:lambda:f:7",
        "DailyReportStateMachineArn": "m",
    }
    deployed = Deployed(
        Account(answers).client,
        "gallery",
        outputs,
        owner,  # type: ignore[arg-type] - as far as the checks use one
        stranger,  # type: ignore[arg-type]
        "0191",
    )
    return {each.row: each for each in check_all(deployed, on_laptop=False)}


def test_each_check_accepts_the_assumed_behavior():
    seen = verdicts(GOOD, PROBLEM, PAGES) | {
        "missing-object": verdicts(GOOD, PROBLEM, MISSING)["missing-object"]
    }
    assert {row: each.verdict for row, each in seen.items()} == dict.fromkeys(CHECKS, "as assumed")


BAD: Final[dict[str, dict[str, Any]]] = {
    "one-stage": {"get_stages": {"item": [{"stageName": "api"}, {"stageName": "Stage"}]}},
    "origin-secret": {"get_rest_api": {"policy": '["{{resolve:secretsmanager:s3}}"]'}},
    "live-version": {"get_alias": {"FunctionVersion": "6"}},
    "stream-mappings": {
        "get_event_source_mapping": {
            "State": "Enabled",
            "LastProcessingResult": "PROBLEM: no access",
        }
    },
    "codedeploy-alarms": {
        "get_deployment": {
            "deploymentInfo": GOOD["get_deployment"]["deploymentInfo"] | {"status": "Failed"}
        }
    },
    "release-check-order": {
        "filter_log_events": {"events": [{"message": '{"api_version": "arn:aws:lambda:f:6"}'}]}
    },
    "state-machine-logs": {
        "describe_state_machine": {"status": "ACTIVE", "loggingConfiguration": {"level": "OFF"}}
    },
    "schedule-runs": {"list_executions": {"executions": [{"name": "one", "status": "FAILED"}]}},
    "dashboard-characters": {
        "get_dashboard": {"DashboardBody": board("a ? b")},
    },
    "provisioned-concurrency": {
        "list_provisioned_concurrency_configs": {
            "ProvisionedConcurrencyConfigs": [{"FunctionArn": "f:live", "Status": "FAILED"}]
        }
    },
}


@pytest.mark.parametrize("row", BAD)
def test_each_check_reports_an_assumption_that_is_wrong(row: str):
    assert verdicts(GOOD | BAD[row], PROBLEM, PAGES)[row].verdict == "DIFFERS"


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ("gateway-validates", Gallery(400, PROBLEM.headers, {"errors": []})),
        ("gateway-validates", Gallery(201, {}, {})),
        ("photo-page-query", Gallery(200, {"x-robots-tag": "noindex"}, {})),
        ("missing-object", Gallery(403, {}, {})),
    ],
)
def test_each_answer_that_differs_from_the_assumption_is_reported(row: str, answer: Gallery):
    assert verdicts(GOOD, answer, answer)[row].verdict == "DIFFERS"


@pytest.mark.parametrize(
    ("row", "answers"),
    [
        ("included-files", {"get_template": {"TemplateBody": {"Resources": {}}}}),
        ("codedeploy-alarms", {"list_deployments": {"deployments": []}}),
        ("release-check-order", {"filter_log_events": {"events": []}}),
        ("schedule-runs", {"list_executions": {"executions": []}}),
        ("alarm-metrics", {"list_metrics": {"Metrics": []}}),
        (
            "provisioned-concurrency",
            {"list_provisioned_concurrency_configs": {"ProvisionedConcurrencyConfigs": []}},
        ),
        ("one-stage", {"get_stages": ClientError({"Error": {"Code": "AccessDenied"}}, "Get")}),
    ],
)
def test_what_cannot_be_seen_is_not_reported_as_a_difference(row: str, answers: dict[str, Any]):
    assert verdicts(GOOD | answers, PROBLEM, PAGES)[row].verdict == "not seen"


def test_the_report_is_a_table_for_every_result():
    text = report("gallery", [Result("one", "a", "b | c\nd", "DIFFERS")])
    assert text.splitlines()[-1] == r"| one | a | b \| c d | DIFFERS |"
