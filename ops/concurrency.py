"""The API's provisioned concurrency: what a deployment requests, and what the quota allows."""

from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError

from ops.deployed_stack import StackDescription, deployed_template
from ops.stacks import Account, OperationError

UNRESERVED: Final = 100
"""Unreserved concurrency that Lambda always keeps in an account."""
_QUOTA_CODE: Final = "L-B99A9384"  # Service Quotas' name of Lambda's concurrent executions
_LEAST: Final = "ApiProvisionedConcurrency"
_MOST: Final = "ApiProvisionedConcurrencyMaximum"


class ProvisionedConcurrency(msgspec.Struct, frozen=True):
    """Environments of the API: the minimum and maximum between which target tracking scales."""

    least: int
    most: int


def wanted_concurrency(
    template: dict[str, Any], parameters: dict[str, str], deployed: StackDescription | None
) -> ProvisionedConcurrency:
    """What the deployment will request. With a minimum of 0 there is no target tracking.

    Raises:
        OperationError: a parameter is not a number, or the minimum exceeds the maximum.
    """
    kept = deployed.parameters if deployed else {}
    least = _number(_LEAST, template, {**kept, **parameters})
    most = _number(_MOST, template, {**kept, **parameters}) if least else 0
    if least > most:
        raise OperationError(
            f"{_LEAST} is {least} and {_MOST} is {most}: the maximum must not be below the"
            f" minimum. Pass --parameter {_MOST}={least} or more."
        )
    return ProvisionedConcurrency(least, most)


def check_quota(
    account: Account, deployed: StackDescription | None, wanted: ProvisionedConcurrency
) -> str:
    """A sentence that says which provisioned concurrency fits.

    Raises:
        OperationError: the provisioned concurrency does not fit the account's quota.
    """
    if wanted.most == 0:
        return "no provisioned concurrency"
    client = account.client("lambda")
    limit = client.get_account_settings()["AccountLimit"]
    free = max(0, limit["UnreservedConcurrentExecutions"] - UNRESERVED)
    more = wanted.most - (_provisioned(client, deployed) if deployed else 0)
    if more <= free:
        return f"provisioned concurrency {wanted.least} to {wanted.most}"
    raise OperationError(
        f"Provisioned concurrency {wanted.most} does not fit: the account's quota in"
        f" {account.region} is {limit['ConcurrentExecutions']:,} concurrent executions,"
        f" {limit['UnreservedConcurrentExecutions']:,} of them unreserved, and Lambda keeps"
        f" {UNRESERVED} of those free. Request a higher quota with"
        f" `{quota_increase(account.region)}`, or deploy with --parameter {_LEAST}=0."
    )


def quota_increase(region: str) -> str:
    """The command that requests the quota that an established account has."""
    return (
        f"aws service-quotas request-service-quota-increase --region {region} --service-code lambda"
        f" --quota-code {_QUOTA_CODE} --desired-value 1000"
    )


def changes_alias(
    account: Account, deployed: StackDescription, wanted: ProvisionedConcurrency
) -> bool:
    """Whether this deployment changes the provisioned concurrency of the alias `live`.

    Lambda does not change it while the alias has weights, as during a canary deployment. An update
    with both changes fails, and its rollback can fail too.
    https://github.com/aws/serverless-application-model/issues/1353
    """
    template = deployed_template(account.client("cloudformation"), deployed.id, "Original")
    return _number(_LEAST, template, deployed.parameters) != wanted.least


def _number(name: str, template: dict[str, Any], parameters: dict[str, str]) -> int:
    """A parameter's value; -1 means the value in the mapping of the stage."""
    said = str(parameters.get(name, template["Parameters"][name]["Default"]))
    try:
        number = int(said)
    except ValueError:
        raise OperationError(f"{name} is {said!r}: expected a number.") from None
    stage = parameters.get("Stage", template["Parameters"]["Stage"]["Default"])
    return int(template["Mappings"]["Stage"][stage][name]) if number < 0 else number


def _provisioned(client: Any, deployed: StackDescription) -> int:
    """What the stack's API has already; a deployment does not need it a second time."""
    if not (function := deployed.outputs.get("GalleryApiFunctionName")):
        return 0
    try:
        found = client.list_provisioned_concurrency_configs(FunctionName=function)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ProvisionedConcurrencyConfigNotFoundException":
            return 0
        raise
    return sum(
        each["RequestedProvisionedConcurrentExecutions"]
        for each in found["ProvisionedConcurrencyConfigs"]
    )
