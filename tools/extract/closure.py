"""Which resources a flow consists of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

# They belong to what they name, which does not refer to them.
_ATTACHED: Final = {
    "AWS::IAM::Policy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
# Each names several resources that do not need it; resources that are left out are removed from it.
_LISTS: Final = {"AWS::Logs::QueryDefinition"}


@dataclass(frozen=True)
class DeclaredResource:
    """A resource of the template or of a file that adds resources to it."""

    name: str
    type: str
    heading: str
    refers_to: frozenset[str]
    """Names of parameters and resources, also of those that SAM generates."""


def closure(
    resources: Mapping[str, DeclaredResource], headings: Collection[str], without: Collection[str]
) -> set[str]:
    """The resources below the headings and all that they need, but none of `without`.

    Policies and subscriptions come along if all that they name does; saved queries, if anything
    that they name does.
    """
    roots = [
        name
        for name, each in resources.items()
        if each.heading.partition(":")[0] in headings and each.type not in _ATTACHED | _LISTS
    ]
    found: set[str] = set()
    while roots:
        name = roots.pop()
        if name not in found and name not in without:
            found.add(name)
            roots += needed(resources[name], resources)
    attached = {
        name
        for name, each in resources.items()
        if each.type in _ATTACHED and needed(each, resources) <= found
    }
    lists = {
        name
        for name, each in resources.items()
        if each.type in _LISTS and needed(each, resources) & found
    }
    return found | attached | lists


def needed(resource: DeclaredResource, resources: Mapping[str, DeclaredResource]) -> set[str]:
    """The resources that a resource refers to, without itself."""
    owners = {owner(name, resources) for name in resource.refers_to}
    return {each for each in owners if each is not None} - {resource.name}


def owner(name: str, resources: Mapping[str, DeclaredResource]) -> str | None:
    """The resource of a name: itself, or the one that SAM generates it from."""
    if name in resources:
        return name
    generating = [
        each.name
        for each in resources.values()
        if each.type.startswith("AWS::Serverless::") and name.startswith(each.name)
    ]
    return max(generating, key=len, default=None)
