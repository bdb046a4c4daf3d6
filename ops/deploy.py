"""`python -m ops.deploy`: builds a stage, deploys it by a change set, and publishes its page.

It shows account, region, stage and stack and asks for confirmation before it builds. It asks again
when sam has shown the change set, and before it restores functions that were changed outside the
stack. --yes answers all questions.
"""

import argparse
import sys
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from ops import publish_site
from ops.arguments import add_confirmation, add_parameters, stage_parser
from ops.change_sets import (
    ChangeSet,
    create_change_set,
    discard_change_set,
    execute_change_set,
    retry_failed,
)
from ops.concurrency import RESERVED, changes_alias, wanted_concurrency
from ops.console import command_console
from ops.deployed_stack import StackDescription
from ops.leftover_versions import find_drift, restore_functions
from ops.preflight.account import ACCESS_LOGS
from ops.preflight.examine import Examination, examine
from ops.preflight.table import findings_table
from ops.release_hash import write_release_hashes
from ops.sam import build, parameter_overrides
from ops.stack_states import (
    explain_failure,
    is_continued,
    is_new,
    kind_of_deployment,
    preserves,
)
from ops.stacks import (
    Account,
    OperationError,
    Stage,
    answer_to,
    find_stack,
    open_account,
    parse_parameters,
    read_stage,
    show_account,
)
from tools.translate import load_template


def merged_parameters(
    stage: Stage, deployed: StackDescription | None, given: dict[str, str], known: dict[str, Any]
) -> dict[str, str]:
    """The parameters for sam: samconfig.toml, overridden by `given`, and the deployed architecture.

    sam deploy keeps the other parameters of a stack by itself, but sam build needs Architecture.
    Release is not kept: it applies to one deployment.

    Raises:
        OperationError: the template has no such parameter or value, or `given` has another stage.
    """
    if given.get("Stage", stage.name) != stage.name:
        raise OperationError(
            f"--stage is {stage.name}, and --parameter has Stage={given['Stage']}: use --stage"
        )
    kept = {}
    if deployed and "Architecture" in deployed.parameters:
        kept["Architecture"] = deployed.parameters["Architecture"]
    merged = {"Release": "by-stage", **kept, **stage.parameters, **given, "Stage": stage.name}
    for name, value in merged.items():
        if name not in known:
            raise OperationError(
                f"template.yaml has no parameter {name}; it has {', '.join(sorted(known))}."
            )
        allowed = known[name].get("AllowedValues", [value])
        if value not in allowed:
            raise OperationError(f"{name} is {value!r}: expected one of {', '.join(allowed)}.")
    return merged


def publish(account: Account, outputs: dict[str, str], console: Console) -> None:
    """Publish the page if the stack has a distribution."""
    if outputs["DistributionId"] == "none":
        console.print(f"[yellow]![/] {escape(outputs['GalleryUrl'])}")
        return
    site = publish_site.Site(account.client("s3"), account.client("cloudfront"), outputs)
    count = publish_site.publish(site, console)
    console.print(f"[green]✓[/] {count} files published: [bold]{escape(outputs['GalleryUrl'])}[/]")


def check(
    account: Account, examination: Examination, given: dict[str, str], console: Console
) -> dict[str, str]:
    """Show what the checks of `make preflight` found; returns the parameters for sam.

    Raises:
        OperationError: something prevents the deployment.
    """
    console.print(findings_table(examination.findings))
    if examination.is_blocked:
        raise OperationError("Nothing was deployed: fix what is marked ✗ first.")
    target = examination.target
    deployed, template = target.deployed, target.template
    chosen = {name: target.parameters[name] for name in (ACCESS_LOGS, RESERVED)}
    parameters = {**given, **chosen}
    traffic = template["Mappings"]["Traffic"][parameters["Release"]][target.stage.name]
    if deployed is None or is_new(deployed):
        traffic = "new"
    elif changes_alias(account, deployed, wanted_concurrency(template, parameters, deployed)):
        parameters["Release"] = "at-once"
        traffic = "AllAtOnce, since provisioned concurrency cannot change during a canary"
    console.print(f"  traffic  {traffic}")
    return parameters


def confirm(question: str, console: Console, *, yes: bool) -> bool:
    """Whether a person agrees; --yes agrees without a question.

    Raises:
        OperationError: stdin is not a terminal and --yes is not given.
    """
    return yes or answer_to(f"{question} (yes or no) ", console, "--yes") == "yes"


def restore_drifted_functions(
    account: Account, deployed: StackDescription | None, console: Console, *, yes: bool
) -> dict[str, int]:
    """Undo changes that were made to functions outside CloudFormation, if a person agrees.

    Returns:
        Versions that stay because CloudFront has replicas of them, by the function's logical id.

    Raises:
        OperationError: the person does not agree, or Lambda refuses a change.
    """
    drift = find_drift(account, deployed)
    if deployed is None or not drift:
        return {}
    console.print("Functions that differ from the stack, so the deployment would fail:")
    for each in drift:
        console.print(f"  {escape(each.describe())}")
    if not confirm("Restore them, and delete those versions?", console, yes=yes):
        raise OperationError("Nothing was deployed.")
    return restore_functions(account, deployed, drift, console)


def warn_of_replacements(
    change_set: ChangeSet, deployed: StackDescription | None, console: Console
) -> None:
    """Warn of replacements, which CloudFormation refuses after a preserved failure."""
    if is_continued(deployed) and change_set.replaced:
        console.print(
            "[yellow]![/] The last deployment failed and was preserved. CloudFormation does not"
            " replace a resource until a deployment has succeeded, and this change set replaces"
            f" {', '.join(change_set.replaced)}. If that fails, deploy first without that change."
        )


def deploy(options: argparse.Namespace, console: Console) -> None:
    """Check, ask, build, create a change set, ask again, execute it, and publish the page.

    Raises:
        OperationError: something prevents the deployment, or it failed.
    """
    stage = read_stage(options.stage)
    account = open_account(stage, options.account)
    stack = options.stack or stage.stack
    deployed = find_stack(account, stack)
    console.print(f"{kind_of_deployment(deployed)}:")
    show_account(account, stage, stack, console)
    declared = load_template()["Parameters"]
    given = merged_parameters(stage, deployed, parse_parameters(options.parameter), declared)
    examination = examine(account, stage, stack, deployed, given)
    parameters = check(account, examination, given, console)
    if not confirm("Deploy?", console, yes=options.yes):
        raise OperationError("Nothing was deployed.")

    undeletable = restore_drifted_functions(account, deployed, console, yes=options.yes)
    overrides = parameter_overrides(parameters)
    build(account, stage, *overrides)
    kept = deployed.parameters if deployed else {}
    built = stage.build_folder / "template.yaml"
    write_release_hashes(built, parameters, kept, account.region, undeletable)
    change_set = create_change_set(account, stage, stack, *overrides)
    outcome = None
    if change_set:
        preserve = preserves(deployed)
        warn_of_replacements(change_set, deployed, console)
        console.print(
            "If a resource fails, what succeeded is preserved, and `make deploy` continues."
            if preserve
            else "If a resource fails, CloudFormation rolls the stack back."
        )
        agreed = False
        try:
            agreed = confirm("Execute this change set?", console, yes=options.yes)
        finally:  # Ctrl-C means no
            if not agreed:
                discard_change_set(account, change_set)
        if not agreed:
            raise OperationError("Nothing was deployed, and the change set is deleted.")
        outcome = execute_change_set(account, change_set, console, preserve=preserve)
    elif deployed and is_continued(deployed):
        outcome = retry_failed(account, deployed, console)
    done = find_stack(account, stack)
    if outcome and not outcome.succeeded:
        raise OperationError(explain_failure(account, stage, done, outcome))
    if not done or not done.outputs:
        raise OperationError(f"{stack} was not deployed: it has no outputs.")
    publish(account, done.outputs, console)
    console.print("To invite a user who may upload photos (Cognito emails a temporary password):")
    console.print(
        f"  aws cognito-idp admin-create-user --region {account.region}"
        f" --user-pool-id {done.outputs['UserPoolId']} --username you@example.com",
        soft_wrap=True,
    )


def main(arguments: list[str] | None = None) -> int:
    """Return 0 only if the stack is deployed and its page is published."""
    parser = stage_parser("make deploy", __doc__)
    add_parameters(parser)
    add_confirmation(parser)
    options = parser.parse_args(arguments)
    console = command_console()
    try:
        deploy(options, console)
    except (
        OperationError, publish_site.PublishingError, BotoCoreError, ClientError,
    ) as error:  # fmt: skip
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
