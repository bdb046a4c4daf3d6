"""Events of a stack: printed while an operation runs, and searched for the first failure."""

import time
from datetime import datetime
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape

from ops.stacks import Account, OperationError, find_stack

_POLL_SECONDS: Final = 3.0
_CANCELLED: Final = ("resource creation cancelled", "resource update cancelled")
"""Reasons of resources that CloudFormation cancelled because another one had failed."""
_BEGINNING: Final = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
"""The stack's first status in a deployment."""


class StackEvent(msgspec.Struct, frozen=True):
    """One event of a stack or of a resource in it."""

    id: str
    time: datetime
    resource: str
    physical_id: str
    type: str
    status: str
    reason: str


class DeploymentOutcome(msgspec.Struct, frozen=True):
    """How an operation on a stack ended."""

    status: str
    events: list[StackEvent]

    @property
    def succeeded(self) -> bool:
        return self.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}

    def failures(self) -> list[StackEvent]:
        """Failed resources, the first failure first, without those that were only cancelled."""
        failed = [
            each
            for each in self.events
            if each.status in {"CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"}
            and not each.reason.lower().startswith(_CANCELLED)
        ]
        resources = [each for each in failed if each.type != "AWS::CloudFormation::Stack"]
        return resources or failed


def last_failure(account: Account, stack_id: str) -> str:
    """The first failure of the stack's last deployment, in CloudFormation's words, or ""."""
    events: list[StackEvent] = []
    pages = account.client("cloudformation").get_paginator("describe_stack_events")
    for event in (
        _event(each) for page in pages.paginate(StackName=stack_id) for each in page["StackEvents"]
    ):
        events.insert(0, event)
        if event.physical_id == stack_id and event.status in _BEGINNING:
            break
    failures = DeploymentOutcome("", events).failures()
    return f"{failures[0].resource}: {failures[0].reason}" if failures else ""


def newest_event(account: Account, stack_id: str) -> str:
    """The id of a stack's newest event; a stack in REVIEW_IN_PROGRESS has one too."""
    answer = account.client("cloudformation").describe_stack_events(StackName=stack_id)
    return str(answer["StackEvents"][0]["EventId"])


def follow(account: Account, stack_id: str, after: str, console: Console) -> DeploymentOutcome:
    """Wait for the operation whose events follow the event `after`, and print them.

    Raises:
        OperationError: the stack was deleted meanwhile.
    """
    shown: set[str] = set()
    running: dict[str, None] = {}
    with console.status("CloudFormation starts") as progress:
        while True:
            stack = find_stack(account, stack_id)
            if not stack:
                raise OperationError(f"The stack {stack_id} was deleted during the deployment.")
            events = _newest_first(account, stack_id, after)[::-1]
            for event in events:
                if event.id not in shown:
                    shown.add(event.id)
                    _show(event, running, console)
            progress.update(f"In progress: {', '.join(running) or 'the stack'}")
            # Right after the request the stack may still have its earlier status.
            own = [each for each in events if each.physical_id == stack_id]
            if own and not _in_progress(own[-1].status) and not _in_progress(stack.status):
                return DeploymentOutcome(stack.status, events)
            time.sleep(_POLL_SECONDS)


def _in_progress(status: str) -> bool:
    return status.endswith("_IN_PROGRESS")


def _show(event: StackEvent, running: dict[str, None], console: Console) -> None:
    if _in_progress(event.status):
        running[event.resource] = None
        return
    running.pop(event.resource, None)
    is_failure = "FAILED" in event.status or "ROLLBACK" in event.status
    color = "red" if is_failure else "green"
    reason = f": {event.reason}" if event.reason else ""
    console.print(
        f"  {event.time:%H:%M:%S} [{color}]{event.status}[/] {event.resource}{escape(reason)}",
        soft_wrap=True,
    )


def _newest_first(account: Account, stack_id: str, after: str) -> list[StackEvent]:
    found: list[StackEvent] = []
    pages = account.client("cloudformation").get_paginator("describe_stack_events")
    for page in pages.paginate(StackName=stack_id):
        for each in page["StackEvents"]:
            if each["EventId"] == after:
                return found
            found.append(_event(each))
    return found


def _event(described: dict[str, Any]) -> StackEvent:
    return StackEvent(
        id=described["EventId"],
        time=described["Timestamp"],
        resource=described["LogicalResourceId"],
        physical_id=described.get("PhysicalResourceId", ""),
        type=described["ResourceType"],
        status=described["ResourceStatus"],
        reason=described.get("ResourceStatusReason", ""),
    )
