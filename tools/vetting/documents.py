"""The policy documents of a deployment: their owners and their statements."""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from moto.iam.aws_managed_policies import aws_managed_policies_data

from tools.vetting.deployment import Deployment

Statement = dict[str, Any]

_RESOURCE_POLICIES: Final = {  # the property that holds the document
    "AWS::ApiGateway::RestApi": "Policy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
}


class Document(msgspec.Struct, frozen=True):
    """A policy document.

    `owner` is the logical id of the resource that has it. `roles` are the roles that it is attached
    to; a trust policy or resource policy has none. `is_ours` is false for AWS's managed policies.
    """

    owner: str
    statements: list[Statement]
    roles: list[str]
    is_trust: bool = False
    is_ours: bool = True


def as_list(value: Any) -> list[Any]:
    """An element of a policy as a list; a policy may have the only member instead."""
    return list(value) if isinstance(value, list) else [value]


def documents(deployment: Deployment) -> Iterator[Document]:
    """All policy documents of the deployment's resources."""
    by_name = {
        deployment.physical_name(name): name for name, _ in deployment.of_type("AWS::IAM::Role")
    }
    for name, resource in deployment.resources.items():
        properties = resource.properties
        match resource.type:
            case "AWS::IAM::Role":
                trust = as_list(properties["AssumeRolePolicyDocument"]["Statement"])
                yield Document(name, trust, [], is_trust=True)
                for policy in properties.get("Policies", ()):
                    yield Document(name, as_list(policy["PolicyDocument"]["Statement"]), [name])
                for arn in properties.get("ManagedPolicyArns", ()):
                    yield Document(name, _managed_by_aws(arn), [name], is_ours=False)
            case "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy":
                roles = [by_name[each] for each in properties.get("Roles", ())]
                statements = as_list(properties["PolicyDocument"]["Statement"])
                yield Document(name, statements, roles)
            case "AWS::Lambda::Permission":
                yield Document(name, [_permission(properties)], [])
            case kind if document := properties.get(_RESOURCE_POLICIES.get(kind, "")):
                yield Document(name, as_list(document["Statement"]), [])


def _permission(properties: dict[str, Any]) -> Statement:
    """The statement that lambda:AddPermission writes into the function's policy."""
    function = properties["FunctionName"]
    conditions: dict[str, Any] = {}
    if source := properties.get("SourceArn"):
        conditions["ArnLike"] = {"aws:SourceArn": source}
    if account := properties.get("SourceAccount"):
        conditions["StringEquals"] = {"aws:SourceAccount": account}
    return {
        "Effect": "Allow",
        "Principal": {"Service": properties["Principal"]},
        "Action": properties["Action"],
        "Resource": function,
        "Condition": conditions,
    }


def _managed_by_aws(arn: str) -> list[Statement]:
    """The statements of one of AWS's own policies, of which moto has copies."""
    name = arn.rpartition("/")[2]
    return as_list(json.loads(aws_managed_policies_data)[name]["Document"]["Statement"])
