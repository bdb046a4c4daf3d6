"""The part of CloudFormation that deletions of stacks need; like AWS it lists deleted stacks.

Buckets are really deleted, in moto, and only empty ones. A Lambda@Edge function cannot be deleted
before its replicas are gone, which here is the `replica_rounds`-th attempt after the first.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

REPLICATED = (
    "Lambda was unable to delete arn:aws:lambda:us-east-1:123456789012:function:edge:1 because it"
    " is a replicated function."
)


def refused(operation: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, operation)


class StoredStack:
    def __init__(self, name: str, number: int, resources: dict[str, tuple[str, str, str]]) -> None:
        self.name = name
        self.id = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/{number}"
        self.status = "CREATE_COMPLETE"
        self.protected = False
        self.policies = {logical: policy for logical, (_, _, policy) in resources.items()}
        self.resources = {
            logical: {
                "LogicalResourceId": logical,
                "PhysicalResourceId": physical,
                "ResourceType": kind,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for logical, (kind, physical, _) in resources.items()
        }
        self.events: list[dict[str, Any]] = []


class CloudFormation:
    def __init__(self) -> None:
        self.stacks: list[StoredStack] = []
        self.replica_rounds = 0
        self.looks = 0
        self.failures: dict[str, str] = {}
        self.on_delete: Callable[[], None] = lambda: None

    def add(self, name: str, resources: dict[str, tuple[str, str, str]]) -> StoredStack:
        """Resources are type, physical id and DeletionPolicy, by logical id."""
        self.stacks.append(StoredStack(name, len(self.stacks), resources))
        return self.stacks[-1]

    def _find(self, name: str, operation: str) -> StoredStack:
        """Find a stack by its id, or by its name if it is not deleted."""
        for stack in self.stacks:
            if name == stack.id or (name == stack.name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise refused(operation, f"Stack with id {name} does not exist")

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        stack = self._find(StackName, "DescribeStacks")
        answer = {
            "StackId": stack.id,
            "StackName": stack.name,
            "StackStatus": stack.status,
            "EnableTerminationProtection": stack.protected,
        }
        if stack.status == "DELETE_IN_PROGRESS":  # it ends by itself, after a few requests
            self.looks += 1
            if self.looks == 3:
                self._delete(stack, "")
        return {"Stacks": [answer]}

    def describe_stack_resources(self, PhysicalResourceId: str) -> dict[str, Any]:  # noqa: N803
        for stack in self.stacks:
            found = [
                {**each, "StackId": stack.id}
                for each in stack.resources.values()
                if each["PhysicalResourceId"] == PhysicalResourceId
            ]
            if found and stack.status != "DELETE_COMPLETE":
                return {"StackResources": found}
        raise refused("DescribeStackResources", f"Stack for {PhysicalResourceId} does not exist")

    def get_template(self, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803
        stack = self._find(StackName, "GetTemplate")
        assert TemplateStage == "Processed"
        resources = {name: {"DeletionPolicy": policy} for name, policy in stack.policies.items()}
        return {"TemplateBody": {"Resources": resources}}

    def update_termination_protection(
        self,
        StackName: str,  # noqa: N803
        EnableTerminationProtection: bool,  # noqa: N803
    ) -> None:
        stack = self._find(StackName, "UpdateTerminationProtection")
        stack.protected = EnableTerminationProtection

    def delete_stack(self, StackName: str, ClientRequestToken: str) -> None:  # noqa: N803
        stack = self._find(StackName, "DeleteStack")
        if stack.protected:
            raise refused("DeleteStack", "TerminationProtection is enabled")
        if stack.status not in {"DELETE_COMPLETE", "DELETE_IN_PROGRESS"}:
            self._delete(stack, ClientRequestToken)

    def _delete(self, stack: StoredStack, token: str) -> None:
        self.on_delete()
        failed = []
        for logical, resource in stack.resources.items():
            status, reason = self._delete_resource(stack, logical, resource)
            resource["ResourceStatus"] = status
            stack.events.append(
                {**resource, "ResourceStatusReason": reason, "ClientRequestToken": token}
            )
            failed += [logical] if status == "DELETE_FAILED" else []
        stack.status = "DELETE_FAILED" if failed else "DELETE_COMPLETE"
        stack.events.append(
            {
                "LogicalResourceId": stack.name,
                "PhysicalResourceId": stack.id,
                "ResourceStatus": stack.status,
                "ClientRequestToken": token,
            }
        )

    def _delete_resource(
        self, stack: StoredStack, logical: str, resource: dict[str, str]
    ) -> tuple[str, str]:
        if resource["ResourceStatus"] in {"DELETE_COMPLETE", "DELETE_SKIPPED"}:
            return resource["ResourceStatus"], ""
        if stack.policies[logical].startswith("Retain"):
            return "DELETE_SKIPPED", ""
        if logical in self.failures:
            return "DELETE_FAILED", self.failures[logical]
        if logical == "EdgeHeadersFunction" and self.replica_rounds:
            self.replica_rounds -= 1
            return "DELETE_FAILED", REPLICATED
        if resource["ResourceType"] == "AWS::S3::Bucket":
            try:
                boto3.client("s3").delete_bucket(Bucket=resource["PhysicalResourceId"])
            except ClientError as error:
                return "DELETE_FAILED", str(error)
        return "DELETE_COMPLETE", ""

    def get_paginator(self, operation: str) -> "Pages":
        return Pages(self, operation)


class Pages:
    """Lists have pages of two entries, so that the first page is never enough."""

    def __init__(self, cloud_formation: CloudFormation, operation: str) -> None:
        self._cloud_formation = cloud_formation
        self._operation = operation

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        key, found = self._list(**arguments)
        for start in range(0, len(found) or 1, 2):
            yield {key: found[start : start + 2]}

    def _list(self, **arguments: Any) -> tuple[str, list[dict[str, Any]]]:
        stacks = self._cloud_formation
        match self._operation:
            case "list_stacks":
                statuses = arguments["StackStatusFilter"]
                return "StackSummaries", [
                    {
                        "StackId": stack.id,
                        "StackName": stack.name,
                        "StackStatus": stack.status,
                        "DeletionTime": datetime(2026, 11, 20, tzinfo=UTC),
                    }
                    for stack in reversed(stacks.stacks)
                    if stack.status in statuses
                ]
            case "list_stack_resources":
                stack = stacks._find(arguments["StackName"], "ListStackResources")
                return "StackResourceSummaries", list(stack.resources.values())
            case "describe_stack_events":
                stack = stacks._find(arguments["StackName"], "DescribeStackEvents")
                return "StackEvents", stack.events[::-1]
        raise NotImplementedError(self._operation)
