"""An account with a stack to be destroyed, in moto, and neighbors that must stay."""

import functools
from collections.abc import Callable
from typing import Any

import boto3

from tests.integration.ops.cloud_formation import CloudFormation, StoredStack

NAME = "gallery"
FUNCTION = "gallery-EdgeHeadersFunction-1"
EDGE_LOGS = f"/aws/lambda/us-east-1.{FUNCTION}"
CHANGES = ("delete_", "update_")


class Interrupter:
    """Ends the run right before the so-manieth change, as Ctrl-C would."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.changes = 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(**arguments: Any) -> Any:
            self.changes += 1
            if self.changes == self.at:
                raise KeyboardInterrupt
            return call(**arguments)

        return counted


@functools.cache
def moto_client(service: str, region: str = "us-east-1") -> Any:
    return boto3.client(service, region)


class Client:
    def __init__(self, client: Any, interrupter: Interrupter) -> None:
        self._client = client
        self._interrupter = interrupter

    def describe_regions(self) -> dict[str, Any]:
        return {"Regions": [{"RegionName": "eu-west-1"}, {"RegionName": "us-east-1"}]}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._interrupter.around(found) if name.startswith(CHANGES) else found


class World:
    """An account with a stack in it, and with neighbours that must stay."""

    def __init__(self, *, protected: bool = False, objects: int = 2) -> None:
        self.cloud_formation = CloudFormation()
        self.interrupter = Interrupter()
        self.s3 = moto_client("s3")
        self.naps: list[float] = []
        for bucket in ("site", "uploads", "media", "neighbour", "artifacts"):
            self.s3.create_bucket(Bucket=bucket)
        for bucket in ("site", "uploads", "neighbour"):
            self.s3.put_object(Bucket=bucket, Key="photo", Body=b"")
        versioned = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket="media", VersioningConfiguration=versioned)
        for number in range(objects):
            self.s3.put_object(Bucket="media", Key=f"{number:05}", Body=b"")
        self.s3.delete_object(Bucket="media", Key="00000")  # which leaves a marker
        for key in ("gallery/code", "gallery-two/code"):
            self.s3.put_object(Bucket="artifacts", Key=key, Body=b"")
        for table in ("photos", "neighbour"):
            moto_client("dynamodb").create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
                DeletionProtectionEnabled=protected,
            )
        cognito = moto_client("cognito-idp")
        activity = "ACTIVE" if protected else "INACTIVE"
        pools = [
            cognito.create_user_pool(PoolName=name, DeletionProtection=activity)["UserPool"]["Id"]
            for name in ("users", "neighbours")
        ]
        self.pool, self.other_pool = pools
        for region in ("us-east-1", "eu-west-1"):
            for function in (FUNCTION, "gallery-EdgeHeadersFunction-10"):
                name = f"/aws/lambda/us-east-1.{function}"
                moto_client("logs", region).create_log_group(logGroupName=name)
        self.stack = self.add_stack()

    def add_stack(self) -> StoredStack:
        return self.cloud_formation.add(
            NAME,
            {
                "SiteBucket": ("AWS::S3::Bucket", "site", "Delete"),
                "UploadsBucket": ("AWS::S3::Bucket", "uploads", "RetainExceptOnCreate"),
                "MediaBucket": ("AWS::S3::Bucket", "media", "RetainExceptOnCreate"),
                "PhotosTable": ("AWS::DynamoDB::Table", "photos", "RetainExceptOnCreate"),
                "UserPool": ("AWS::Cognito::UserPool", self.pool, "RetainExceptOnCreate"),
                "Distribution": ("AWS::CloudFront::Distribution", "E1", "Delete"),
                "EdgeHeadersFunction": ("AWS::Lambda::Function", FUNCTION, "Delete"),
                "EdgeHeadersFunctionVersion1": ("AWS::Lambda::Version", f"{FUNCTION}:1", "Retain"),
            },
        )

    def client(self, service: str, region_name: str, config: Any) -> Any:  # noqa: ARG002
        if service == "cloudformation":
            return Client(self.cloud_formation, self.interrupter)
        return Client(moto_client(service, region_name), self.interrupter)

    def left(self) -> set[str]:
        """Everything that is there, but the neighbours."""
        s3 = self.s3
        found = {each["Name"] for each in s3.list_buckets()["Buckets"]}
        listed = s3.list_objects_v2(Bucket="artifacts").get("Contents", [])
        found |= {each["Key"] for each in listed}
        found |= {f"table {name}" for name in moto_client("dynamodb").list_tables()["TableNames"]}
        pools = moto_client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
        found |= {each["Id"] for each in pools}
        for region in ("us-east-1", "eu-west-1"):
            groups = moto_client("logs", region).describe_log_groups()["logGroups"]
            found |= {f"{region} {each['logGroupName']}" for each in groups}
        stacks = self.cloud_formation.stacks
        found |= {each.id for each in stacks if each.status != "DELETE_COMPLETE"}
        neighbours = {
            "artifacts",
            "gallery-two/code",
            "neighbour",
            "table neighbour",
            self.other_pool,
            f"us-east-1 {EDGE_LOGS}0",
            f"eu-west-1 {EDGE_LOGS}0",
        }
        assert neighbours <= found
        assert s3.list_objects_v2(Bucket="neighbour")["KeyCount"] == 1
        return found - neighbours
