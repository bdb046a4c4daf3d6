"""The state of a stack: whether it can be deployed, and what to do if it cannot."""

from typing import Final

from ops.deployed_stack import StackDescription
from ops.leftovers import find_data
from ops.stack_events import DeploymentOutcome, StackEvent
from ops.stacks import Account, OperationError, Stage, list_resources

_CONTINUED: Final = ("CREATE_FAILED", "UPDATE_FAILED")
_ROLLED_BACK: Final = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
_PROTECTED: Final = ("AWS::Cognito::UserPool", "AWS::DynamoDB::Table")
_NO_REPLACEMENT: Final = "Replacement type updates not supported"


def is_new(deployed: StackDescription | None) -> bool:
    """Whether nothing of the stack exists; REVIEW_IN_PROGRESS is a change set not yet executed."""
    return deployed is None or deployed.status == "REVIEW_IN_PROGRESS"


def is_continued(deployed: StackDescription | None) -> bool:
    """Whether a deployment failed, and CloudFormation preserved what had succeeded."""
    return deployed is not None and deployed.status in _CONTINUED


def preserves(deployed: StackDescription | None) -> bool:
    """Whether the next deployment, if it fails, preserves what succeeded instead of rolling back.

    A complete stack is rolled back. CloudFormation accepts a deployment of a stack in CREATE_FAILED
    or UPDATE_FAILED only with rollback disabled.
    """
    return is_new(deployed) or is_continued(deployed)


def kind_of_deployment(deployed: StackDescription | None) -> str:
    """What the next deployment does, for the confirmation."""
    if is_new(deployed):
        return "Create"
    return "Continue after a failure" if is_continued(deployed) else "Update"


def check_state(account: Account, stage: Stage, deployed: StackDescription | None) -> None:
    """Check that CloudFormation can update the stack.

    Raises:
        OperationError: it cannot; the message names the state and says what to do.
    """
    if deployed is None or is_new(deployed) or is_continued(deployed):
        return
    name, status = deployed.name, deployed.status
    if status in _ROLLED_BACK:
        raise OperationError(
            f"The first deployment of {name} failed and was rolled back ({status}), and"
            " CloudFormation cannot update such a stack."
            f"\n{how_to_remove(account, stage, deployed)}\nThen deploy again."
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        raise OperationError(
            f"The last deployment of {name} failed, and so did its rollback ({status}). Fix the"
            " causes in the stack's events, run `aws cloudformation continue-update-rollback"
            f" --stack-name {name}`, then deploy again. See docs/runbooks/release.md."
        )
    if status.startswith("DELETE_"):
        raise OperationError(
            f"{name} is being deleted ({status}): let `make destroy` finish, then deploy again."
        )
    if status.endswith("_IN_PROGRESS"):
        raise OperationError(f"Another deployment of {name} is running ({status}): wait for it.")


def how_to_remove(account: Account, stage: Stage, deployed: StackDescription) -> str:
    """The command that removes what is left of a stack whose creation failed."""
    resources = list_resources(account, deployed.id)
    data = find_data(account, [each for each in resources if each.type in _PROTECTED])
    command = f"make destroy STAGE={stage.name}"
    if deployed.name != stage.stack:
        command += f" STACK={deployed.name}"
    protected = [f"{each.kind} {each.name}" for each in data if each.protected]
    if not protected:
        return f"To remove what is left of it: `{command}`."
    return (
        f"Protected from deletion: {', '.join(protected)}."
        f" To remove them and the rest: `{command} ARGS=--unprotect`."
    )


def explain_failure(
    account: Account, stage: Stage, deployed: StackDescription | None, outcome: DeploymentOutcome
) -> str:
    """What failed first, the state of the stack, and what to do."""
    reasons = [_reason(each) for each in outcome.failures()]
    lines = ["The deployment failed:", *reasons, _next_step(outcome.status)]
    if deployed and outcome.status == "CREATE_FAILED":
        lines.append(how_to_remove(account, stage, deployed))
    if any(_NO_REPLACEMENT in each.reason for each in outcome.events):
        lines.append(
            "CloudFormation does not replace a resource while it preserves what succeeded. Deploy"
            " without that change first, then make the change in a second deployment."
        )
    return "\n".join(lines)


def _reason(event: StackEvent) -> str:
    return f"  {event.resource} ({event.type}): {event.reason or 'no reason given'}"


def _next_step(status: str) -> str:
    match status:
        case "CREATE_FAILED" | "UPDATE_FAILED":
            return (
                f"What succeeded is preserved ({status}). Fix the cause and run `make deploy`"
                " again: it continues with the rest."
            )
        case "UPDATE_ROLLBACK_COMPLETE":
            return (
                "CloudFormation has rolled the stack back to its previous state. Fix the cause and"
                " run `make deploy` again."
            )
        case _:
            return f"The stack is {status}. Run `make deploy` again, which says what to do."
