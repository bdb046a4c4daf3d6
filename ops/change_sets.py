"""Change sets: sam creates one, and boto3 executes it with options that sam does not have.

With `RetainExceptOnCreate` a rollback deletes what the operation had created, including Lambda
versions. SAM gives versions `DeletionPolicy: Retain`. Without the option the version would stay,
and Lambda would refuse to publish the same code again.
https://github.com/aws/serverless-application-model/issues/1375
"""

import re
import uuid
from pathlib import Path
from typing import Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from ops.deployed_stack import StackDescription
from ops.sam import run_sam
from ops.stack_events import DeploymentOutcome, follow, newest_event
from ops.stacks import ROOT, Account, OperationError, Stage, find_stack

_CREATED: Final = re.compile(r"Changeset created successfully\. (arn:\S+:changeSet/\S+)")
_NO_CHANGES: Final = "No changes to deploy."
_NOTHING_TO_RETRY: Final = "No updates are to be performed"


class ChangeSet(msgspec.Struct, frozen=True):
    """A change set that is not executed yet; `replaced` are logical ids of existing resources."""

    id: str
    stack_id: str
    replaced: tuple[str, ...] = ()


def create_change_set(
    account: Account, stage: Stage, stack: str, *options: str, folder: Path = ROOT
) -> ChangeSet | None:
    """Upload the artifacts, and create and print a change set by sam; None if nothing changes.

    Raises:
        OperationError: sam failed, or the change set cannot be executed.
    """
    output = run_sam(
        account, "deploy", stage, "--stack-name", stack, "--s3-prefix", stack,
        "--no-execute-changeset", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
        *options, folder=folder,
    )  # fmt: skip
    if created := _CREATED.search(output):
        return _describe(account, stack, created[1])
    if _NO_CHANGES in output:
        return None
    raise OperationError(
        "sam deploy printed neither a change set nor that nothing changes: see its output above."
    )


def _describe(account: Account, stack: str, change_set_id: str) -> ChangeSet:
    pages = account.client("cloudformation").get_paginator("describe_change_set")
    changes: list[dict[str, Any]] = []
    found: dict[str, Any] = {}
    for found in pages.paginate(ChangeSetName=change_set_id, StackName=stack):
        changes += [each["ResourceChange"] for each in found["Changes"] if "ResourceChange" in each]
    if found["ExecutionStatus"] != "AVAILABLE":
        raise OperationError(
            f"Change set {change_set_id} cannot be executed: it is {found['ExecutionStatus']},"
            f" {found.get('StatusReason', 'and CloudFormation gives no reason')}."
        )
    return ChangeSet(
        id=found["ChangeSetId"],
        stack_id=found["StackId"],
        replaced=tuple(
            each["LogicalResourceId"]
            for each in changes
            if each["Action"] == "Modify" and each.get("Replacement") == "True"
        ),
    )


def execute_change_set(
    account: Account, change_set: ChangeSet, console: Console, *, preserve: bool
) -> DeploymentOutcome:
    """Execute it, and print its events until CloudFormation has finished.

    `preserve` keeps what succeeds if something fails, instead of a rollback.

    Raises:
        OperationError: the stack was deleted meanwhile.
    """
    before = newest_event(account, change_set.stack_id)
    account.client("cloudformation").execute_change_set(
        ChangeSetName=change_set.id,
        StackName=change_set.stack_id,
        ClientRequestToken=str(uuid.uuid4()),  # a retry of this call is not a second execution
        DisableRollback=preserve,
        RetainExceptOnCreate=True,
    )
    return _follow(account, change_set.stack_id, before, console)


def retry_failed(
    account: Account, deployed: StackDescription, console: Console
) -> DeploymentOutcome:
    """Let CloudFormation retry the failed resources of a preserved stack, without any change.

    Raises:
        OperationError: there is nothing to retry, or the stack was deleted meanwhile.
    """
    before = newest_event(account, deployed.id)
    try:
        account.client("cloudformation").update_stack(
            StackName=deployed.id,
            UsePreviousTemplate=True,
            Parameters=[
                {"ParameterKey": name, "UsePreviousValue": True} for name in deployed.parameters
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            ClientRequestToken=str(uuid.uuid4()),
            DisableRollback=True,
            RetainExceptOnCreate=True,
        )
    except ClientError as error:
        if _NOTHING_TO_RETRY not in error.response["Error"]["Message"]:
            raise
        raise OperationError(
            f"{deployed.name} is {deployed.status}, and CloudFormation finds nothing to retry:"
            " change what failed and deploy again, or run `make destroy`."
        ) from error
    return _follow(account, deployed.id, before, console)


def _follow(account: Account, stack_id: str, before: str, console: Console) -> DeploymentOutcome:
    try:
        return follow(account, stack_id, before, console)
    except (KeyboardInterrupt, BotoCoreError, ClientError):
        console.print(
            "CloudFormation continues the deployment. Run `make deploy` again when it has finished:"
            " that also publishes the page."
        )
        raise


def discard_change_set(account: Account, change_set: ChangeSet) -> None:
    """Delete a change set, and the empty stack that it may have created."""
    client = account.client("cloudformation")
    client.delete_change_set(ChangeSetName=change_set.id, StackName=change_set.stack_id)
    stack = find_stack(account, change_set.stack_id)
    if not stack or stack.status != "REVIEW_IN_PROGRESS":
        return
    listed = client.list_change_sets(StackName=change_set.stack_id)["Summaries"]
    if all(each["ChangeSetId"] == change_set.id for each in listed):
        client.delete_stack(StackName=change_set.stack_id)
