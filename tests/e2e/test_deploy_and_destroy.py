"""`make deploy` and `make destroy` with the real sam, while a stack of a similar name exists.

ministack's CloudFormation forgets the resources of a deleted stack, which AWS's lists for 90 days:
continuing after an interruption behind that point is tested in tests/integration/ops.
"""

import contextlib
from collections.abc import Iterator

import pytest

from demo import application
from localcloud import deployment
from localcloud.cloud import Cloud
from ops import deploy, destroy, stack_events

STACK = "gallery-short-lived"
SCHEDULE = "cron(0 4 * * ? *)"


def everything(cloud: Cloud) -> set[str]:
    """What there is in the cloud, of every kind that the template makes."""
    listings: dict[str, list[tuple[str, str, str | None]]] = {
        "apigateway": [("get_rest_apis", "items", "id")],
        "cloudfront": [],
        "cloudwatch": [("describe_alarms", "MetricAlarms", "AlarmName")],
        "cognito-idp": [],
        "dynamodb": [("list_tables", "TableNames", None)],
        "iam": [("list_roles", "Roles", "RoleName")],
        "kinesis": [("list_streams", "StreamNames", None)],
        "lambda": [
            ("list_functions", "Functions", "FunctionName"),
            ("list_layers", "Layers", "LayerName"),
            ("list_event_source_mappings", "EventSourceMappings", "UUID"),
        ],
        "logs": [("describe_log_groups", "logGroups", "logGroupName")],
        "s3": [("list_buckets", "Buckets", "Name")],
        "scheduler": [("list_schedules", "Schedules", "Name")],
        "secretsmanager": [("list_secrets", "SecretList", "Name")],
        "sns": [("list_topics", "Topics", "TopicArn")],
        "sqs": [("list_queues", "QueueUrls", None)],
        "stepfunctions": [("list_state_machines", "stateMachines", "name")],
    }
    found = set()
    for service, calls in listings.items():
        client = cloud.client(service)
        for call, key, name in calls:
            for each in getattr(client, call)().get(key, []):
                found.add(f"{service} {key} {each[name] if name else each}")
    cloudfront = cloud.client("cloudfront")
    for listing in (
        cloudfront.list_distributions()["DistributionList"],
        cloudfront.list_origin_access_controls()["OriginAccessControlList"],
    ):
        found |= {f"cloudfront {each['Id']}" for each in listing.get("Items", [])}
    policies = cloudfront.list_cache_policies(Type="custom")["CachePolicyList"].get("Items", [])
    found |= {f"cloudfront {each['CachePolicy']['Id']}" for each in policies}
    pools = cloud.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    found |= {f"user pool {each['Id']}" for each in pools}
    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    found |= {f"stack {each['StackName']}" for each in stacks}
    objects = cloud.client("s3").list_objects_v2(Bucket="deployments").get("Contents", [])
    return found | {f"artifact {each['Key']}" for each in objects}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """sam, deploy and destroy poll often."""
    monkeypatch.setenv("SAM_CLI_POLL_DELAY", "0.5")
    monkeypatch.setattr(stack_events, "_POLL_SECONDS", 0.2)
    monkeypatch.setattr(destroy, "_POLL_SECONDS", 0.2)


@pytest.fixture
def neighbor(cloud: Cloud) -> Iterator[None]:
    """What another stack has, whose name begins with the name of the stack of these tests."""
    name = f"{STACK}-2"
    s3, logs = cloud.client("s3"), cloud.client("logs")
    dynamodb, sqs = cloud.client("dynamodb"), cloud.client("sqs")
    s3.create_bucket(Bucket="deployments")
    s3.create_bucket(Bucket=f"{name}-uploads")
    s3.put_object(Bucket="deployments", Key=f"{name}/artifact", Body=b"artifact")
    s3.put_object(Bucket=f"{name}-uploads", Key="photo", Body=b"photo")
    logs.create_log_group(logGroupName=f"/aws/lambda/{name}-thumbnailer")
    key = {"AttributeName": "id", "KeyType": "HASH"}
    dynamodb.create_table(
        TableName=f"{name}-photos",
        KeySchema=[key],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    url = sqs.create_queue(QueueName=f"{name}-failed-events")["QueueUrl"]
    yield
    assert s3.get_object(Bucket=f"{name}-uploads", Key="photo")["Body"].read() == b"photo"
    s3.delete_object(Bucket=f"{name}-uploads", Key="photo")
    s3.delete_bucket(Bucket=f"{name}-uploads")
    logs.delete_log_group(logGroupName=f"/aws/lambda/{name}-thumbnailer")
    dynamodb.delete_table(TableName=f"{name}-photos")
    sqs.delete_queue(QueueUrl=url)


def run_deploy(cloud: Cloud, *parameters: str) -> int:
    given = [
        f"EndpointUrl={cloud.endpoint}",
        f"Architecture={deployment.architecture()}",
        *parameters,
    ]
    options = [option for each in given for option in ("--parameter", each)]
    with application.gallery(cloud).building():
        return deploy.main(["--stage", "local", "--stack", STACK, "--yes", *options])


@contextlib.contextmanager
def logs_role(cloud: Cloud) -> Iterator[None]:
    """The account has a role with which API Gateway writes logs."""

    def set_role(arn: str) -> None:
        change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}
        cloud.client("apigateway").update_account(patchOperations=[change])

    set_role("arn:aws:iam::000000000000:role/ApiGatewayLogs")
    try:
        yield
    finally:
        set_role("")


def live_versions(cloud: Cloud) -> dict[str, str]:
    """The version that each function's alias leads to, by the function's logical id."""
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources")
    functions = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages.paginate(StackName=STACK)
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::Lambda::Function"
    }
    client = cloud.client("lambda")
    return {
        logical_id: client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
        for logical_id, name in functions.items()
    }


@pytest.mark.usefixtures("neighbor", "quick")
@pytest.mark.slow
def test_stack_is_deployed_updated_and_deleted_without_leftovers(
    cloud: Cloud, capfd: pytest.CaptureFixture[str]
):
    before = everything(cloud)
    assert run_deploy(cloud, "Page=none") == 0
    output = capfd.readouterr().out
    assert "account  000000000000" in output
    assert "files published: https://" not in output
    assert "admin-create-user" in output
    assert not [each for each in everything(cloud) - before if each.startswith("cloudfront")]
    cloudformation = cloud.client("cloudformation")
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert outputs["DistributionId"] == "none"

    first = live_versions(cloud)
    more = [f"ReportSchedule={SCHEDULE}", "AlarmEmail=somebody@example.com"]
    with logs_role(cloud):
        assert run_deploy(cloud, "Page=cloudfront", *more) == 0
    output = capfd.readouterr().out
    assert "With the account's role ApiGatewayLogs." in output
    assert "files published: https://" in output
    # The variables of these depend on the page: the distribution's id, who can call the API, and
    # the API's version. SAM publishes a version only if the function or a parameter changes.
    changed = ("CatalogReplicatorFunction", "GalleryApiFunction", "ReleaseCheckFunction")
    moved = {function: str(int(first[function]) + 1) for function in changed}
    assert live_versions(cloud) == {**first, **moved, "EdgeHeadersFunction": "1"}
    site = cloud.client("s3").get_object(Bucket=outputs["SiteBucketName"], Key="index.html")
    assert site["ContentType"].startswith("text/html")
    for level in ("Page", "Warning"):
        topic = next(
            each["OutputValue"]
            for each in stack["Outputs"]
            if each["OutputKey"] == f"{level}TopicArn"
        )
        [heard] = cloud.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert heard["Endpoint"] == "somebody@example.com"
    [updated] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in updated["Parameters"]}
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    assert parameters["ReportSchedule"] == SCHEDULE
    schedules = cloud.client("scheduler").list_schedules()["Schedules"]
    details = [cloud.client("scheduler").get_schedule(Name=each["Name"]) for each in schedules]
    assert [each["ScheduleExpression"] for each in details].count(SCHEDULE) == 1

    s3 = cloud.client("s3")
    bucket = outputs["UploadsBucketName"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="kept", Body=body)
    s3.delete_object(Bucket=bucket, Key="kept")
    cloud.client("logs").create_log_group(  # as Lambda does for a function of no group of its own
        logGroupName=f"/aws/lambda/us-east-1.{_edge_function(cloud)}"
    )
    during = everything(cloud)
    assert destroy.main(["--stage", "local", "--stack", STACK, "--confirm", "gallery"]) == 1
    assert everything(cloud) == during
    capfd.readouterr()
    assert destroy.main(["--stage", "local", "--stack", STACK, "--confirm", STACK]) == 0
    assert f"Nothing is left of {STACK}." in capfd.readouterr().out
    assert everything(cloud) == before


def _edge_function(cloud: Cloud) -> str:
    described = cloud.client("cloudformation").describe_stack_resource(
        StackName=STACK, LogicalResourceId="EdgeHeadersFunction"
    )
    return str(described["StackResourceDetail"]["PhysicalResourceId"])


@pytest.mark.usefixtures("cloud")
def test_stack_that_is_not_there_is_an_error(capfd: pytest.CaptureFixture[str]):
    assert destroy.main(["--stage", "local", "--stack", "gallery-nowhere"]) == 1
    assert "no stack gallery-nowhere" in capfd.readouterr().out


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.usefixtures("cloud")
def test_stages_of_an_account_are_not_deployed_to_the_laptop(
    stage: str, capfd: pytest.CaptureFixture[str]
):
    assert deploy.main(["--stage", stage, "--yes"]) == 1
    assert destroy.main(["--stage", stage]) == 1
    assert capfd.readouterr().out.count("AWS_ENDPOINT_URL") == 2


@pytest.mark.usefixtures("cloud")
def test_account_other_than_the_expected_one_is_refused(capfd: pytest.CaptureFixture[str]):
    given = ["--stage", "local", "--account", "123456789012"]
    assert deploy.main([*given, "--yes"]) == 1
    assert destroy.main(given) == 1
    assert capfd.readouterr().out.count("not 123456789012") == 2
