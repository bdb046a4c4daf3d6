"""What is about to be deployed, and where: the input of all checks."""

import copy
import functools
from typing import Any, Final

from ops.deployed_stack import StackDescription, StackResource
from ops.stack_events import last_failure
from ops.stacks import Account, Stage, list_resources
from tools.intrinsics import Resolver
from tools.translate import load_template, translate

FAILED: Final = ("CREATE_FAILED", "UPDATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED")  # fmt: skip
"""Statuses in which the last operation of a stack failed."""


class DeploymentTarget:
    """A stage of the template with its parameters, in a region, and the existing stack."""

    def __init__(
        self,
        stage: Stage,
        stack: str,
        region: str,
        given: dict[str, str],
        deployed: StackDescription | None = None,
    ) -> None:
        """`given` are the parameters that are passed to sam; a stack keeps its other values."""
        self.stage, self.stack, self.region = stage, stack, region
        self.deployed = deployed
        self.template = load_template()
        declared = self.template["Parameters"]
        kept = deployed.parameters if deployed else {}
        self.parameters = {
            **{name: str(each.get("Default", "")) for name, each in declared.items()},
            **{name: value for name, value in kept.items() if name in declared},
            **given,
        }

    @functools.cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources that CloudFormation will create, by logical id, with conditions resolved.

        Raises:
            InvalidDocumentException: the SAM transform refuses the template.
            ValueError: a parameter has a value that the template does not allow.
        """
        translated = translate(copy.deepcopy(self.template), self.parameters)
        resolver = Resolver(translated, self.parameters, self.region)
        return {
            name: {**resource, "Properties": resolver.value(resource.get("Properties", {}))}
            for name, resource in translated["Resources"].items()
            if "Condition" not in resource or resolver.holds(resource["Condition"])
        }

    @property
    def has_page(self) -> bool:
        """Whether the stack will have a distribution."""
        return bool(self.declared("AWS::CloudFront::Distribution"))

    def declared(self, *types: str) -> dict[str, Any]:
        """The properties of the resources of these CloudFormation types, by logical id."""
        resolver = Resolver(self.template, self.parameters, self.region)
        return resolver.resources(*types)


class DeployedTarget(DeploymentTarget):
    """A target in an account."""

    def __init__(
        self,
        account: Account,
        stage: Stage,
        stack: str,
        given: dict[str, str],
        deployed: StackDescription | None = None,
    ) -> None:
        super().__init__(stage, stack, account.region, given, deployed)
        self.account = account

    @functools.cached_property
    def existing(self) -> dict[str, StackResource]:
        """The resources that the stack has now, by logical id."""
        if not self.deployed:
            return {}
        return {
            each.logical_id: each
            for each in list_resources(self.account, self.deployed.id)
            if each.physical_id and each.status not in {"CREATE_FAILED", "DELETE_COMPLETE"}
        }

    @functools.cached_property
    def failure(self) -> str:
        """Why the stack's last operation failed, in CloudFormation's words; "" if it did not."""
        if not self.deployed or self.deployed.status not in FAILED:
            return ""
        return last_failure(self.account, self.deployed.id)
