"""Reserved and provisioned concurrency: what a deployment requests, and what the quota allows."""

from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError

from ops.deployed_stack import StackDescription, deployed_template
from ops.stacks import Account, OperationError

UNRESERVED: Final = 100
"""Unreserved concurrency that Lambda always keeps in an account."""
RESERVED: Final = "ThumbnailerReservedConcurrency"
_QUOTA_CODE: Final = "L-B99A9384"  # Service Quotas' name of Lambda's concurrent executions
_MINIMUM: Final = "ApiProvisionedConcurrency"
_MAXIMUM: Final = "ApiProvisionedConcurrencyMaximum"


class ProvisionedConcurrency(msgspec.Struct, frozen=True):
    """Environments of the API: target tracking scales between the minimum and the maximum."""

    minimum: int
    maximum: int


def wanted_concurrency(
    template: dict[str, Any], parameters: dict[str, str], deployed: StackDescription | None
) -> ProvisionedConcurrency:
    """The concurrency that the deployment will request. A minimum of 0 means none at all.

    Raises:
        OperationError: a parameter is not a number, or the minimum exceeds the maximum.
    """
    kept = deployed.parameters if deployed else {}
    minimum = _number(_MINIMUM, template, {**kept, **parameters})
    maximum = _number(_MAXIMUM, template, {**kept, **parameters}) if minimum else 0
    if minimum > maximum:
        raise OperationError(
            f"{_MINIMUM} is {minimum} and {_MAXIMUM} is {maximum}: the maximum must not be below"
            f" the minimum. Pass --parameter {_MAXIMUM}={minimum} or more."
        )
    return ProvisionedConcurrency(minimum, maximum)


def check_quota(
    account: Account, deployed: StackDescription | None, wanted: ProvisionedConcurrency
) -> str:
    """A sentence that says which provisioned concurrency fits.

    Raises:
        OperationError: the provisioned concurrency does not fit the account's quota.
    """
    if wanted.maximum == 0:
        return "no provisioned concurrency"
    client = account.client("lambda")
    limit = client.get_account_settings()["AccountLimit"]
    free = max(0, limit["UnreservedConcurrentExecutions"] - UNRESERVED)
    present = _provisioned(client, deployed) if deployed else 0
    if wanted.maximum - present <= free:
        return f"provisioned concurrency {wanted.minimum} to {wanted.maximum}"
    raise OperationError(
        f"Provisioned concurrency {wanted.maximum} does not fit: the account's quota in"
        f" {account.region} is {limit['ConcurrentExecutions']:,} concurrent executions,"
        f" {limit['UnreservedConcurrentExecutions']:,} of them unreserved, and Lambda keeps"
        f" {UNRESERVED} of those free. Request a higher quota with"
        f" `{quota_increase(account.region)}`, or deploy with --parameter {_MINIMUM}=0."
    )


def reserved_concurrency(template: dict[str, Any], parameters: dict[str, str]) -> int:
    """The reserved concurrency of the thumbnailer; 0 means none."""
    return _number(RESERVED, template, parameters)


def free_concurrency(
    account: Account,
    template: dict[str, Any],
    deployed: StackDescription | None,
    wanted: ProvisionedConcurrency,
) -> int:
    """What the thumbnailer can reserve beside the API's provisioned concurrency."""
    client = account.client("lambda")
    limit = client.get_account_settings()["AccountLimit"]
    free: int = limit["UnreservedConcurrentExecutions"] - UNRESERVED - wanted.maximum
    if deployed is None:
        return free
    if wanted.maximum:
        free += min(wanted.maximum, _provisioned(client, deployed))
    if RESERVED in deployed.parameters:
        free += reserved_concurrency(template, deployed.parameters)
    return free


def quota_increase(region: str) -> str:
    """The command that requests the usual quota of an established account."""
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
    return _number(_MINIMUM, template, deployed.parameters) != wanted.minimum


def _number(name: str, template: dict[str, Any], parameters: dict[str, str]) -> int:
    """A parameter's value; -1 means the value in the mapping of the stage."""
    text = str(parameters.get(name, template["Parameters"][name]["Default"]))
    try:
        number = int(text)
    except ValueError:
        raise OperationError(f"{name} is {text!r}: expected a number.") from None
    stage = parameters.get("Stage", template["Parameters"]["Stage"]["Default"])
    return int(template["Mappings"]["Stage"][stage][name]) if number < 0 else number


def _provisioned(client: Any, deployed: StackDescription) -> int:
    """The provisioned concurrency that the stack's API has now."""
    function = deployed.outputs.get("GalleryApiFunctionName")
    if not function:
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
