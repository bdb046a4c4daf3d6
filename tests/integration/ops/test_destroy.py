"""Deletion of a stack: data in moto, and a CloudFormation that lists deleted stacks.

The laptop cloud does not list deleted stacks. AWS lists them for 90 days, and so does this one.
"""

import argparse
import functools
import io
import itertools
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import moto
import pytest
from botocore.exceptions import ClientError
from moto.core.models import MockAWS
from rich.console import Console

from ops import destroy
from ops.stacks import Account, OperationError
from tests.integration.ops.cloud_formation import CloudFormation, StoredStack

ACCOUNT = "123456789012"
NAME = "gallery"
FUNCTION = "gallery-EdgeHeadersFunction-1"
EDGE_LOGS = f"/aws/lambda/us-east-1.{FUNCTION}"
CHANGES = ("delete_", "update_")


class Interrupter:
    """Interrupts the run before the change with the given number, as Ctrl-C does."""

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
    """An account with a stack, and with other resources that must stay."""

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
        """All resources except the others that must stay."""
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


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockAWS]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "4")  # so that buckets have pages
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    mock = moto.mock_aws()
    mock.start()
    yield mock
    mock.stop()


type Run = Callable[..., tuple[bool, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `python -m ops.destroy`; returns whether nothing is left, and the output."""

    def run(
        world: World,
        *,
        confirm: str | None = NAME,
        unprotect: bool = False,
        wait: float = 0,
    ) -> tuple[bool, str]:
        session = Account(world, ACCOUNT, "us-east-1")
        monkeypatch.setattr(destroy, "open_account", lambda *_: session)
        monkeypatch.setattr("ops.destroy.time.sleep", world.naps.append)
        monkeypatch.setattr(
            "ops.leftovers.find_stack",
            lambda *_: argparse.Namespace(outputs={"SourceBucket": "artifacts"}),
        )
        output = io.StringIO()
        options = argparse.Namespace(
            stage="dev", stack=NAME, account=None, confirm=confirm, unprotect=unprotect, wait=wait
        )
        done = destroy.destroy(options, Console(file=output, width=200))
        return done, output.getvalue()

    return run


def test_nothing_is_left_and_other_resources_stay(run: Run):
    world = World(objects=9)
    done, output = run(world)
    assert done
    assert world.left() == set()
    assert re.search(r"bucket +media +10 objects", output), "versions and the marker"
    assert "Nothing is left of gallery" in output


def test_leftovers_of_lambda_at_edge_in_other_regions_are_reported(run: Run):
    world = World()
    _, output = run(world)
    assert re.search(rf"log group +{EDGE_LOGS} .*eu-west-1", output), "named before it is deleted"
    assert "The metrics stay in CloudWatch of those regions" in " ".join(output.split())


def test_stack_without_a_page_has_left_nothing_in_other_regions(run: Run):
    world = World()
    for resource in ("Distribution", "EdgeHeadersFunction"):
        del world.stack.resources[resource]
    assert "Lambda@Edge" not in run(world)[1]


def test_retained_resources_are_untouched_until_the_stack_is_deleted(run: Run):
    world = World()
    held: list[int] = []

    def look() -> None:
        held.append(world.s3.list_objects_v2(Bucket="uploads")["KeyCount"])
        moto_client("dynamodb").describe_table(TableName="photos")

    world.cloud_formation.on_delete = look
    run(world)
    assert held == [1]


def test_wrong_name_or_no_terminal_deletes_nothing(run: Run):
    world = World()
    before = world.left()
    with pytest.raises(OperationError, match="'gallery-dev' is not gallery"):
        run(world, confirm="gallery-dev")
    with pytest.raises(OperationError, match="--confirm"):
        run(world, confirm=None)
    assert world.left() == before
    assert world.interrupter.changes == 0


def test_protected_data_is_refused_before_anything_is_deleted(run: Run):
    world = World(protected=True)
    world.stack.protected = True
    with pytest.raises(OperationError) as refusal:
        run(world)
    for words in ("stack gallery", "table photos", f"user pool {world.pool}", "--unprotect"):
        assert words in str(refusal.value)
    assert world.interrupter.changes == 0
    done, _ = run(world, unprotect=True)
    assert done
    assert world.left() == set()
    table = moto_client("dynamodb").describe_table(TableName="neighbour")["Table"]
    assert table["DeletionProtectionEnabled"], "the neighbour's is not ours to switch off"


def test_replicas_at_the_edge_delay_only_the_stack(run: Run):
    world = World()
    world.cloud_formation.replica_rounds = 1
    done, output = run(world)
    assert not done
    assert world.left() == {world.stack.id}
    assert "usually takes a few hours" in output
    assert "Run this command again" in output
    done, output = run(world)
    assert done
    assert world.left() == set()
    assert "DELETE_FAILED" in output


def test_deletion_of_replicas_is_retried_every_ten_minutes(run: Run):
    world = World()
    world.cloud_formation.replica_rounds = 3
    done, _ = run(world, wait=12)
    assert done
    assert world.left() == set()
    assert [nap for nap in world.naps if nap > 60] == [600, 600, 600]


def test_waiting_ends_with_the_hours_given(run: Run, monkeypatch: pytest.MonkeyPatch):
    world = World()
    world.cloud_formation.replica_rounds = 100
    monkeypatch.setattr("ops.destroy.time.monotonic", lambda: sum(world.naps))
    done, _ = run(world, wait=1)
    assert not done
    assert [nap for nap in world.naps if nap > 60] == [600] * 6
    assert world.left() == {world.stack.id}


def test_any_other_failure_is_reported_and_keeps_the_data(run: Run):
    world = World()
    world.cloud_formation.failures = {"Distribution": "Access denied by a policy"}
    with pytest.raises(OperationError, match="Distribution: Access denied by a policy"):
        run(world)
    assert {"uploads", "media", "table photos", world.pool} <= world.left()
    world.cloud_formation.failures = {}
    assert run(world)[0]
    assert world.left() == set()


def test_failure_of_an_earlier_attempt_is_not_reported_again(run: Run):
    world = World()
    world.cloud_formation.failures = {"Distribution": "Access denied by a policy"}
    world.cloud_formation.replica_rounds = 2
    with pytest.raises(OperationError):
        run(world)
    world.cloud_formation.failures = {}
    done, output = run(world)
    assert not done
    assert "replicas" in output


def test_deletion_in_progress_is_awaited(run: Run):
    world = World()
    world.s3.delete_object(Bucket="site", Key="photo")
    world.stack.status = "DELETE_IN_PROGRESS"
    world.cloud_formation.replica_rounds = 1  # which fails the earlier attempt, not this one
    assert run(world)[0]
    assert world.left() == set()


@pytest.mark.parametrize("part", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_run_again_after_an_interruption_anywhere_leaves_nothing(
    run: Run, account: MockAWS, part: int
):
    """`part` is how many changes lie between two that are interrupted, in a run each."""
    first = random.randint(1, part)  # noqa: S311 - which ones
    print(f"interrupted at change {first} and each {part} later")
    for at in itertools.count(first, part):
        world = World(protected=True)
        world.interrupter.at = at
        try:
            run(world, unprotect=True)
        except KeyboardInterrupt:
            world.interrupter.at = None
            assert run(world, unprotect=True)[0], f"interrupted at change {at}"
            assert world.left() == set(), f"interrupted at change {at}"
        else:
            assert world.left() == set()
            break
        account.stop()
        account.start()
    assert at > 10, "changes in all"


def test_resources_that_an_earlier_stack_retained_are_deleted_too(run: Run):
    world = World()
    world.s3.delete_object(Bucket="site", Key="photo")
    world.cloud_formation.delete_stack(world.stack.id, "by hand")
    assert "uploads" in world.left()
    world.s3.create_bucket(Bucket="site")  # it belongs to somebody else, because the name was free
    done, output = run(world)
    assert done
    assert "deleted; this is left" in output
    assert world.left() == {"site"}
    assert run(world)[0], "and once more there is nothing to do"


def test_resources_that_another_stack_imported_stay(run: Run):
    world = World()
    world.s3.delete_object(Bucket="site", Key="photo")
    world.cloud_formation.delete_stack(world.stack.id, "by hand")
    kept = {"Photos": ("AWS::S3::Bucket", "uploads", "Retain")}
    heir = world.cloud_formation.add("heir", kept)
    assert run(world)[0]
    assert world.left() == {"uploads", heir.id}


def test_stack_that_was_never_there_is_an_error(run: Run):
    world = World()
    world.cloud_formation.stacks.clear()
    with pytest.raises(OperationError, match=r"no stack gallery in us-east-1.*AWS_PROFILE"):
        run(world)


def test_stack_that_is_being_changed_is_not_deleted(run: Run):
    world = World()
    world.stack.status = "UPDATE_IN_PROGRESS"
    with pytest.raises(OperationError, match="wait"):
        run(world)
    assert world.interrupter.changes == 0


def test_object_that_s3_keeps_is_named(run: Run, monkeypatch: pytest.MonkeyPatch):
    world = World()
    refusal = {"Key": "00001", "Code": "AccessDenied", "Message": "Legal hold"}
    monkeypatch.setattr(Client, "delete_objects", lambda *_, **__: {"Errors": [refusal]}, False)
    with pytest.raises(OperationError, match="site/00001: AccessDenied, Legal hold"):
        run(world)


def test_regions_that_cannot_be_read_are_reported(run: Run, monkeypatch: pytest.MonkeyPatch):
    def denied(*_: Any, **__: Any) -> None:
        raise ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "DescribeRegions")

    world = World()
    monkeypatch.setattr(Client, "describe_regions", denied)
    _, output = run(world)
    assert output.count("searched for only in us-east-1") == 1
    assert world.left() == {f"eu-west-1 {EDGE_LOGS}"}


KEY = ("Key", "AWS::KMS::Key", "left: AWS::KMS::Key id-1")
ROLE = ("AccessLogsRole", "AWS::IAM::Role", "The role id-1 stays")


@pytest.mark.parametrize(("name", "type_", "told"), [KEY, ROLE])
def test_retained_resource_of_another_type_is_reported(run: Run, name: str, type_: str, told: str):
    world = World()
    world.stack.policies[name] = "Retain"
    found = {"LogicalResourceId": name, "PhysicalResourceId": "id-1", "ResourceType": type_}
    world.stack.resources[name] = found | {"ResourceStatus": "CREATE_COMPLETE"}
    done, output = run(world)
    assert done is (name == "AccessLogsRole")
    assert told in output
