"""Checks of the stack: its state, what earlier ones left, and names that are taken."""

from collections.abc import Iterator
from typing import Final

from ops.destroy import Inventory
from ops.preflight.findings import Finding, blocked, ready, warning
from ops.preflight.target import DeployedTarget
from ops.remains import Remain, find_data, find_log_groups

_CHECK: Final = "Stack"


def check_state(target: DeployedTarget) -> Iterator[Finding]:
    """Whether CloudFormation takes the deployment."""
    if not target.deployed:
        yield ready(_CHECK, f"The deployment creates {target.stack}.")
        return
    name, status = target.deployed.name, target.deployed.status
    cause = f" ({target.failure})" if target.failure else ""
    destroy = f"`make destroy STAGE={target.stage.name}{_stack_argument(target)}`"
    match status:
        case "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED":
            yield blocked(
                _CHECK,
                f"The creation of {name} failed and was rolled back{cause}. CloudFormation cannot"
                f" update it: run {destroy}, then deploy again.",
            )
        case "CREATE_FAILED" | "UPDATE_FAILED":
            yield warning(
                _CHECK,
                f"The last deployment of {name} failed, and what it had created is kept{cause}."
                " This deployment continues it; CloudFormation refuses to replace resources"
                " meanwhile.",
            )
        case "UPDATE_ROLLBACK_FAILED":
            yield blocked(
                _CHECK,
                f"The last deployment of {name} failed, and so did its rollback{cause}. Correct the"
                " cause, run `aws cloudformation continue-update-rollback --stack-name"
                f" {name}`, then deploy again: docs/runbooks/release.md.",
            )
        case "UPDATE_ROLLBACK_COMPLETE":
            yield ready(
                _CHECK,
                f"The deployment updates {name}; the last one failed and was rolled back{cause}.",
            )
        case status if status.startswith("DELETE_"):
            yield blocked(
                _CHECK, f"{name} is being deleted ({status}): let {destroy} finish first."
            )
        case status if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            yield blocked(_CHECK, f"{name} is being deployed ({status}): wait until it is done.")
        case _:
            yield ready(_CHECK, f"The deployment updates {name} ({status}).")


def _stack_argument(target: DeployedTarget) -> str:
    return "" if target.stack == target.stage.stack else f" STACK={target.stack}"


def check_leftovers(target: DeployedTarget) -> Iterator[Finding]:
    """What earlier stacks of this name have left, which the new one does not use."""
    check = "Leftovers"
    said: list[str] = []
    inventory = Inventory(target.account, target.stage, target.stack, said.append)
    earlier = inventory.resources[inventory.count :]
    found: list[Remain] = [
        *find_data(target.account, earlier),
        *find_log_groups(target.account, earlier, said.append),
    ]
    if not found:
        yield ready(check, f"Nothing is left of an earlier {target.stack}.")
        return
    listed = ", ".join(f"{each.kind} {each.name} ({each.holds})" for each in found)
    if target.deployed:
        advice = "delete them by hand if nobody needs them"
    else:
        unprotect = " ARGS=--unprotect" if any(each.protected for each in found) else ""
        command = f"make destroy STAGE={target.stage.name}{_stack_argument(target)}{unprotect}"
        advice = f"`{command}` deletes them"
    yield warning(
        check,
        f"An earlier {target.stack} left {listed}. The new stack does not use them: {advice}.",
    )
