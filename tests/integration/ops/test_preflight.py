"""`make preflight` in recorded accounts: a new one, a complete one, and one with leftovers."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from ops.deploy import merged_parameters
from ops.preflight import __main__ as command
from ops.preflight.examine import (
    Examination,
    choose_access_logs,
    examine,
    examine_account,
)
from ops.preflight.findings import CheckResult, Finding
from ops.preflight.quotas import check_quotas
from ops.preflight.table import findings_table
from ops.preflight.target import DeployedTarget
from ops.stacks import find_stack, read_stage
from tests.integration.ops.recorded_account import RecordedAccount
from tools.translate import load_template

PROD = read_stage("prod")
EVERY_CHECK = {
    "Python", "sam", "Parameters", "Template", "Credentials", "Region", "Stack", "Leftovers",
    "Names", "Artifacts", "Lambda quota", "Quotas", "Reserved concurrency", "Views stream",
    "CloudFront", "Budget", "API access logs",
}  # fmt: skip


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")


def examined(recorded: RecordedAccount, **given: str) -> Examination:
    """All checks."""
    account = recorded.account
    deployed = find_stack(account, PROD.stack)
    parameters = merged_parameters(PROD, deployed, given, load_template()["Parameters"])
    return examine(account, PROD, PROD.stack, deployed, parameters)


def looked(recorded: RecordedAccount, **given: str) -> dict[str, Finding]:
    """The checks of the account alone, which need no transform."""
    account = recorded.account
    target = DeployedTarget(account, PROD, PROD.stack, given, find_stack(account, PROD.stack))
    logs = choose_access_logs(target, given)
    return {each.check: each for each in [*examine_account(target), *logs]}


def by_check(examination: Examination) -> dict[str, Finding]:
    return {each.check: each for each in examination.findings}


def results(examination: Examination) -> dict[str, CheckResult]:
    return {
        each.check: each.result for each in examination.findings if each.result != CheckResult.READY
    }


def test_preflight_of_a_new_account_names_everything_missing_and_the_remedy():
    examination = examined(RecordedAccount("new"), MonthlyBudget="50")
    assert by_check(examination).keys() == EVERY_CHECK
    assert results(examination) == {
        "Lambda quota": CheckResult.BLOCKED,
        "CloudFront": CheckResult.WARNING,
        "Budget": CheckResult.BLOCKED,
        "Quotas": CheckResult.WARNING,
        "Reserved concurrency": CheckResult.WARNING,
        "API access logs": CheckResult.WARNING,
    }
    found = by_check(examination)
    assert "ApiProvisionedConcurrency=0" in found["Lambda quota"].sentence
    assert "--quota-code L-B99A9384" in found["Lambda quota"].sentence
    assert "--parameter Page=none" in found["CloudFront"].sentence
    assert "budgets:ViewBudget and budgets:ModifyBudget" in found["Budget"].sentence
    assert "ApiAccessLogs=with-a-new-role" in found["API access logs"].sentence
    assert examination.target.parameters["ApiAccessLogs"] == "none"


def test_new_account_passes_after_the_advice_is_followed():
    advised = {"ApiProvisionedConcurrency": "0", "Page": "none", "ApiAccessLogs": "with-a-new-role"}
    examination = examined(RecordedAccount("new"), **advised)
    assert not examination.is_blocked
    assert results(examination) == {
        "Lambda quota": CheckResult.WARNING,
        "Quotas": CheckResult.WARNING,
        "Reserved concurrency": CheckResult.WARNING,
    }
    assert "as in new accounts" in by_check(examination)["Lambda quota"].sentence
    assert examination.target.parameters["ThumbnailerReservedConcurrency"] == "0"


def test_complete_account_has_no_warnings():
    recorded = RecordedAccount("complete")
    examination = examined(recorded, MonthlyBudget="50")
    assert results(examination) == {}
    assert by_check(examination).keys() == EVERY_CHECK
    assert examination.target.parameters["ApiAccessLogs"] == "with-the-accounts-role"
    assert examination.target.parameters["ThumbnailerReservedConcurrency"] == "-1"
    assert not [call for call in recorded.calls if re.search(r"\.(Create|Put|Update|Delete)", call)]


def test_quotas_that_the_expected_views_exceed_are_named_with_the_request():
    target = {"ExpectedViewsPerSecond": "50000", "ViewsStreamMode": "ON_DEMAND"}
    account = RecordedAccount("complete").account
    given = DeployedTarget(account, PROD, PROD.stack, target, find_stack(account, PROD.stack))
    found = list(check_quotas(given))
    assert {each.result for each in found} == {CheckResult.WARNING}
    [api] = [each.sentence for each in found if each.sentence.startswith("API Gateway")]
    assert "50,000 views per second need about" in api
    assert "the account has 10,000" in api
    assert "--service-code apigateway --quota-code L-8A5B8E43 --desired-value" in api
    assert any("L-B99A9384" in each.sentence for each in found)
    usual = DeployedTarget(account, PROD, PROD.stack, {}, find_stack(account, PROD.stack))
    assert [each.result for each in check_quotas(usual)] == [CheckResult.READY]


def test_leftovers_are_named_and_a_taken_name_prevents_the_deployment():
    examination = examined(RecordedAccount("leftovers"))
    found = by_check(examination)
    assert results(examination) == {"Leftovers": CheckResult.WARNING, "Names": CheckResult.BLOCKED}
    sentence = found["Leftovers"].sentence
    for left in (
        "bucket lambda-gallery-mediabucket-1 (3 objects)",
        "table lambda-gallery-PhotosTable-1 (about 3 items)",
        "user pool us-east-1_old (about 2 users)",
        "log group API-Gateway-Execution-Logs_api1/api",
        "`make destroy STAGE=prod ARGS=--unprotect`",
    ):
        assert left in sentence
    assert "sitebucket" not in sentence, "which CloudFormation deleted"
    assert "ViewsTable" not in sentence, "which somebody deleted since"
    assert "cache policy lambda-gallery-photo-pages" in found["Names"].sentence


def test_exceeded_quota_of_shards_and_used_domain_are_reported():
    given = {"DomainName": "photos.example.com", "ViewsShardCount": "2"}
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    recorded = RecordedAccount("leftovers")
    certificate = {"DomainName": "*.example.com", "Status": "ISSUED"}
    recorded.entries.append(
        {"call": "acm.DescribeCertificate", "answer": {"Certificate": certificate}}
    )
    found = looked(recorded, **given, CertificateArn=arn)
    assert "499 of the account's 500" in found["Views stream"].sentence
    assert "E2SHOP already has the alias photos.example.com" in found["CloudFront"].sentence
    assert found["Certificate"].result is CheckResult.READY


@pytest.mark.parametrize(
    ("certificate", "sentence"),
    [
        ({"DomainName": "photos.example.com", "Status": "PENDING_VALIDATION"}, "not ISSUED"),
        ({"DomainName": "example.com", "Status": "ISSUED"}, "not for photos.example.com"),
        ({"DomainName": "*.a.example.com", "Status": "ISSUED"}, "not for photos.example.com"),
    ],
)
def test_certificate_that_cannot_be_used_prevents_the_deployment(
    certificate: dict[str, str], sentence: str
):
    recorded = RecordedAccount("new")
    recorded.entries.append(
        {"call": "acm.DescribeCertificate", "answer": {"Certificate": certificate}}
    )
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    found = looked(recorded, DomainName="photos.example.com", CertificateArn=arn)["Certificate"]
    assert found.result is CheckResult.BLOCKED
    assert sentence in found.sentence


def test_missing_permission_is_a_warning_that_names_the_action():
    recorded = RecordedAccount("complete")
    recorded.deny("sts.GetCallerIdentity", "cloudformation.DescribeStacks")
    found = looked(recorded)
    assert CheckResult.BLOCKED not in {each.result for each in found.values()}
    sentences = {
        each.check: each.sentence
        for each in found.values()
        if each.sentence.startswith("Not checked")
    }
    assert {
        check: re.findall(r"the credentials lack ([\w-]+:\w+)\.", text)[0]
        for check, text in sentences.items()
    } == {
        "Leftovers": "cloudformation:ListStackResources",
        "Names": "cloudformation:ListStackResources",
        "Views stream": "cloudformation:ListStackResources",
        "CloudFront": "cloudformation:ListStackResources",
        "Artifacts": "s3:HeadBucket",
        "Lambda quota": "lambda:GetAccountSettings",
        "Quotas": "service-quotas:GetServiceQuota",
        "API access logs": "apigateway:GetAccount",
    }


def test_service_that_does_not_answer_is_a_warning_with_its_message():
    recorded = RecordedAccount("complete")
    recorded.replace(
        "lambda.GetAccountSettings", error={"Code": "ServiceException", "Message": "Try later"}
    )
    found = looked(recorded)["Lambda quota"]
    assert found.result is CheckResult.WARNING
    assert "Try later" in found.sentence


def test_bucket_of_artifacts_that_somebody_deleted_prevents_the_deployment():
    recorded = RecordedAccount("complete")
    recorded.replace("s3.HeadBucket", error={"Code": "404", "Message": "Not Found"})
    found = looked(recorded)["Artifacts"]
    assert found.result is CheckResult.BLOCKED
    assert "Delete the stack aws-sam-cli-managed-default" in found.sentence


def test_logs_with_a_role_that_the_account_lacks_prevent_the_deployment():
    found = looked(RecordedAccount("new"), ApiAccessLogs="with-the-accounts-role")
    assert found["API access logs"].result is CheckResult.BLOCKED


def test_new_role_for_logs_would_replace_the_accounts():
    found = looked(RecordedAccount("complete"), ApiAccessLogs="with-a-new-role")["API access logs"]
    assert found.result is CheckResult.WARNING
    assert "replaces ApiGatewayLogs" in found.sentence


@pytest.mark.parametrize(
    ("role", "given", "kept", "chosen"),
    [
        (None, {}, "none", "none"),
        ("arn", {}, "none", "with-the-accounts-role"),
        ("arn", {"ApiAccessLogs": "none"}, "none", "none"),
        (None, {"ApiAccessLogs": "with-a-new-role"}, "none", "with-a-new-role"),
        ("arn", {}, "with-a-new-role", "with-a-new-role"),
    ],
)
def test_access_logs_need_the_accounts_role_which_is_made_only_if_asked_for(
    role: str | None, given: dict[str, str], kept: str, chosen: str
):
    recorded = RecordedAccount("new")
    recorded.replace("apigateway.GetAccount", answer={"cloudwatchRoleArn": role} if role else {})
    target = DeployedTarget(recorded.account, PROD, PROD.stack, {"ApiAccessLogs": kept} | given)
    assert choose_access_logs(target, given)
    assert target.parameters["ApiAccessLogs"] == chosen


def event(resource: str, status: str, reason: str = "") -> dict[str, str]:
    stack_id = "arn:aws:cloudformation:us-east-1:123456789012:stack/lambda-gallery/live"
    of_stack = resource == "lambda-gallery"
    return {
        "StackId": stack_id,
        "EventId": f"{resource}-{status}",
        "StackName": "lambda-gallery",
        "LogicalResourceId": resource,
        "PhysicalResourceId": stack_id if of_stack else "",
        "ResourceType": "AWS::CloudFormation::Stack" if of_stack else "AWS::Any::Type",
        "Timestamp": "2026-11-28T08:00:00Z",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


UNVERIFIED = (
    "Access denied for operation 'AWS::CloudFront::Distribution: Your account must be verified"
    " before you can add new CloudFront resources.'"
)
EVENTS = [  # newest first
    event("lambda-gallery", "CREATE_FAILED", "The following resource(s) failed to create"),
    event("Distribution", "CREATE_FAILED", UNVERIFIED),
    event("MediaBucket", "CREATE_COMPLETE"),
    event("lambda-gallery", "CREATE_IN_PROGRESS"),
    event("MediaBucket", "UPDATE_FAILED", "of an earlier operation"),
]


def failed(status: str) -> RecordedAccount:
    """The complete account after a deployment that failed."""
    recorded = RecordedAccount("complete")
    for each in recorded.entries:
        if each["call"] == "cloudformation.DescribeStacks":
            for stack in each["answer"]["Stacks"]:
                if stack["StackName"] == PROD.stack:
                    stack["StackStatus"] = status
    recorded.entries.append(
        {"call": "cloudformation.DescribeStackEvents", "answer": {"StackEvents": EVENTS}}
    )
    return recorded


def test_failed_creation_is_continued_and_cloudfronts_refusal_names_the_parameter():
    recorded = failed("CREATE_FAILED")
    for each in recorded.entries:
        if each["call"] == "cloudformation.ListStackResources":
            for resource in each["answer"]["StackResourceSummaries"]:
                if resource["LogicalResourceId"] == "Distribution":
                    resource["ResourceStatus"] = "CREATE_FAILED"
    found = looked(recorded)
    assert found["Stack"].result is CheckResult.WARNING
    assert "This deployment continues it" in found["Stack"].sentence
    assert "first failure was Distribution: Access denied" in found["Stack"].sentence
    assert found["CloudFront"].result is CheckResult.WARNING
    assert "--parameter Page=none until then" in found["CloudFront"].sentence
    assert looked(recorded, Page="none")["CloudFront"].result is CheckResult.READY


def test_domain_of_the_stacks_own_distribution_is_not_a_conflict():
    recorded = RecordedAccount("complete")
    denied = {"Code": "AccessDenied", "Message": ""}
    recorded.entries.append({"call": "acm.DescribeCertificate", "error": denied})
    shop, own = "shop.example.com", "gallery.example.com"
    assert looked(recorded, DomainName=shop)["CloudFront"].result is CheckResult.BLOCKED
    assert looked(recorded, DomainName=own)["CloudFront"].result is CheckResult.READY


@pytest.mark.parametrize(
    ("status", "result", "sentence"),
    [
        ("ROLLBACK_COMPLETE", CheckResult.BLOCKED, "`make destroy STAGE=prod`"),
        ("UPDATE_ROLLBACK_FAILED", CheckResult.BLOCKED, "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", CheckResult.BLOCKED, "wait for it"),
        ("UPDATE_ROLLBACK_COMPLETE", CheckResult.READY, "first failure was Distribution"),
    ],
)
def test_state_of_the_stack_says_whether_it_can_be_deployed_and_why_it_failed(
    status: str, result: CheckResult, sentence: str
):
    found = looked(failed(status))["Stack"]
    assert found.result is result
    assert sentence in found.sentence


def test_reserved_concurrency_that_is_given_and_does_not_fit_prevents_the_deployment():
    examination = examined(RecordedAccount("complete"), ThumbnailerReservedConcurrency="900")
    found = by_check(examination)["Reserved concurrency"]
    assert found.result is CheckResult.BLOCKED
    assert "900 for the thumbnailer does not fit" in found.sentence
    # 1,000 without the 100 that stay unreserved, and without 10 of the API, 2 of them present.
    assert found.sentence.endswith("or pass ThumbnailerReservedConcurrency=892.")


def test_removed_page_keeps_the_edge_function_for_hours():
    found = looked(RecordedAccount("complete"), Page="none")["CloudFront"]
    assert found.result is CheckResult.WARNING
    assert "cannot be deleted until hours" in found.sentence


def test_root_user_is_warned():
    recorded = RecordedAccount("complete")
    root = {"UserId": "1", "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:root"}
    recorded.replace("sts.GetCallerIdentity", answer=root)
    assert looked(recorded)["Credentials"].result is CheckResult.WARNING


def test_stack_outside_us_east_1_has_no_page_and_needs_no_cloudfront():
    recorded = RecordedAccount("new", "eu-central-1")
    found = looked(recorded, ApiProvisionedConcurrency="0")
    assert "Set AWS_REGION=us-east-1" in found["Region"].sentence
    assert found["CloudFront"].result is CheckResult.READY
    assert "cloudfront.ListDistributions" not in recorded.calls


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The command in a recorded account."""
    chosen: dict[str, Any] = {}
    monkeypatch.setattr(command, "open_account", lambda *_: chosen["recorded"].account)
    return chosen


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("new", [], (1, "✗ One check prevents a deployment.")),
        ("new", ["--parameter", "ApiProvisionedConcurrency=0"], (0, "✓ Nothing prevents")),
        ("leftovers", [], (1, "✗ One check prevents a deployment.")),
    ],
)
def test_exit_status_is_0_only_if_nothing_prevents_a_deployment(
    accounts: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    name: str,
    arguments: list[str],
    expected: tuple[int, str],
):
    accounts["recorded"] = RecordedAccount(name)
    status = command.main(["--stage", "prod", *arguments])
    output = capsys.readouterr().out
    assert status == expected[0], output
    assert expected[1] in output
    assert "Idle cost" in output


def test_without_credentials_everything_else_is_checked_nevertheless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert command.main([]) == 1
    output = " ".join(capsys.readouterr().out.split())
    assert "No AWS credentials were found" in output
    assert "Valid for the SAM transform" in output
    assert "Idle cost" in output


def test_stack_that_may_not_be_described_prevents_the_deployment(
    accounts: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    accounts["recorded"] = RecordedAccount("new")
    accounts["recorded"].deny("sts.GetCallerIdentity")
    assert command.main([]) == 1
    output = " ".join(capsys.readouterr().out.split())
    assert "A deployment needs cloudformation:DescribeStacks" in output
    assert "Valid for the SAM transform" in output


def test_offline_needs_neither_credentials_nor_network(capsys: pytest.CaptureFixture[str]):
    assert command.main(["--offline", "--stage", "prod"]) == 0
    output = capsys.readouterr().out
    assert "Nothing that can be checked without an account prevents a deployment" in output
    assert command.main(["--offline", "--parameter", "MonthlyBudget=much"]) == 1
    assert "expected a whole number" in capsys.readouterr().out
    assert command.main(["--offline", "--parameter", "Nothing=1"]) == 1
    assert "no parameter Nothing" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120])
def test_table_fits_its_terminal_and_has_each_sentence_completely(width: int):
    findings = list(looked(RecordedAccount("leftovers")).values())
    written = io.StringIO()
    Console(width=width, file=written).print(findings_table(findings))
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    output = re.sub(r"\s+", "", "".join(lines))
    for each in findings:
        assert re.sub(r"\s+", "", f"{each.result}{each.sentence}") in output, (
            "one column wraps alone"
        )
