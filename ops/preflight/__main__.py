"""`make preflight`: reports what prevents a deployment, what it creates, and its idle cost.

It changes nothing. The exit status is 0 only if nothing prevents the deployment.
"""

import argparse
import os
import sys

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from ops.arguments import add_parameters, stage_parser
from ops.console import command_console
from ops.deploy import merged_parameters
from ops.preflight.examine import Examination, examine, examine_offline, is_blocked
from ops.preflight.findings import Finding, blocked, missing_action
from ops.preflight.plan import created, idle_cost
from ops.preflight.table import findings_table, plan_table, verdict
from ops.preflight.target import DeploymentTarget
from ops.stacks import (
    EDGE_REGION,
    OperationError,
    Stage,
    find_stack,
    open_account,
    parse_parameters,
    read_stage,
)
from tools.translate import load_template


def examine_in_account(
    stage: Stage, stack: str, given: dict[str, str], account_id: str | None
) -> Examination:
    """Run all checks in the account of the environment's credentials.

    Raises:
        OperationError: the credentials or a parameter are not valid.
    """
    account = open_account(stage, account_id)
    deployed = find_stack(account, stack)
    parameters = merged_parameters(stage, deployed, given, load_template()["Parameters"])
    return examine(account, stage, stack, deployed, parameters)


def examine_without_account(stage: Stage, stack: str, given: dict[str, str]) -> Examination:
    """Run the checks that need no account, for the environment's region, or else us-east-1.

    Raises:
        OperationError: a parameter is not valid.
    """
    parameters = merged_parameters(stage, None, given, load_template()["Parameters"])
    region = stage.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    target = DeploymentTarget(stage, stack, region or EDGE_REGION, parameters)
    return Examination(target, examine_offline(target))


def preflight(options: argparse.Namespace, console: Console) -> bool:
    """Run the checks and print the tables; True if nothing prevents the deployment.

    Raises:
        OperationError: a parameter is not valid.
    """
    stage = read_stage(options.stage)
    stack = options.stack or stage.stack
    given = parse_parameters(options.parameter)
    unreachable: list[Finding] = []
    if options.offline:
        examination = examine_without_account(stage, stack, given)
    else:
        try:
            examination = examine_in_account(stage, stack, given, options.account)
        except OperationError as error:
            unreachable = [blocked("Credentials", str(error))]
        except ClientError as error:
            action = missing_action(error, "cloudformation:DescribeStacks")
            unreachable = [blocked("Stack", f"A deployment needs {action}: {error}")]
        if unreachable:
            examination = examine_without_account(stage, stack, given)
    findings = [*examination.findings, *unreachable]
    target = examination.target
    console.print(
        f"Stage [bold]{stage.name}[/], stack [bold]{escape(stack)}[/],"
        f" region [bold]{escape(target.region)}[/]"
    )
    console.print(findings_table(findings))
    if examination.has_plan:
        console.print(plan_table(created(target), idle_cost(target)))
        console.print()
    console.print(verdict(findings, offline=options.offline))
    return not is_blocked(findings)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 only if nothing prevents the deployment."""
    parser = stage_parser("make preflight", __doc__)
    add_parameters(parser)
    parser.add_argument(
        "--offline",
        action="store_true",
        help="run only checks that need neither account nor network",
    )
    console = command_console()
    try:
        return 0 if preflight(parser.parse_args(arguments), console) else 1
    except (OperationError, BotoCoreError, ClientError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted; nothing was changed.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
