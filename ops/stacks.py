"""The stages of samconfig.toml, the account that an operator is about to change, and its stacks."""

import os
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
)
from rich.console import Console
from rich.markup import escape

from ops.deployed_stack import (
    StackDescription,
    StackResource,
    describe_stack,
    stack_resources,
)

ROOT: Final = Path(__file__).parents[1]
STAGES: Final = {"dev": "default", "prod": "prod", "local": "local"}
"""The name of each stage's environment in samconfig.toml; `local` deploys to the laptop cloud."""

EDGE_REGION: Final = "us-east-1"
"""The only region from which CloudFront accepts Lambda@Edge functions and certificates."""


class OperationError(Exception):
    """An operation on a stack failed; the message says why and what to do."""


class Stage(msgspec.Struct, frozen=True):
    """The settings of a stage in samconfig.toml."""

    name: str
    stack: str
    region: str | None
    artifacts_bucket: str | None
    parameters: dict[str, str]
    build_folder: Path = ROOT / ".aws-sam" / "build"


class Account(msgspec.Struct, frozen=True):
    """The account and region of an operation."""

    session: Any
    id: str
    region: str

    def client(self, service: str, region: str | None = None) -> Any:
        config = Config(retries={"total_max_attempts": 5, "mode": "standard"})
        return self.session.client(service, region_name=region or self.region, config=config)


def read_stage(name: str) -> Stage:
    """Read a stage from samconfig.toml.

    Raises:
        OperationError: samconfig.toml has a parameter that is not of the form Name=Value.
    """
    environment = tomllib.loads((ROOT / "samconfig.toml").read_text())[STAGES[name]]
    common = environment["global"]["parameters"]
    deploy = {**common, **environment["deploy"]["parameters"]}
    overrides = deploy.get("parameter_overrides", [])
    return Stage(
        name=name,
        stack=deploy["stack_name"],
        region=deploy.get("region"),
        artifacts_bucket=deploy.get("s3_bucket"),
        parameters=parse_parameters(
            shlex.split(overrides) if isinstance(overrides, str) else overrides
        ),
        build_folder=ROOT / environment["build"]["parameters"].get("build_dir", ".aws-sam/build"),
    )


def parse_parameters(given: list[str]) -> dict[str, str]:
    """Values of `Name=Value` arguments, by name.

    Raises:
        OperationError: one is not of that form.
    """
    parameters = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.isalnum() or name == "ParameterKey":
            raise OperationError(f"Invalid parameter {each!r}: expected Name=Value.")
        parameters[name] = value
    return parameters


def open_account(stage: Stage, expected: str | None) -> Account:
    """The account and region of the environment's credentials.

    Raises:
        OperationError: no region is set, samconfig.toml names another region, the account is not
            `expected` (an account id), or the endpoint does not suit the stage.
    """
    try:
        # Not the process's session, which remembers older credentials. boto3 reads no AWS_REGION.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    except ProfileNotFound as error:
        raise OperationError(f"{error}: set AWS_PROFILE to a profile that exists.") from None
    if stage.region and session.region_name and stage.region != session.region_name:
        raise OperationError(
            f"samconfig.toml deploys stage {stage.name} to {stage.region}, and the environment has"
            f" {session.region_name}: set AWS_REGION={stage.region}, or change samconfig.toml."
        )
    region = stage.region or session.region_name
    if not region:
        raise OperationError("No region is set: set AWS_REGION, or a profile with a region.")
    sts = session.client("sts", region_name=region)
    host = str(urlsplit(sts.meta.endpoint_url).hostname)
    on_aws = host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
    if on_aws == (stage.name == "local"):
        where = "AWS" if on_aws else sts.meta.endpoint_url
        raise OperationError(
            f"Stage {stage.name} cannot be used with {where}: set AWS_ENDPOINT_URL for stage local,"
            " and unset it for all other stages."
        )
    account = _caller(sts)["Account"]
    if expected and account != expected:
        raise OperationError(
            f"The credentials belong to account {account}, not {expected}: check AWS_PROFILE."
        )
    return Account(session, account, region)


def _caller(sts: Any) -> dict[str, str]:
    try:
        return dict(sts.get_caller_identity())
    except NoCredentialsError:
        raise OperationError(
            "No AWS credentials were found: set AWS_PROFILE, or sign in with `aws login` or"
            " `aws sso login`."
        ) from None
    except EndpointConnectionError as error:
        raise OperationError(f"{error} Check the connection and AWS_REGION.") from None
    except (BotoCoreError, ClientError) as error:
        raise OperationError(
            f"AWS does not accept the credentials: {error} Sign in again, or set AWS_PROFILE to"
            " a valid profile. AWS also answers this for a region that the account has not enabled."
        ) from None


def find_stack(account: Account, name: str) -> StackDescription | None:
    """The stack of that name or id; a deleted one is found by its id only."""
    return describe_stack(account.client("cloudformation"), name)


def deleted_stacks(account: Account, name: str) -> Iterator[StackDescription]:
    """Deleted stacks of this name, newest first; CloudFormation lists them for 90 days."""
    pages = account.client("cloudformation").get_paginator("list_stacks")
    for page in pages.paginate(StackStatusFilter=["DELETE_COMPLETE"]):
        for found in page["StackSummaries"]:
            if found["StackName"] == name:
                yield StackDescription(found["StackId"], name, found["StackStatus"])


def list_resources(account: Account, stack_id: str) -> list[StackResource]:
    """All resources that CloudFormation lists for a stack; the stack may be deleted."""
    return stack_resources(account.client("cloudformation"), stack_id)


def show_account(account: Account, stage: Stage, stack: str, console: Console) -> None:
    """Print account, region, stage and stack, for a person to confirm."""
    for name, value in (
        ("account", account.id),
        ("region", account.region),
        ("stage", stage.name),
        ("stack", stack),
    ):
        console.print(f"  {name:<8} [bold]{escape(value)}[/]")


def answer_to(question: str, console: Console, flag: str) -> str:
    """What a person types.

    Raises:
        OperationError: stdin is not a terminal.
    """
    if not sys.stdin.isatty():
        raise OperationError(f"stdin is not a terminal; pass {flag} to confirm.")
    return console.input(question).strip()
