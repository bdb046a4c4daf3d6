"""Compares the account's quotas with the traffic that ExpectedViewsPerSecond stands for."""

from collections.abc import Iterator
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.cost.figures import load_figures
from ops.cost.limits import Quota, load_quotas, peak_use
from ops.cost.scenario import load_scenario, with_peak_views
from ops.cost.stack_settings import read_stack_settings
from ops.preflight.findings import Finding, ready, warning
from ops.preflight.target import DeployedTarget

_CHECK: Final = "Quotas"
_MIX: Final = "internet"  # the scenario whose requests per view are assumed


def check_quotas(target: DeployedTarget) -> Iterator[Finding]:
    """Whether the account's quotas allow the expected views, with the requests that follow them."""
    expected = int(target.parameters["ExpectedViewsPerSecond"])
    parameters = target.parameters if target.has_page else target.parameters | {"Page": "none"}
    used = peak_use(
        with_peak_views(load_scenario(_MIX), expected),
        read_stack_settings(target.template, parameters),
        load_figures({}),
        load_quotas(),
    )
    client = target.account.client("service-quotas")
    values: dict[str, float] = {}
    short = False
    for quota, needed in used.values():
        if not quota.code:
            continue
        if quota.code not in values:
            values[quota.code] = _value(client, quota)
        if needed > values[quota.code]:
            short = True
            yield warning(_CHECK, _too_small(quota, needed, values[quota.code], expected, target))
    if not short:
        yield ready(_CHECK, f"Enough for {expected:,} views per second.")


def _value(client: Any, quota: Quota) -> float:
    """The account's own value, or AWS's default if the account has never had another one."""
    asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    try:
        answer = client.get_service_quota(**asked)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchResourceException":
            raise
        answer = client.get_aws_default_service_quota(**asked)
    return float(answer["Quota"]["Value"])


def _too_small(
    quota: Quota, needed: float, value: float, expected: int, target: DeployedTarget
) -> str:
    return (
        f"{quota.what}: {expected:,} views per second need about {needed:,.0f} {quota.unit}, and"
        f" the account has {value:,.0f}. Request more with `aws service-quotas"
        f" request-service-quota-increase --region {target.region} --service-code {quota.service}"
        f" --quota-code {quota.code} --desired-value {2 * needed:.0f}`."
    )
