"""Checks of the stack: its state, and what earlier stacks of its name left."""

from collections.abc import Iterator
from typing import Final

from ops import stack_states
from ops.destroy import Inventory
from ops.leftovers import Leftover, find_data, find_log_groups
from ops.preflight.findings import Finding, blocked, ready, warning
from ops.preflight.target import DeployedTarget
from ops.stacks import OperationError

_CHECK: Final = "Stack"


def check_state(target: DeployedTarget) -> Iterator[Finding]:
    """Whether CloudFormation accepts the deployment."""
    deployed = target.deployed
    if deployed is None or stack_states.is_new(deployed):
        yield ready(_CHECK, f"The deployment creates {target.stack}.")
        return
    failure = f"\nThe last deployment's first failure was {target.failure}"
    cause = failure if target.failure else ""
    try:
        stack_states.check_state(target.account, target.stage, deployed)
    except OperationError as error:
        yield blocked(_CHECK, f"{error}{cause}")
        return
    if stack_states.is_continued(deployed):
        yield warning(
            _CHECK,
            f"The last deployment of {target.stack} failed ({deployed.status}), and what succeeded"
            " is preserved. This deployment continues it; CloudFormation does not replace"
            f" resources meanwhile.{cause}",
        )
    else:
        yield ready(_CHECK, f"The deployment updates {target.stack} ({deployed.status}).{cause}")


def _stack_argument(target: DeployedTarget) -> str:
    return "" if target.stack == target.stage.stack else f" STACK={target.stack}"


def check_leftovers(target: DeployedTarget) -> Iterator[Finding]:
    """Data that earlier stacks of this name left, and that the new stack does not use."""
    check = "Leftovers"
    ignored: list[str] = []
    inventory = Inventory(target.account, target.stage, target.stack, ignored.append)
    earlier = inventory.resources[inventory.count :]
    found: list[Leftover] = [
        *find_data(target.account, earlier),
        *find_log_groups(target.account, earlier, ignored.append),
    ]
    if not found:
        yield ready(check, f"Nothing is left of an earlier {target.stack}.")
        return
    listed = ", ".join(f"{each.kind} {each.name} ({each.holds})" for each in found)
    if target.deployed:
        advice = "delete them by hand if they are not needed"
    else:
        unprotect = " ARGS=--unprotect" if any(each.protected for each in found) else ""
        command = f"make destroy STAGE={target.stage.name}{_stack_argument(target)}{unprotect}"
        advice = f"`{command}` deletes them"
    yield warning(
        check,
        f"An earlier {target.stack} left {listed}. The new stack does not use them: {advice}.",
    )
