"""A deployed stack as CloudFormation describes it."""

import json
import os
from typing import Any, Literal

import boto3
import msgspec
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError
from samcli.yamlhelper import yaml_parse


class StackError(Exception):
    """The stack does not exist, or was deployed from another template."""


class StackDescription(msgspec.Struct, frozen=True):
    """A stack. CloudFormation describes a deleted one by its id for 90 days."""

    id: str
    name: str
    status: str
    parameters: dict[str, str] = {}
    outputs: dict[str, str] = {}
    termination_protection: bool = False


class StackResource(msgspec.Struct, frozen=True):
    """One of a stack's resources, as CloudFormation lists it."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str


def describe_stack(cloudformation: Any, name: str) -> StackDescription | None:
    """The stack of that name or id; a deleted one is found by its id only."""
    try:
        [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    return StackDescription(
        id=found["StackId"],
        name=found["StackName"],
        status=found["StackStatus"],
        parameters={
            each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])
        },
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
        termination_protection=found.get("EnableTerminationProtection", False),
    )


def stack_resources(cloudformation: Any, name: str) -> list[StackResource]:
    """All resources of the stack of that name or id."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return [
        StackResource(
            logical_id=found["LogicalResourceId"],
            physical_id=found.get("PhysicalResourceId", ""),
            type=found["ResourceType"],
            status=found["ResourceStatus"],
            reason=found.get("ResourceStatusReason", ""),
        )
        for page in pages
        for found in page["StackResourceSummaries"]
    ]


def template_text(
    cloudformation: Any, stack_id: str, stage: Literal["Original", "Processed"]
) -> str:
    """The stack's template as JSON or YAML: as uploaded, or as SAM's transform has made it."""
    answer = cloudformation.get_template(StackName=stack_id, TemplateStage=stage)
    body = answer["TemplateBody"]
    return body if isinstance(body, str) else json.dumps(body)  # boto3 decodes JSON


def deployed_template(
    cloudformation: Any, stack_id: str, stage: Literal["Original", "Processed"]
) -> dict[str, Any]:
    """The stack's template, parsed: as uploaded, or as SAM's transform has made it."""
    template: dict[str, Any] = yaml_parse(template_text(cloudformation, stack_id, stage))
    return template


class DeployedStack:
    """A stack that a command works with, by the credentials and endpoint of the environment."""

    def __init__(self, name: str) -> None:
        """Read the stack's outputs and resources.

        Raises:
            StackError: the stack does not exist, or the environment leads to no account.
        """
        self.name = name
        # Not the default session, which remembers older credentials. boto3 reads no AWS_REGION.
        self.session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
        try:
            cloudformation = self.session.client("cloudformation")
            description = describe_stack(cloudformation, name)
        except (NoRegionError, NoCredentialsError) as error:
            raise StackError(
                f"Stack {name} is looked for in an AWS account, but the environment leads to none"
                f" ({str(error).rstrip('.').lower()}): set AWS_PROFILE, or AWS_REGION and"
                " credentials. docs/operate.md lists the commands that without STACK mean the"
                " laptop cloud."
            ) from None
        if description is None:
            region = cloudformation.meta.region_name
            raise StackError(f"Stack {name} does not exist in {region}: pass another STACK.")
        self.id = description.id
        self.outputs = description.outputs
        self.resources = {
            each.logical_id: each for each in stack_resources(cloudformation, description.id)
        }

    def output(self, key: str) -> str:
        """The value of an output.

        Raises:
            StackError: the stack was deployed from a template without it.
        """
        if key not in self.outputs:
            raise StackError(
                f"Stack {self.name} has no output {key}: deploy it from the current template."
            )
        return self.outputs[key]

    def physical_id(self, logical_id: str) -> str:
        """The physical id of a resource.

        Raises:
            StackError: the stack was deployed from a template without it.
        """
        if logical_id not in self.resources:
            raise StackError(
                f"Stack {self.name} has no resource {logical_id}: deploy it from the current"
                " template."
            )
        return self.resources[logical_id].physical_id
