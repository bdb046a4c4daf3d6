"""Finds and deletes what a deleted stack leaves: data, log groups, deployment artifacts.

Every deletion is idempotent: what does not exist any more counts as deleted.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal

import msgspec
from botocore.exceptions import ClientError

from ops.deployed_stack import StackResource
from ops.stacks import Account, OperationError, Stage, find_stack

type Kind = Literal["bucket", "table", "user pool", "log group", "artifacts"]

DATA: Final[dict[str, Kind]] = {
    "AWS::Cognito::UserPool": "user pool",
    "AWS::DynamoDB::Table": "table",
    "AWS::S3::Bucket": "bucket",
}
NOT_FOUND: Final = {"404", "NoSuchBucket", "ResourceNotFoundException"}
"""AWS's error codes for something that does not exist."""
_COUNTED: Final = 10_000  # objects; beyond that, the exact number does not matter
SAM_STACK: Final = "aws-sam-cli-managed-default"
"""The stack in which sam keeps its bucket of artifacts, one per region."""


class Leftover(msgspec.Struct, frozen=True):
    """Something that exists. For artifacts, `name` is the bucket and `prefix` their folder."""

    kind: Kind
    name: str
    holds: str
    region: str
    protected: bool = False
    prefix: str = ""


def find_data(account: Account, resources: Iterable[StackResource]) -> list[Leftover]:
    """The buckets, tables and user pools among these resources that still exist."""
    found: list[Leftover] = []
    for resource in resources:
        finders = {"bucket": _find_bucket, "table": _find_table, "user pool": _find_pool}
        if (kind := DATA.get(resource.type)) and resource.physical_id:
            try:
                found.append(finders[kind](account, resource.physical_id))
            except ClientError as error:
                if error.response["Error"]["Code"] not in NOT_FOUND:
                    raise
    return found


def _find_bucket(account: Account, name: str) -> Leftover:
    s3 = account.client("s3")
    s3.head_bucket(Bucket=name, ExpectedBucketOwner=account.id)
    count = 0
    for page in _versions(s3, account, name, ""):
        count += len(page)
        if count > _COUNTED:
            break
    objects = f"more than {_COUNTED:,}" if count > _COUNTED else f"{count:,}"
    return Leftover("bucket", name, f"{objects} objects", account.region)


def _find_table(account: Account, name: str) -> Leftover:
    table = account.client("dynamodb").describe_table(TableName=name)["Table"]
    return Leftover(
        kind="table",
        name=name,
        holds=f"about {table.get('ItemCount', 0):,} items",  # DynamoDB updates it every 6 hours
        region=account.region,
        protected=table.get("DeletionProtectionEnabled", False),
    )


def _find_pool(account: Account, pool_id: str) -> Leftover:
    pool = account.client("cognito-idp").describe_user_pool(UserPoolId=pool_id)["UserPool"]
    return Leftover(
        kind="user pool",
        name=pool_id,
        holds=f"about {pool.get('EstimatedNumberOfUsers', 0):,} users",
        region=account.region,
        protected=pool.get("DeletionProtection") == "ACTIVE",
    )


def artifacts_bucket(account: Account, stage: Stage) -> str | None:
    """The bucket to which sam deploy uploads, if it exists."""
    if stage.artifacts_bucket:
        return stage.artifacts_bucket
    sam = find_stack(account, SAM_STACK)
    return sam.outputs.get("SourceBucket") if sam else None


def find_artifacts(account: Account, stage: Stage, stack: str) -> list[Leftover]:
    """Artifacts that sam deploy uploaded for this stack; other stacks use the same bucket."""
    bucket = artifacts_bucket(account, stage)
    if not bucket:
        return []
    prefix = f"{stack}/"
    try:
        pages = list(_versions(account.client("s3"), account, bucket, prefix))
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND:
            return []
        raise
    count = sum(len(page) for page in pages)
    if not count:
        return []
    return [Leftover("artifacts", bucket, f"{count:,} objects", account.region, prefix=prefix)]


def find_log_groups(
    account: Account, resources: Iterable[StackResource], say: Callable[[str], None]
) -> list[Leftover]:
    """Log groups that Lambda and API Gateway created, so that no template declares them.

    A Lambda@Edge function logs in the region in which it ran. The name of that log group contains
    the function's own region.
    """
    functions, names, has_edge_function = set(), set(), False
    for each in resources:
        if each.type == "AWS::Lambda::Function" and each.physical_id:
            functions.add(each.physical_id)
            names.add(f"/aws/lambda/{each.physical_id}")
        elif each.type == "AWS::ApiGateway::RestApi":
            names.add(f"API-Gateway-Execution-Logs_{each.physical_id}/api")
        has_edge_function |= each.type == "AWS::CloudFront::Distribution"
    found: list[Leftover] = []
    for name in sorted(names):
        found.extend(_log_groups(account, account.region, name, names))
    prefix = f"/aws/lambda/{account.region}."
    for region in _regions(account, say) if has_edge_function else []:
        try:
            edge_names = {prefix + each for each in functions}
            found.extend(_log_groups(account, region, prefix, edge_names))
        except ClientError as error:
            say(f"Logs of the edge function in {region} are not deleted: {error}")
    return found


def _regions(account: Account, say: Callable[[str], None]) -> list[str]:
    try:
        regions = account.client("ec2").describe_regions()["Regions"]
    except ClientError as error:
        say(f"Logs of the edge function are searched for only in {account.region}: {error}")
        return [account.region]
    return sorted({account.region, *(each["RegionName"] for each in regions)})


def _log_groups(account: Account, region: str, prefix: str, names: set[str]) -> Iterator[Leftover]:
    pages = account.client("logs", region).get_paginator("describe_log_groups")
    for page in pages.paginate(logGroupNamePrefix=prefix):
        for found in page["logGroups"]:
            if found["logGroupName"] in names:
                holds = f"{found.get('storedBytes', 0):,} bytes"
                yield Leftover("log group", found["logGroupName"], holds, region)


def delete(account: Account, leftover: Leftover, progress: Callable[[int], None]) -> None:
    """Delete it with everything in it, and disable its protection first.

    Raises:
        OperationError: S3 refused to delete an object.
    """
    try:
        match leftover.kind:
            case "bucket":
                empty(account, leftover, progress)
                s3 = account.client("s3")
                s3.delete_bucket(Bucket=leftover.name, ExpectedBucketOwner=account.id)
            case "artifacts":
                empty(account, leftover, progress)
            case "table":
                _delete_table(account.client("dynamodb"), leftover)
            case "user pool":
                _delete_pool(account.client("cognito-idp"), leftover)
            case "log group":
                logs = account.client("logs", leftover.region)
                logs.delete_log_group(logGroupName=leftover.name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOT_FOUND:
            raise


def empty(account: Account, leftover: Leftover, progress: Callable[[int], None]) -> None:
    """Delete every version of every object; `progress` gets the number deleted so far.

    Raises:
        OperationError: S3 refused to delete an object.
    """
    s3 = account.client("s3")
    deleted = 0
    # A new listing each time, because a continuation would depend on keys that are deleted.
    while page := next(_versions(s3, account, leftover.name, leftover.prefix), None):
        answer = s3.delete_objects(
            Bucket=leftover.name,
            Delete={"Objects": page, "Quiet": True},
            ExpectedBucketOwner=account.id,
        )
        for refused in answer.get("Errors", []):
            raise OperationError(
                f"S3 refused to delete {leftover.name}/{refused['Key']}: {refused['Code']},"
                f" {refused.get('Message', 'without a reason')}"
            )
        deleted += len(page)
        progress(deleted)


def _versions(
    s3: Any, account: Account, bucket: str, prefix: str
) -> Iterator[list[dict[str, str]]]:
    """Keys and version ids, including delete markers, in pages of up to 1,000."""
    pages = s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=account.id):
        if found := [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


def _delete_table(dynamodb: Any, leftover: Leftover) -> None:
    if leftover.protected:
        dynamodb.update_table(TableName=leftover.name, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=leftover.name, WaiterConfig={"Delay": 2})
    dynamodb.delete_table(TableName=leftover.name)
    dynamodb.get_waiter("table_not_exists").wait(
        TableName=leftover.name, WaiterConfig={"Delay": 2, "MaxAttempts": 300}
    )


def _delete_pool(cognito: Any, leftover: Leftover) -> None:
    if leftover.protected:  # resets the pool's other settings as well, which no longer matters
        cognito.update_user_pool(UserPoolId=leftover.name, DeletionProtection="INACTIVE")
    cognito.delete_user_pool(UserPoolId=leftover.name)
