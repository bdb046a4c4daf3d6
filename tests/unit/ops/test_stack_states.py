"""Which states of a stack can be deployed, and the message for the others."""

from datetime import UTC, datetime

import pytest

from ops import stack_states
from ops.deployed_stack import StackDescription
from ops.leftovers import Leftover
from ops.stack_events import DeploymentOutcome, StackEvent
from ops.stack_states import check_state, explain_failure, kind_of_deployment, preserves
from ops.stacks import Account, OperationError, Stage

PROD = Stage("prod", "gallery", None, None, {"Stage": "prod"})
ACCOUNT = Account(None, "123456789012", "us-east-1")
TABLE = Leftover("table", "gallery-PhotosTable-1", "0 items", "us-east-1", protected=True)
POOL = Leftover("user pool", "us-east-1_abc", "0 users", "us-east-1", protected=True)
OTHER_TABLE = Leftover("table", "gallery-CatalogTable-1", "0 items", "us-east-1")


def stack(status: str, name: str = "gallery") -> StackDescription:
    return StackDescription(f"arn:stack/{name}", name, status)


def event(
    resource: str, status: str, reason: str = "", kind: str = "AWS::S3::Bucket"
) -> StackEvent:
    moment = datetime(2026, 11, 28, tzinfo=UTC)
    return StackEvent(f"{resource}-{status}", moment, resource, "", kind, status, reason)


@pytest.fixture(autouse=True)
def leftovers(monkeypatch: pytest.MonkeyPatch) -> list[Leftover]:
    """What is left of the stack."""
    left: list[Leftover] = []
    monkeypatch.setattr(stack_states, "list_resources", lambda *_: [])
    monkeypatch.setattr(stack_states, "find_data", lambda *_: left)
    return left


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("ROLLBACK_COMPLETE", "make destroy STAGE=prod`"),
        ("ROLLBACK_FAILED", "make destroy STAGE=prod`"),
        ("DELETE_FAILED", "make destroy"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("DELETE_IN_PROGRESS", "make destroy"),
        ("UPDATE_IN_PROGRESS", "wait"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait"),
    ],
)
def test_stack_that_cannot_be_updated_is_refused_with_the_remedy(status: str, advice: str):
    with pytest.raises(OperationError, match=advice):
        check_state(ACCOUNT, PROD, stack(status))


@pytest.mark.parametrize(
    ("status", "kind", "preserve"),
    [
        ("", "Create", True),
        ("REVIEW_IN_PROGRESS", "Create", True),
        ("CREATE_FAILED", "Continue after a failure", True),
        ("UPDATE_FAILED", "Continue after a failure", True),
        ("CREATE_COMPLETE", "Update", False),
        ("UPDATE_COMPLETE", "Update", False),
        ("UPDATE_ROLLBACK_COMPLETE", "Update", False),
    ],
)
def test_creation_is_preserved_and_continued_and_every_later_deployment_rolls_back(
    status: str, kind: str, *, preserve: bool
):
    deployed = stack(status) if status else None
    check_state(ACCOUNT, PROD, deployed)
    assert kind_of_deployment(deployed) == kind
    assert preserves(deployed) is preserve


def test_protected_leftovers_are_named_with_the_command_that_removes_them(
    leftovers: list[Leftover],
):
    leftovers += [OTHER_TABLE, TABLE, POOL]
    with pytest.raises(OperationError) as refused:
        check_state(ACCOUNT, PROD, stack("ROLLBACK_FAILED", "gallery-ann"))
    for words in (
        "table gallery-PhotosTable-1, user pool us-east-1_abc",
        "`make destroy STAGE=prod STACK=gallery-ann ARGS=--unprotect`",
    ):
        assert words in str(refused.value)
    assert OTHER_TABLE.name not in str(refused.value), "only what needs --unprotect"


def test_failed_creation_has_its_cause_and_how_to_continue_or_remove_it(leftovers: list[Leftover]):
    leftovers += [TABLE]
    events = [
        event("Distribution", "CREATE_FAILED", "Your account must be verified"),
        event("MediaBucket", "CREATE_FAILED", "Resource creation cancelled"),
    ]
    outcome = DeploymentOutcome("CREATE_FAILED", events)
    message = explain_failure(ACCOUNT, PROD, stack("CREATE_FAILED"), outcome)
    assert "Distribution (AWS::S3::Bucket): Your account must be verified" in message
    assert "cancelled" not in message, "what failed only because something else had"
    assert "run `make deploy` again: it continues" in message
    assert "Protected from deletion: table gallery-PhotosTable-1" in message
    assert "`make destroy STAGE=prod ARGS=--unprotect`" in message


def test_refused_replacement_says_how_to_continue():
    reason = "Replacement type updates not supported on stack with disable-rollback."
    outcome = DeploymentOutcome("UPDATE_FAILED", [event("MediaBucket", "UPDATE_FAILED", reason)])
    message = explain_failure(ACCOUNT, PROD, stack("UPDATE_FAILED"), outcome)
    assert "Deploy without that change first" in message


def test_rolled_back_update_says_that_the_stack_has_its_previous_state():
    outcome = DeploymentOutcome("UPDATE_ROLLBACK_COMPLETE", [event("MediaBucket", "UPDATE_FAILED")])
    message = explain_failure(ACCOUNT, PROD, stack("UPDATE_ROLLBACK_COMPLETE"), outcome)
    assert "rolled the stack back" in message
    assert "no reason given" in message
    assert "make destroy" not in message
