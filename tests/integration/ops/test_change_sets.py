"""Change sets against CloudFormation's answers, in the order in which it gives them."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import ANY
from rich.console import Console

from ops import change_sets, stack_events
from ops.change_sets import (
    ChangeSet,
    create_change_set,
    discard_change_set,
    execute_change_set,
    retry_failed,
)
from ops.deployed_stack import StackDescription
from ops.stack_events import DeploymentOutcome
from ops.stacks import OperationError, Stage
from tests.integration.ops.recorded import Recorded

HERE: Final = "arn:aws:cloudformation:us-east-1:123456789012"
STACK: Final = f"{HERE}:stack/gallery/5b0f9d10-cc2e-11f0-9a7c-0e1b2f3d4c5a"
CHANGE_SET: Final = f"{HERE}:changeSet/samcli-deploy1764340000/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
DEV: Final = Stage("dev", "gallery", None, None, {})
CREATED: Final = f"""
Waiting for changeset to be created..

CloudFormation stack changeset
-------------------------------------------------------------------
Operation      LogicalResourceId      ResourceType      Replacement
-------------------------------------------------------------------
* Modify       PhotosTable            AWS::DynamoDB::Table      True
-------------------------------------------------------------------


Changeset created successfully. {CHANGE_SET}

"""
EMPTY: Final = (
    "Waiting for changeset to be created..\n\nNo changes to deploy. Stack gallery is up to date\n"
)
REPLICATED: Final = (
    "Lambda was unable to delete arn:aws:lambda:us-east-1:123456789012:function:gallery-Edge:4"
    " because it is a replicated function."
)
BEGIN: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)


def event(number: int, resource: str, status: str, reason: str = "") -> dict[str, Any]:
    """The number-th event; `gallery` is the stack itself."""
    own = resource == "gallery"
    described = {
        "StackId": STACK,
        "StackName": "gallery",
        "EventId": f"event-{number}",
        "LogicalResourceId": resource,
        "PhysicalResourceId": STACK if own else f"gallery-{resource}",
        "ResourceType": "AWS::CloudFormation::Stack" if own else "AWS::Lambda::Version",
        "ResourceStatus": status,
        "Timestamp": BEGIN + timedelta(seconds=number),
    }
    return described | ({"ResourceStatusReason": reason} if reason else {})


BEFORE: Final = event(0, "gallery", "UPDATE_COMPLETE")


class CloudFormation(Recorded):
    """CloudFormation's answers about one stack."""

    def status(self, status: str) -> None:
        stack = {"StackId": STACK, "StackName": "gallery", "StackStatus": status}
        described = {"Stacks": [stack | {"CreationTime": BEGIN}]}
        self.expect("cloudformation", "describe_stacks", described, StackName=STACK)

    def events(self, *pages: list[dict[str, Any]]) -> None:
        """Newest first, in pages, of which all up to the event from before are asked for."""
        for number, page in enumerate(pages):
            last = number == len(pages) - 1
            answer = {"StackEvents": page} | ({} if last else {"NextToken": f"page-{number + 1}"})
            token = {"NextToken": f"page-{number}"} if number else {}
            request = {"StackName": STACK, **token}
            self.expect("cloudformation", "describe_stack_events", answer, **request)

    def execution(self, *, preserve: bool) -> None:
        self.events([BEFORE])
        self.expect(
            "cloudformation", "execute_change_set", {}, ChangeSetName=CHANGE_SET, StackName=STACK,
            ClientRequestToken=ANY, DisableRollback=preserve, RetainExceptOnCreate=True,
        )  # fmt: skip


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    monkeypatch.setattr(stack_events, "_POLL_SECONDS", 0.0)
    recorded = CloudFormation()
    yield recorded
    recorded.assert_all_asked()


def create(
    recorded: CloudFormation, monkeypatch: pytest.MonkeyPatch, output: str
) -> ChangeSet | None:
    """Create a change set with a `sam` that prints `output`."""
    told: list[str] = []

    def sam(*arguments: Any, **_: Any) -> str:
        told.extend(arguments[1:2] + arguments[3:])
        return output

    monkeypatch.setattr(change_sets, "run_sam", sam)
    created = create_change_set(recorded.account, DEV, "gallery", "--more")
    assert told[:5] == ["deploy", "--stack-name", "gallery", "--s3-prefix", "gallery"]
    assert {"--no-execute-changeset", "--no-confirm-changeset"} <= {*told}, "sam asks nothing"
    assert "--no-fail-on-empty-changeset" in told
    assert told[-1] == "--more"
    return created


def described(
    recorded: CloudFormation, *pages: list[dict[str, Any]], status: str = "AVAILABLE", **more: Any
) -> None:
    for number, changes in enumerate(pages):
        answer = {
            "ChangeSetId": CHANGE_SET,
            "StackId": STACK,
            "ExecutionStatus": status,
            "Changes": [{"Type": "Resource", "ResourceChange": each} for each in changes],
            **more,
        }
        token = {"NextToken": f"page-{number}"} if number else {}
        if number < len(pages) - 1:
            answer["NextToken"] = f"page-{number + 1}"
        request = {"ChangeSetName": CHANGE_SET, "StackName": "gallery"}
        recorded.expect("cloudformation", "describe_change_set", answer, **request, **token)


def change(resource: str, action: str, replacement: str | None = None) -> dict[str, str]:
    found = {"Action": action, "LogicalResourceId": resource, "ResourceType": "AWS::S3::Bucket"}
    return found | ({"Replacement": replacement} if replacement else {})


def test_change_set_is_the_one_that_sam_names(
    recorded: CloudFormation, monkeypatch: pytest.MonkeyPatch
):
    described(
        recorded,
        [change("New", "Add"), change("Photos", "Modify", "True")],
        [change("Old", "Remove"), change("Api", "Modify", "Conditional")],
        [change("Views", "Modify", "True"), change("Site", "Modify", "False")],
    )
    assert create(recorded, monkeypatch, CREATED) == ChangeSet(
        CHANGE_SET, STACK, ("Photos", "Views")
    )


def test_no_changes_create_no_change_set(recorded: CloudFormation, monkeypatch: pytest.MonkeyPatch):
    assert create(recorded, monkeypatch, EMPTY) is None


def test_unknown_output_of_sam_is_not_mistaken_for_no_changes(
    recorded: CloudFormation, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(OperationError, match="printed neither"):
        create(recorded, monkeypatch, "Change set made: see the console.\n")


def test_change_set_that_cannot_be_executed_is_refused_with_cloudformations_reason(
    recorded: CloudFormation, monkeypatch: pytest.MonkeyPatch
):
    described(recorded, [], status="OBSOLETE", StatusReason="the stack was updated meanwhile")
    with pytest.raises(OperationError, match=r"OBSOLETE, the stack was updated meanwhile"):
        create(recorded, monkeypatch, CREATED)


def execute(recorded: CloudFormation, *, preserve: bool = False) -> tuple[DeploymentOutcome, str]:
    output = io.StringIO()
    console = Console(file=output, width=200)
    change_set = ChangeSet(CHANGE_SET, STACK)
    outcome = execute_change_set(recorded.account, change_set, console, preserve=preserve)
    return outcome, output.getvalue()


@pytest.mark.parametrize("preserve", [True, False])
def test_execution_is_followed_to_its_end_and_each_event_is_shown_once(
    recorded: CloudFormation, *, preserve: bool
):
    recorded.execution(preserve=preserve)
    recorded.status("UPDATE_COMPLETE")  # still that of the deployment before
    recorded.events([BEFORE])
    begun = [event(1, "gallery", "UPDATE_IN_PROGRESS"), event(2, "Api1", "CREATE_IN_PROGRESS")]
    recorded.status("UPDATE_IN_PROGRESS")
    recorded.events([begun[1], begun[0], BEFORE])
    more = [event(3, "Api1", "CREATE_COMPLETE"), event(4, "gallery", "UPDATE_COMPLETE")]
    recorded.status("UPDATE_COMPLETE")
    recorded.events(more[::-1], [*begun[::-1], BEFORE, event(-1, "Old", "CREATE_FAILED")])
    outcome, output = execute(recorded, preserve=preserve)
    assert outcome.succeeded
    assert outcome.failures() == [], "an earlier deployment's failure is not this one's"
    assert output.count("12:00:03 CREATE_COMPLETE Api1") == 1
    assert "IN_PROGRESS" not in output


def test_rolled_back_update_names_the_first_failure_and_the_edge_version_that_stays(
    recorded: CloudFormation,
):
    events = [
        event(1, "gallery", "UPDATE_IN_PROGRESS"),
        event(2, "Schedule", "UPDATE_FAILED", "Invalid Schedule Expression"),
        event(3, "Distribution", "UPDATE_FAILED", "Resource update cancelled"),
        event(4, "gallery", "UPDATE_ROLLBACK_IN_PROGRESS", "failed to update: [Schedule]"),
        event(5, "gallery", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
        event(6, "Edge4", "DELETE_FAILED", REPLICATED),
        event(7, "gallery", "UPDATE_ROLLBACK_COMPLETE"),
    ]
    recorded.execution(preserve=False)
    recorded.status("UPDATE_ROLLBACK_COMPLETE")
    recorded.events([*events[::-1], BEFORE])
    outcome, output = execute(recorded)
    assert not outcome.succeeded
    assert [each.resource for each in outcome.failures()] == ["Schedule", "Edge4"]
    assert "UPDATE_FAILED Schedule: Invalid Schedule Expression" in output


def test_failed_validation_is_followed_until_the_rollback_has_ended(recorded: CloudFormation):
    """CloudFormation says UPDATE_FAILED of the stack, and only then begins to roll back."""
    failed = event(1, "gallery", "UPDATE_FAILED", "Validation failed with 1 error(s).")
    recorded.execution(preserve=False)
    recorded.status("UPDATE_ROLLBACK_IN_PROGRESS")
    recorded.events([failed, BEFORE])
    recorded.status("UPDATE_ROLLBACK_COMPLETE")
    recorded.events([event(2, "gallery", "UPDATE_ROLLBACK_COMPLETE"), failed, BEFORE])
    outcome, _ = execute(recorded)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert [each.reason for each in outcome.failures()] == ["Validation failed with 1 error(s)."]


@pytest.mark.parametrize(
    "interruption", [KeyboardInterrupt(), ConnectTimeoutError(endpoint_url="cloudformation")]
)
def test_interrupted_wait_reports_that_cloudformation_continues(
    recorded: CloudFormation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    interruption: BaseException,
):
    def interrupted(*_: Any) -> DeploymentOutcome:
        raise interruption

    monkeypatch.setattr(change_sets, "follow", interrupted)
    recorded.execution(preserve=False)
    with pytest.raises(type(interruption)):
        execute_change_set(
            recorded.account, ChangeSet(CHANGE_SET, STACK), Console(width=200), preserve=False
        )
    assert "CloudFormation continues" in capsys.readouterr().out


def test_retry_repeats_template_and_parameters_and_preserves(recorded: CloudFormation):
    recorded.events([BEFORE])
    recorded.expect(
        "cloudformation", "update_stack", {}, StackName=STACK, UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Stage", "UsePreviousValue": True}],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        ClientRequestToken=ANY, DisableRollback=True, RetainExceptOnCreate=True,
    )  # fmt: skip
    recorded.status("UPDATE_COMPLETE")
    recorded.events([event(1, "gallery", "UPDATE_COMPLETE"), BEFORE])
    deployed = StackDescription(STACK, "gallery", "CREATE_FAILED", {"Stage": "dev"})
    assert retry_failed(recorded.account, deployed, Console(file=io.StringIO())).succeeded


def test_retry_of_an_unknown_photo_says_what_to_do(recorded: CloudFormation):
    recorded.events([BEFORE])
    recorded.refuse(
        "cloudformation", "update_stack", "ValidationError", "No updates are to be performed."
    )
    deployed = StackDescription(STACK, "gallery", "CREATE_FAILED", {"Stage": "dev"})
    with pytest.raises(OperationError, match="nothing to retry: change what failed"):
        retry_failed(recorded.account, deployed, Console(file=io.StringIO()))


@pytest.mark.parametrize(
    ("status", "others", "deleted"),
    [
        ("UPDATE_COMPLETE", 0, False),
        ("REVIEW_IN_PROGRESS", 0, True),
        ("REVIEW_IN_PROGRESS", 1, False),
    ],
)
def test_declined_change_set_is_deleted_with_its_stack_only_if_that_is_empty(
    recorded: CloudFormation, status: str, others: int, *, deleted: bool
):
    recorded.expect(
        "cloudformation", "delete_change_set", {}, ChangeSetName=CHANGE_SET, StackName=STACK
    )
    recorded.status(status)
    if status == "REVIEW_IN_PROGRESS":
        going = {"ChangeSetId": CHANGE_SET, "Status": "DELETE_IN_PROGRESS"}
        summaries = [going, *[{"ChangeSetId": f"{CHANGE_SET}0"}] * others]
        recorded.expect(
            "cloudformation", "list_change_sets", {"Summaries": summaries}, StackName=STACK
        )
    if deleted:
        recorded.expect("cloudformation", "delete_stack", {}, StackName=STACK)
    discard_change_set(recorded.account, ChangeSet(CHANGE_SET, STACK))
