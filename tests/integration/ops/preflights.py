"""Preflights of recorded accounts."""

from ops.deploy import merged_parameters
from ops.preflight.examine import Examination, choose_access_logs, examine, examine_account
from ops.preflight.findings import Finding
from ops.preflight.target import DeployedTarget
from ops.stacks import find_stack, read_stage
from tests.integration.ops.recorded_account import RecordedAccount
from tools.translate import load_template

PROD = read_stage("prod")


def examined(recorded: RecordedAccount, **given: str) -> Examination:
    """All checks."""
    account = recorded.account
    deployed = find_stack(account, PROD.stack)
    parameters = merged_parameters(PROD, deployed, given, load_template()["Parameters"])
    return examine(account, PROD, PROD.stack, deployed, parameters)


def looked(recorded: RecordedAccount, **given: str) -> dict[str, Finding]:
    """The checks of the account alone, which need no transform."""
    account = recorded.account
    target = DeployedTarget(account, PROD, PROD.stack, given, find_stack(account, PROD.stack))
    logs = choose_access_logs(target, given)
    return {each.check: each for each in [*examine_account(target), *logs]}
