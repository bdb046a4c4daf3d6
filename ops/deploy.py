"""`python -m ops.deploy`: a stage into an account by sam build and sam deploy, and its page.

Says account, region, stage and stack and asks first, and looks at Lambda's concurrency quota before
CloudFormation fails over it.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from ops import publish_site
from ops.concurrency import changes_alias, check_quota, wanted_concurrency
from ops.stacks import (
    ROOT,
    STAGES,
    Account,
    Generation,
    OperationError,
    Stage,
    answer_to,
    find_stack,
    open_account,
    parse_parameters,
    read_stage,
    show_account,
)
from ops.translate import load_template

_EDGE_REGION: Final = "us-east-1"
_ACCESS_LOGS: Final = "ApiAccessLogs"


def merged_parameters(
    stage: Stage, deployed: Generation | None, given: dict[str, str], known: dict[str, Any]
) -> dict[str, str]:
    """What sam is to be told: the deployed stack's architecture, then samconfig.toml, then `given`.

    sam deploy keeps the other parameters of a stack by itself, but sam build does not know them;
    and how one release went says nothing of the next.

    Raises:
        OperationError: the template has no such parameter or value, or the stage is given as one.
    """
    if given.get("Stage", stage.name) != stage.name:
        raise OperationError(f"The stage is {stage.name}, by --stage; --parameter says another.")
    deployed_ones = deployed.parameters if deployed else {}
    kept = {name: deployed_ones[name] for name in ("Architecture",) if name in deployed_ones}
    merged = {"Release": "by-stage", **kept, **stage.parameters, **given, "Stage": stage.name}
    for name, value in merged.items():
        if name not in known:
            raise OperationError(
                f"template.yaml has no parameter {name}; it has {', '.join(sorted(known))}."
            )
        allowed = known[name].get("AllowedValues", [value])
        if value not in allowed:
            raise OperationError(f"{name} is one of {', '.join(allowed)}, not {value}.")
    return merged


def access_logs(
    account: Account, parameters: dict[str, str], deployed: Generation | None
) -> tuple[str, str]:
    """The template's ApiAccessLogs, and what to say of it.

    Who says nothing gets access logs if the account has a role for them: without one, API Gateway
    refuses the deployment.
    """
    kept = deployed.parameters.get(_ACCESS_LOGS, "none") if deployed else "none"
    if said := parameters.get(_ACCESS_LOGS, kept if kept != "none" else ""):
        return said, said.replace("-", " ")
    if account.client("apigateway").get_account().get("cloudwatchRoleArn"):
        return "with-the-accounts-role", "with the account's role"
    return "none", f"none; --parameter {_ACCESS_LOGS}=with-a-new-role makes the account's role"


def check_state(deployed: Generation | None) -> None:
    """Refuse a stack that CloudFormation would not update.

    Raises:
        OperationError: what state it is in, and what to do.
    """
    match deployed.status if deployed else "":
        case "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED":
            raise OperationError(
                f"The first deployment of {deployed and deployed.name} failed, and CloudFormation"
                " updates no such stack: `make destroy`, then deploy again."
            )
        case "UPDATE_ROLLBACK_FAILED":
            raise OperationError(
                f"The last deployment of {deployed and deployed.name} failed, and going back too:"
                " mend what its events name, `aws cloudformation continue-update-rollback`, then"
                " deploy again. docs/runbooks/release.md has the whole of it."
            )
        case status if status.startswith("DELETE_"):
            raise OperationError(
                f"{deployed and deployed.name} is being taken down ({status}): let"
                " `make destroy` come to its end first."
            )
        case "REVIEW_IN_PROGRESS":
            pass  # a change set that nobody executed
        case status if status.endswith("_IN_PROGRESS"):
            raise OperationError(f"Somebody else is deploying ({status}); wait for it.")


def run_sam(account: Account, command: str, stage: Stage, *options: str) -> None:
    """The real sam, its output and its questions on this terminal.

    Raises:
        OperationError: it failed.
    """
    sam = str(Path(sys.executable).with_name("sam"))
    place = ["--config-env", STAGES[stage.name], "--region", account.region]
    done = subprocess.run([sam, command, *place, *options], cwd=ROOT, check=False)
    if done.returncode:
        raise OperationError(f"sam {command} failed (exit status {done.returncode}).")


def _quoted(name: str, value: str) -> str:
    """As sam reads it: a schedule has blanks, and an empty value must be seen."""
    escaped = value.replace('"', '\\"')
    return f'{name}="{escaped}"'


def _open_change_sets(account: Account, deployed: Generation | None) -> set[str]:
    """Those that wait to be executed, as one does that a person declined."""
    if not deployed:
        return set()
    pages = account.client("cloudformation").get_paginator("list_change_sets")
    return {
        found["ChangeSetId"]
        for page in pages.paginate(StackName=deployed.id)
        for found in page["Summaries"]
        if found["ExecutionStatus"] == "AVAILABLE"
    }


def publish(account: Account, outputs: dict[str, str], console: Console) -> None:
    """The page, where there is a distribution for it."""
    if outputs["DistributionId"] == "none":
        console.print(f"[yellow]![/] {escape(outputs['GalleryUrl'])}")
        return
    site = publish_site.Site(account.client("s3"), account.client("cloudfront"), outputs)
    count = publish_site.publish(site, console)
    console.print(f"[green]✓[/] {count} files are at [bold]{escape(outputs['GalleryUrl'])}[/]")


def deploy(options: argparse.Namespace, console: Console) -> None:
    """Check, ask, build, deploy, publish.

    Raises:
        OperationError: what keeps it from being deployed.
    """
    stage = read_stage(options.stage)
    account = open_account(stage, options.account)
    stack = options.stack or stage.stack
    deployed = find_stack(account, stack)
    check_state(deployed)
    template = load_template()
    given = parse_parameters(options.parameter)
    parameters = merged_parameters(stage, deployed, given, template["Parameters"])
    wanted = wanted_concurrency(template, parameters, deployed)
    quota = check_quota(account, deployed, wanted)
    parameters[_ACCESS_LOGS], logs = access_logs(account, parameters, deployed)
    traffic = template["Mappings"]["Traffic"][parameters["Release"]][stage.name]
    if deployed and changes_alias(account, deployed, wanted):
        parameters["Release"] = "at-once"
        traffic = "AllAtOnce, since provisioned concurrency cannot change during a canary"

    console.print("Update:" if deployed else "Create:")
    show_account(account, stage, stack, console)
    console.print(f"  quota    {quota}")
    console.print(f"  traffic  {traffic if deployed else 'new'}")
    console.print(f"  API logs {logs}")
    if account.region != _EDGE_REGION:
        console.print(
            f"[yellow]![/] The page needs CloudFront and Lambda@Edge, which a stack has in"
            f" {_EDGE_REGION} only: this one will have none."
        )
    if not options.yes and answer_to("Deploy? (yes or no) ", console, "--yes") != "yes":
        raise OperationError("Nothing was done.")

    overrides = ["--parameter-overrides", *(_quoted(*each) for each in parameters.items())]
    before = _open_change_sets(account, deployed)
    run_sam(account, "build", stage, *overrides)
    confirmed = ["--no-confirm-changeset"] if options.yes else []
    run_sam(
        account, "deploy", stage, "--stack-name", stack, "--s3-prefix", stack,
        "--no-fail-on-empty-changeset", *confirmed, *overrides,
    )  # fmt: skip
    done = find_stack(account, stack)
    if not done or not done.outputs or _open_change_sets(account, done) - before:
        raise OperationError(f"{stack} was not deployed: its change set was declined.")
    publish(account, done.outputs, console)
    console.print("Whoever may upload is invited, and Cognito mails them a password:")
    console.print(
        f"  aws cognito-idp admin-create-user --region {account.region}"
        f" --user-pool-id {done.outputs['UserPoolId']} --username you@example.com",
        soft_wrap=True,
    )


def main(arguments: list[str] | None = None) -> int:
    """The exit status is 0 only if the stack is deployed, and its page published."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("--stage", choices=STAGES, default="dev")
    parser.add_argument("--stack", help="name of the stack (default: samconfig.toml's)")
    parser.add_argument("--account", help="id of the account that is meant; refuse any other")
    parser.add_argument("--yes", action="store_true", help="ask nothing (for CI)")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the template; may be given more than once",
    )
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    try:
        deploy(options, console)
    except (
        OperationError, publish_site.PublishingError, BotoCoreError, ClientError,
    ) as error:  # fmt: skip
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted; CloudFormation finishes what it has begun.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
