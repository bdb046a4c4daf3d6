"""Names of resources that must be unique in an account, and whether they are taken."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ops.preflight.findings import Finding, blocked, ready
from ops.preflight.target import DeployedTarget, DeploymentTarget
from ops.stacks import Account


class UniqueName(NamedTuple):
    """The property that has a resource's name, and how to list the names that are taken."""

    property: tuple[str, ...]
    what: str
    taken: Callable[[Account], Iterator[str]]


def _cache_policies(account: Account) -> Iterator[str]:
    cloudfront, marker = account.client("cloudfront"), ""
    while True:
        more = {"Marker": marker} if marker else {}
        found = cloudfront.list_cache_policies(Type="custom", **more)["CachePolicyList"]
        for each in found.get("Items", []):
            yield each["CachePolicy"]["CachePolicyConfig"]["Name"]
        if not (marker := found.get("NextMarker", "")):
            return


def _origin_access_controls(account: Account) -> Iterator[str]:
    pages = account.client("cloudfront").get_paginator("list_origin_access_controls")
    for page in pages.paginate():
        for each in page["OriginAccessControlList"].get("Items", []):
            yield each["Name"]


def _dashboards(account: Account) -> Iterator[str]:
    for page in account.client("cloudwatch").get_paginator("list_dashboards").paginate():
        for each in page["DashboardEntries"]:
            yield each["DashboardName"]


def _state_machine_log_groups(account: Account) -> Iterator[str]:
    pages = account.client("logs").get_paginator("describe_log_groups")
    for page in pages.paginate(logGroupNamePrefix="/aws/vendedlogs/states/"):
        for each in page["logGroups"]:
            yield each["logGroupName"]


UNIQUE: Final = {
    "AWS::CloudFront::CachePolicy": UniqueName(
        ("CachePolicyConfig", "Name"), "cache policy", _cache_policies
    ),
    "AWS::CloudFront::OriginAccessControl": UniqueName(
        ("OriginAccessControlConfig", "Name"), "origin access control", _origin_access_controls
    ),
    "AWS::CloudWatch::Dashboard": UniqueName(("DashboardName",), "dashboard", _dashboards),
    "AWS::Logs::LogGroup": UniqueName(("LogGroupName",), "log group", _state_machine_log_groups),
}


def unique_names(target: DeploymentTarget) -> dict[str, tuple[str, str]]:
    """Type and name of each resource whose name must be unique, by logical id."""
    found = {}
    for kind, unique in UNIQUE.items():
        for logical_id, properties in target.declared(kind).items():
            name = properties
            for key in unique.property:
                name = name.get(key)
            if name is None:  # CloudFormation chooses one
                continue
            text = name["Fn::Sub"] if isinstance(name, dict) else name
            text = text.replace("${AWS::StackName}", target.stack)
            found[logical_id] = (kind, text.replace("${AWS::Region}", target.region))
    return found


def check_names(target: DeployedTarget) -> Iterator[Finding]:
    """Whether a name of a new resource is already taken in the account."""
    check = "Names"
    names = unique_names(target)
    new = {each: named for each, named in names.items() if each not in target.existing}
    taken = False
    for kind in dict.fromkeys(kind for kind, _ in new.values()):
        wanted = {name for each, name in new.values() if each == kind}
        for name in sorted(wanted & set(UNIQUE[kind].taken(target.account))):
            taken = True
            yield blocked(
                check,
                f"The account has a {UNIQUE[kind].what} {name} that is not part of this stack:"
                " delete it, or deploy under another name with STACK=….",
            )
    if not taken:
        free = ", ".join(sorted({name for _, name in new.values()}))
        yield ready(check, f"Free: {free}." if new else "The stack already has all its names.")
