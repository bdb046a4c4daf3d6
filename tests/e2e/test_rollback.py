"""Rollbacks of a release, on the laptop's CloudFormation.

Where Lambda refuses to publish a version that equals the newest one, ministack looks only whether
anything was written to the function since: there a version left behind blocks nothing. ministack
also refuses UpdateStack after a failure that was preserved, and takes change sets only.

A small SAM template stands for the gallery's: one function with an alias, and a parameter whose
name is taken, so that its creation fails after the new version has been published.
"""

import io
import itertools
import zipfile
from collections.abc import Iterator
from typing import Any, Final

import pytest
from rich.console import Console

from localcloud.cloud import Cloud
from ops import stack_events
from ops.change_sets import ChangeSet, execute_change_set
from ops.deployed_stack import StackDescription
from ops.leftover_versions import find_drift, restore_functions
from ops.stack_events import DeploymentOutcome
from ops.stack_states import preserves
from ops.stacks import Account, Stage, find_stack, list_resources, open_account

BUCKET: Final = "rollback"
TAKEN: Final = "/rollback/taken"
TEMPLATE: Final = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  GreeterFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: {code}
      Handler: index.handler
      Runtime: python3.13
      AutoPublishAlias: live
"""
BREAKING: Final = f"""\
  Breaking:
    Type: AWS::SSM::Parameter
    DependsOn: GreeterFunctionAliaslive
    Properties: {{Name: {TAKEN}, Type: String, Value: x}}
"""
SILENT: Final = Console(file=io.StringIO())
numbers: Final = itertools.count(1)


class Release:
    """One stack, and what a deployment does with it."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.name = name
        self.cloud = cloud
        self.account: Account = open_account(Stage("local", name, None, None, {}), None)

    @property
    def stack(self) -> StackDescription:
        found = find_stack(self.account, self.name)
        assert found
        return found

    def change_set(self, answer: str, *, breaking: bool = False) -> ChangeSet:
        """As sam would create it."""
        client = self.cloud.client("cloudformation")
        template = TEMPLATE.format(code=self.upload(answer)) + (BREAKING if breaking else "")
        created = client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"change-{next(numbers)}",
            ChangeSetType="UPDATE" if find_stack(self.account, self.name) else "CREATE",
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM"],
        )
        names = {"ChangeSetName": created["Id"], "StackName": self.name}
        client.get_waiter("change_set_create_complete").wait(**names, WaiterConfig={"Delay": 1})
        return ChangeSet(created["Id"], created["StackId"])

    def deploy(
        self, answer: str, *, breaking: bool = False, preserve: bool = False
    ) -> DeploymentOutcome:
        change_set = self.change_set(answer, breaking=breaking)
        return execute_change_set(self.account, change_set, SILENT, preserve=preserve)

    def deploy_as_sam_does(self, answer: str, *, breaking: bool = False) -> str:
        """Without RetainExceptOnCreate, for which sam has no option."""
        change_set = self.change_set(answer, breaking=breaking)
        client = self.cloud.client("cloudformation")
        client.execute_change_set(ChangeSetName=change_set.id, DisableRollback=False)
        client.get_waiter("stack_rollback_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 1}
        )
        return self.stack.status

    def upload(self, answer: str) -> str:
        """A function that answers this; the same answer is the same zip."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as code:
            source = f"def handler(event, context): return {answer!r}"
            code.writestr(zipfile.ZipInfo("index.py"), source)
        s3, key = self.cloud.client("s3"), f"{answer}.zip"
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=key, Body=archive.getvalue())
        return f"s3://{BUCKET}/{key}"

    @property
    def function(self) -> str:
        """Its name, also where the stack has no outputs since it failed."""
        [name] = [
            each.physical_id
            for each in list_resources(self.account, self.stack.id)
            if each.logical_id == "GreeterFunction"
        ]
        return name

    def versions(self) -> list[str]:
        client = self.cloud.client("lambda")
        listed = client.list_versions_by_function(FunctionName=self.function)
        return [each["Version"] for each in listed["Versions"] if each["Version"] != "$LATEST"]

    def live(self) -> str:
        """What the alias's version answers."""
        client = self.cloud.client("lambda")
        answer = client.invoke(FunctionName=self.function, Qualifier="live")
        return str(answer["Payload"].read().decode().strip('"'))


@pytest.fixture
def release(
    cloud: Cloud, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Release]:
    """A stack that does not exist yet, and a taken name."""
    monkeypatch.setattr(stack_events, "_POLL_SECONDS", 0.1)
    cloud.client("ssm").put_parameter(Name=TAKEN, Type="String", Value="somebody's")
    release = Release(cloud, f"rollback-{request.node.name.replace('_', '-')[5:60]}")
    yield release
    cloud.client("ssm").delete_parameters(Names=[TAKEN])
    for answer in ("one", "two"):
        cloud.client("s3").delete_object(Bucket=BUCKET, Key=f"{answer}.zip")
    cloud.client("s3").delete_bucket(Bucket=BUCKET)
    client = cloud.client("cloudformation")
    client.delete_stack(StackName=release.name)
    client.get_waiter("stack_delete_complete").wait(
        StackName=release.name, WaiterConfig={"Delay": 1}
    )


def free_name(cloud: Cloud) -> None:
    cloud.client("ssm").delete_parameter(Name=TAKEN)


def reasons(outcome: DeploymentOutcome) -> dict[str, Any]:
    return {each.resource: each.reason for each in outcome.failures()}


def test_rolled_back_release_does_not_block_the_next_one(release: Release, cloud: Cloud):
    assert release.deploy("one", preserve=True).succeeded
    failed = release.deploy("two", breaking=True)
    assert failed.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "already exists" in reasons(failed)["Breaking"]
    assert release.versions() == ["1"], "RetainExceptOnCreate: the rollback takes version 2 along"
    assert find_drift(release.account, release.stack) == []
    free_name(cloud)
    assert release.deploy("two", breaking=True).succeeded, "the same again"
    assert release.live() == "two"


def test_version_that_plain_sam_deploy_leaves_is_found_and_deleted(release: Release):
    assert release.deploy("one", preserve=True).succeeded
    assert release.deploy_as_sam_does("two", breaking=True) == "UPDATE_ROLLBACK_COMPLETE"
    assert release.versions() == ["1", "2"]
    [drift] = find_drift(release.account, release.stack)
    assert drift.describe() == "GreeterFunction: the stack does not have version 2"
    assert restore_functions(release.account, release.stack, [drift], SILENT) == {}
    assert release.versions() == ["1"]
    assert release.deploy("two").succeeded
    assert release.live() == "two"


def test_synced_code_is_restored(release: Release, cloud: Cloud):
    """`sam sync --code` leaves such a function."""
    assert release.deploy("one", preserve=True).succeeded
    client, function = cloud.client("lambda"), release.function
    bucket, _, key = release.upload("two").removeprefix("s3://").partition("/")
    client.update_function_code(FunctionName=function, S3Bucket=bucket, S3Key=key)
    version = client.publish_version(FunctionName=function)["Version"]
    client.update_alias(FunctionName=function, Name="live", FunctionVersion=version)
    assert release.live() == "two"

    [drift] = find_drift(release.account, release.stack)
    assert drift.describe() == (
        "GreeterFunction: alias live is at version 2, the stack says 1; the stack does not have"
        " version 2; the code or layers of $LATEST were changed outside CloudFormation"
    )
    assert restore_functions(release.account, release.stack, [drift], SILENT) == {}
    assert find_drift(release.account, release.stack) == []
    assert release.live() == "one"


def test_failed_creation_is_continued_and_later_deployments_roll_back(
    release: Release, cloud: Cloud
):
    failed = release.deploy("one", breaking=True, preserve=True)
    assert failed.status == "CREATE_FAILED"
    assert release.versions() == ["1"], "what succeeded is preserved"
    assert preserves(release.stack)
    assert release.deploy("one", breaking=True, preserve=True).status == "UPDATE_FAILED"
    assert preserves(release.stack)
    free_name(cloud)
    assert release.deploy("one", breaking=True, preserve=True).succeeded
    assert release.live() == "one"
    assert find_drift(release.account, release.stack) == []
    assert not preserves(release.stack)
