"""Statements that need a condition have it."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tools.vetting.deployment import ACCOUNT, STAGES, Deployment, deployed
from tools.vetting.documents import as_list, documents

WITH_SOURCE_ACCOUNT: Final = {"scheduler.amazonaws.com", "states.amazonaws.com"}
"""Services that are documented to send aws:SourceAccount when they assume a role.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
"""
WITHOUT: Final = {
    "apigateway.amazonaws.com",
    "codedeploy.amazonaws.com",
    "edgelambda.amazonaws.com",
    "lambda.amazonaws.com",
}
"""Not documented: with the condition the service may be unable to assume the role."""
WHOLE_BUCKETS: Final = {
    ("ThumbnailerRole", "UploadsBucket"): "S3 answers 404, not 403, for a deleted upload",
    ("DailyReportRole", "UploadsBucket"): "S3 answers 404, not 403, for a deleted upload",
    ("DailyReportRole", "ReportsBucket"): "S3 answers 404, not 403, for the first report of a day",
    ("ViewCounterRole", "FailedBatchesBucket"): "Lambda does not document the prefix it asks for",
    ("CatalogReplicatorRole", "FailedBatchesBucket"): "the same",
}


@pytest.fixture(scope="module", params=list(STAGES))
def deployment(request: pytest.FixtureRequest) -> Deployment:
    return deployed(request.param)


def denied_without_tls(deployment: Deployment) -> Iterator[str]:
    """The ARNs that a statement protects."""
    for document in documents(deployment):
        for statement in document.statements:
            if statement["Effect"] == "Deny" and statement.get("Condition") == {
                "Bool": {"aws:SecureTransport": "false"}
            }:
                assert statement["Principal"] == "*"
                yield from as_list(statement["Resource"])


def test_buckets_queues_and_topics_refuse_requests_without_tls(deployment: Deployment):
    protected = set(denied_without_tls(deployment))
    kinds = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic")
    arns = {deployment.arn(name) for name, _ in deployment.of_type(*kinds)}
    assert arns
    assert arns <= protected, sorted(arns - protected)


def trust_statements(deployment: Deployment) -> Iterator[tuple[str, dict[str, Any]]]:
    for document in documents(deployment):
        if document.is_trust:
            for statement in document.statements:
                yield document.owner, statement


def test_services_that_send_their_account_assume_roles_for_this_account_only(
    deployment: Deployment,
):
    seen: set[str] = set()
    for role, statement in trust_statements(deployment):
        services = set(as_list(statement["Principal"]["Service"]))
        seen |= services
        own_account = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
        expected = own_account if services <= WITH_SOURCE_ACCOUNT else None
        assert services <= WITH_SOURCE_ACCOUNT or services <= WITHOUT, role
        assert statement.get("Condition") == expected, (
            f"{role}: left is the Condition of its AssumeRolePolicyDocument, right what it must be."
        )
    assert seen >= WITH_SOURCE_ACCOUNT


def test_roles_list_only_their_own_prefix(deployment: Deployment):
    arns = {deployment.arn(name): name for name, _ in deployment.of_type("AWS::S3::Bucket")}
    whole: set[tuple[str, str]] = set()
    prefixes: set[tuple[str, str, str]] = set()
    for document in documents(deployment):
        for statement in document.statements:
            if not document.roles or "s3:ListBucket" not in as_list(statement["Action"]):
                continue
            for arn in as_list(statement["Resource"]):
                for role in document.roles:
                    if "Condition" in statement:
                        [(operator, keys)] = statement["Condition"].items()
                        assert operator in ("StringEquals", "StringLike")
                        prefixes |= {(role, arns[arn], each) for each in as_list(keys["s3:prefix"])}
                    else:
                        whole.add((role, arns[arn]))
    assert whole == set(WHOLE_BUCKETS), (
        "Left: roles that may list a whole bucket. Limit a new one by s3:prefix, or add it to"
        " WHOLE_BUCKETS with the reason."
    )
    assert prefixes == {
        ("GalleryApiRole", "MediaBucket", "photos/*/"),
        ("ThumbnailerRole", "MediaBucket", "photos/*/"),
        ("DailyReportRole", "MediaBucket", "photos/"),
        ("DailyReportRole", "FailedBatchesBucket", "aws/lambda/"),
        ("DailyReportRole", "FailedBatchesBucket", "quarantine/"),
    }, "Left: prefixes that permissions/ lets roles list. Add a new one here if the role needs it."


def test_codedeploy_reads_the_alarms_of_the_release_only(deployment: Deployment):
    [statement] = [
        statement
        for document in documents(deployment)
        for statement in document.statements
        if as_list(statement["Action"]) == ["cloudwatch:DescribeAlarms"]
    ]
    names = ("ReleaseAliasErrors", "ReleaseVersionErrors", "ReleaseServerErrors")
    assert statement["Resource"] == [deployment.arn(name) for name in names]
