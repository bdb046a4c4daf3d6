"""Checks of the account: credentials, quotas, permissions, and resources that stacks share."""

import re
from collections.abc import Iterator
from typing import Final

from botocore.exceptions import ClientError

from ops.concurrency import (
    RESERVED,
    UNRESERVED,
    check_quota,
    free_concurrency,
    quota_increase,
    reserved_concurrency,
    wanted_concurrency,
)
from ops.leftovers import NOT_FOUND, SAM_STACK
from ops.preflight.findings import Finding, blocked, is_denied, missing_action, ready, warning
from ops.preflight.target import DeployedTarget
from ops.stacks import EDGE_REGION, find_stack

ACCESS_LOGS: Final = "ApiAccessLogs"
_NEW_ACCOUNT: Final = 100  # only new accounts have a quota of fewer concurrent executions
_UNVERIFIED: Final = "must be verified before you can add"  # in CloudFront's error message


def check_credentials(target: DeployedTarget) -> Iterator[Finding]:
    """The identity that deploys, and its account."""
    arn = target.account.client("sts").get_caller_identity()["Arn"]
    if arn.endswith(":root"):
        yield warning(
            "Credentials",
            f"Root user of account {target.account.id}. Use an IAM role or user instead.",
        )
    else:
        name = arn.rpartition(":")[2]
        yield ready("Credentials", f"{name} in account {target.account.id}.")


def check_region(target: DeployedTarget) -> Iterator[Finding]:
    """Whether the stack can have a page in the region."""
    if target.has_page or target.parameters["Page"] == "none":
        yield ready("Region", f"{target.region}.")
    else:
        yield warning(
            "Region",
            f"{target.region}: the stack will have no page, because CloudFront accepts Lambda@Edge"
            f" functions only from {EDGE_REGION}. Set AWS_REGION={EDGE_REGION} to have one.",
        )


def check_concurrency(target: DeployedTarget) -> Iterator[Finding]:
    """Lambda's concurrency quota, and whether the provisioned concurrency fits."""
    check = "Lambda quota"
    wanted = wanted_concurrency(target.template, target.parameters, target.deployed)
    settings = target.account.client("lambda").get_account_settings()["AccountLimit"]
    limit = settings["ConcurrentExecutions"]
    fits = check_quota(target.account, target.deployed, wanted)
    if limit < _NEW_ACCOUNT:
        yield warning(
            check,
            f"{limit} concurrent executions for all functions of the account, as in new accounts:"
            f" enough for a trial, but not for visitors. Request more with"
            f" `{quota_increase(target.region)}`.",
        )
    else:
        yield ready(check, f"{limit:,} concurrent executions; {fits}.")


def choose_reserved_concurrency(
    target: DeployedTarget, given: dict[str, str]
) -> tuple[str, list[Finding]]:
    """The value of ThumbnailerReservedConcurrency for the deployment, and the finding about it.

    A stack without reserved concurrency gets the stage's again once the quota allows it, unless 0
    is given.
    """
    check = "Reserved concurrency"
    value = given.get(RESERVED, target.parameters[RESERVED])
    if RESERVED not in given and value == "0":
        value = "-1"
    number = reserved_concurrency(target.template, {**target.parameters, RESERVED: value})
    if number == 0:
        return value, [ready(check, "None for the thumbnailer.")]
    wanted = wanted_concurrency(target.template, target.parameters, target.deployed)
    free = max(0, free_concurrency(target.account, target.template, target.deployed, wanted))
    if number <= free:
        return value, [ready(check, f"{number:,} for the thumbnailer.")]
    reason = (
        f"{number:,} for the thumbnailer does not fit: with the API's provisioned concurrency and"
        f" the {UNRESERVED} that Lambda keeps unreserved, the account has {free:,} left."
    )
    advice = f" Request a higher quota with `{quota_increase(target.region)}`"
    if value == "-1":
        none = " The stack gets none, so many uploads at once can delay the API."
        return "0", [warning(check, f"{reason}{none}{advice}.")]
    return value, [blocked(check, f"{reason}{advice}, or pass {RESERVED}={free}.")]


def check_cloudfront(target: DeployedTarget) -> Iterator[Finding]:
    """Whether CloudFront will create the distribution, as far as that can be checked.

    AWS has no API that says whether an account is verified. A distribution in the account shows it.
    """
    check = "CloudFront"
    own = target.existing.get("Distribution")
    if not target.has_page:
        yield _without_page(check, existing=own is not None)
        return
    pages = target.account.client("cloudfront").get_paginator("list_distributions")
    found = [
        each for page in pages.paginate() for each in page["DistributionList"].get("Items", [])
    ]
    domain = target.parameters["DomainName"]
    for each in found:
        is_own = own is not None and each["Id"] == own.physical_id
        if domain and not is_own and domain in each["Aliases"].get("Items", []):
            yield blocked(
                check,
                f"Distribution {each['Id']} already has the alias {domain}: remove it there, or"
                " choose another DomainName.",
            )
            return
    if own:
        yield ready(check, "The stack already has its distribution.")
    elif _UNVERIFIED in target.failure:
        yield warning(
            check,
            "CloudFront refused the last deployment, because AWS had not verified the account. Ask"
            " AWS Support to verify it, and deploy with --parameter Page=none until then.",
        )
    elif found:
        yield ready(check, f"The account is verified: it has distributions ({len(found)}).")
    else:
        yield warning(
            check,
            "The account has no distribution yet. If AWS has not verified the account, CloudFront"
            " refuses the first one and the deployment fails: in a new account deploy with"
            " --parameter Page=none first, and with Page=cloudfront once that stack works.",
        )


def _without_page(check: str, *, existing: bool) -> Finding:
    if not existing:
        return ready(check, "Not needed: the stack has no page.")
    return warning(
        check,
        "Page=none deletes the distribution. The Lambda@Edge function cannot be deleted until hours"
        " later, so CloudFormation leaves it behind: delete it by hand the next day.",
    )


def check_certificate(target: DeployedTarget) -> Iterator[Finding]:
    """Whether the certificate of DomainName can be used; nothing without a domain."""
    check, domain = "Certificate", target.parameters["DomainName"]
    if not domain or not target.has_page:
        return
    acm = target.account.client("acm", EDGE_REGION)
    arn = target.parameters["CertificateArn"]
    try:
        found = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        yield blocked(check, f"{arn} does not exist. Request it in ACM, region {EDGE_REGION}.")
        return
    names = [found["DomainName"], *found.get("SubjectAlternativeNames", [])]
    if found["Status"] != "ISSUED":
        yield blocked(
            check, f"Its status is {found['Status']}, not ISSUED: finish its validation in ACM."
        )
    elif not any(_covers(name, domain) for name in names):
        yield blocked(check, f"It is for {', '.join(names)}, not for {domain}.")
    else:
        yield ready(check, f"Issued for {domain}.")


def _covers(name: str, domain: str) -> bool:
    """A wildcard stands for one label."""
    pattern = re.escape(name).replace(r"\*", "[^.]+", 1)
    return re.fullmatch(pattern, domain, re.IGNORECASE) is not None


def choose_access_logs(target: DeployedTarget, given: dict[str, str]) -> tuple[str, list[Finding]]:
    """The value of ApiAccessLogs for the deployment, and the findings about it.

    If no value is given, the API has access logs if the account has a role for them: without that
    role, API Gateway refuses the deployment.
    """
    kept = target.parameters[ACCESS_LOGS]
    role = target.account.client("apigateway").get_account().get("cloudwatchRoleArn")
    if ACCESS_LOGS in given:
        chosen = given[ACCESS_LOGS]
    elif kept != "none":
        chosen = kept
    else:
        chosen = "with-the-accounts-role" if role else "none"
    made = "AccessLogsRole" in target.existing
    return chosen, list(_access_logs(chosen, role, made=made))


def _access_logs(chosen: str, role: str | None, *, made: bool) -> Iterator[Finding]:
    check = "API access logs"
    match chosen:
        case "with-the-accounts-role" if not role:
            yield blocked(
                check,
                "The account has no role with which API Gateway writes logs in this region, and"
                f" API Gateway refuses access logs without it: pass {ACCESS_LOGS}=with-a-new-role.",
            )
        case "with-the-accounts-role":
            yield ready(check, f"With the account's role {str(role).rpartition('/')[2]}.")
        case "with-a-new-role" if role and not made:
            yield warning(
                check,
                f"The new role replaces {str(role).rpartition('/')[2]} for all APIs of the account"
                f" in this region. To keep that role, pass {ACCESS_LOGS}=with-the-accounts-role.",
            )
        case "with-a-new-role":
            yield ready(check, "With the role that this stack creates for the account.")
        case _ if role:
            yield ready(check, f"None, because {ACCESS_LOGS} is none.")
        case _:
            yield warning(
                check,
                "None: the account has no role with which API Gateway writes logs in this region."
                f" --parameter {ACCESS_LOGS}=with-a-new-role creates it.",
            )


def check_budget(target: DeployedTarget) -> Iterator[Finding]:
    """Whether the credentials may create the budget, if the template declares one."""
    check = "Budget"
    if not target.declared("AWS::Budgets::Budget"):
        yield ready(check, "None, because MonthlyBudget is 0.")
        return
    budgets = target.account.client("budgets", EDGE_REGION)
    try:
        budgets.describe_budgets(AccountId=target.account.id, MaxResults=1)
    except ClientError as error:
        if not is_denied(error):
            raise
        action = missing_action(error, "budgets:ViewBudget")
        yield blocked(
            check,
            f"The credentials lack {action}, and CloudFormation creates the budget with them. Grant"
            " budgets:ViewBudget and budgets:ModifyBudget (the root user has to activate IAM access"
            " to billing first), or deploy with --parameter MonthlyBudget=0.",
        )
        return
    yield ready(check, f"${target.parameters['MonthlyBudget']} a month.")


def check_artifacts(target: DeployedTarget) -> Iterator[Finding]:
    """The bucket to which sam deploy uploads, and sam's stack that has it."""
    check = "Artifacts"
    bucket = target.stage.artifacts_bucket
    if not bucket:
        managed = find_stack(target.account, SAM_STACK)
        if not managed or managed.status == "REVIEW_IN_PROGRESS":
            yield ready(check, f"sam will create a bucket for them in the stack {SAM_STACK}.")
            return
        bucket = managed.outputs.get("SourceBucket", "")
        if not bucket or not managed.status.endswith(("CREATE_COMPLETE", "UPDATE_COMPLETE")):
            yield blocked(
                check,
                f"sam's stack {SAM_STACK} is {managed.status}. Delete that stack: sam creates it"
                " again.",
            )
            return
    yield _bucket(target, check, bucket)


def _bucket(target: DeployedTarget, check: str, bucket: str) -> Finding:
    try:
        target.account.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOT_FOUND:
            raise
        return blocked(
            check,
            f"The bucket {bucket} does not exist."
            + (
                " Create it, or change s3_bucket in samconfig.toml."
                if target.stage.artifacts_bucket
                else f" Delete the stack {SAM_STACK}: sam creates stack and bucket again."
            ),
        )
    return ready(check, f"Uploaded to {bucket}.")
