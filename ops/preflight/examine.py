"""Runs all checks in their order. A call of AWS that fails becomes a warning, not an error."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from ops.concurrency import RESERVED
from ops.deployed_stack import StackDescription
from ops.preflight import account as account_checks
from ops.preflight import names, parameters, quotas, stream
from ops.preflight import stack as stack_checks
from ops.preflight.findings import CheckResult, Finding, blocked, not_checked
from ops.preflight.machine import check_python, check_sam
from ops.preflight.target import DeployedTarget, DeploymentTarget
from ops.stacks import Account, OperationError, Stage

type Check = Callable[[DeployedTarget], Iterable[Finding]]

# Each check, its name, and the first IAM action that it needs.
_OF_ACCOUNT: Final[tuple[tuple[Check, str, str], ...]] = (
    (account_checks.check_credentials, "Credentials", "sts:GetCallerIdentity"),
    (account_checks.check_region, "Region", ""),
    (stack_checks.check_state, "Stack", "cloudformation:DescribeStackEvents"),
    (stack_checks.check_leftovers, "Leftovers", "cloudformation:ListStacks"),
    (names.check_names, "Names", "cloudfront:ListCachePolicies"),
    (account_checks.check_artifacts, "Artifacts", "s3:ListBucket"),
    (account_checks.check_concurrency, "Lambda quota", "lambda:GetAccountSettings"),
    (quotas.check_quotas, "Quotas", "servicequotas:GetServiceQuota"),
    (stream.check_stream, "Views stream", "kinesis:DescribeStreamSummary"),
    (account_checks.check_cloudfront, "CloudFront", "cloudfront:ListDistributions"),
    (account_checks.check_certificate, "Certificate", "acm:DescribeCertificate"),
    (account_checks.check_budget, "Budget", "budgets:ViewBudget"),
)


class Examination(msgspec.Struct, frozen=True):
    """The findings of the checks, and the target that they checked."""

    target: DeploymentTarget
    findings: list[Finding]

    @property
    def is_blocked(self) -> bool:
        """Whether something prevents the deployment."""
        return is_blocked(self.findings)

    @property
    def has_plan(self) -> bool:
        """Whether the template and its parameters say what would be created."""
        return any(
            each.check == parameters.TEMPLATE and each.result is CheckResult.READY
            for each in self.findings
        )


def is_blocked(findings: list[Finding]) -> bool:
    """Whether one of them prevents the deployment."""
    return any(each.result is CheckResult.BLOCKED for each in findings)


def examine(
    account: Account,
    stage: Stage,
    stack: str,
    deployed: StackDescription | None,
    given: dict[str, str],
) -> Examination:
    """Run all checks of a deployment with the parameters `given`.

    It sets ApiAccessLogs and ThumbnailerReservedConcurrency of the target to values that suit the
    account.
    """
    target = DeployedTarget(account, stage, stack, given, deployed)
    logs = choose_access_logs(target, given)
    offline = examine_offline(target)
    if is_blocked(offline):  # the other checks need parameters that are valid
        return Examination(target, offline)
    reserved = choose_reserved_concurrency(target, given)
    return Examination(target, [*offline, *examine_account(target), *reserved, *logs])


def examine_offline(target: DeploymentTarget) -> list[Finding]:
    """Run the checks that need no account."""
    findings = [
        *check_python(target.template["Globals"]["Function"]["Runtime"]),
        *check_sam(),
        *parameters.check_parameters(target),
    ]
    if not is_blocked(findings):  # the transform needs parameters that are valid
        findings += parameters.check_template(target)
    return findings


def examine_account(target: DeployedTarget) -> list[Finding]:
    """Run the checks that call AWS; the parameters have to be valid."""
    findings: list[Finding] = []
    for check, name, action in _OF_ACCOUNT:
        try:
            findings += check(target)
        except OperationError as error:
            findings.append(blocked(name, str(error)))
        except (BotoCoreError, ClientError) as error:
            findings.append(not_checked(name, action, error))
    return findings


def choose_access_logs(target: DeployedTarget, given: dict[str, str]) -> list[Finding]:
    """Set the target's ApiAccessLogs to a value that suits the account; returns the findings."""
    try:
        chosen, findings = account_checks.choose_access_logs(target, given)
    except (BotoCoreError, ClientError) as error:
        return [not_checked("API access logs", "apigateway:GET", error)]
    target.parameters[account_checks.ACCESS_LOGS] = chosen
    return findings


def choose_reserved_concurrency(target: DeployedTarget, given: dict[str, str]) -> list[Finding]:
    """Set the target's ThumbnailerReservedConcurrency to a value that suits the account's quota."""
    try:
        chosen, findings = account_checks.choose_reserved_concurrency(target, given)
    except (BotoCoreError, ClientError) as error:
        return [not_checked("Reserved concurrency", "lambda:GetAccountSettings", error)]
    target.parameters[RESERVED] = chosen
    return findings
