"""Evaluates the policy of a bucket or function for a distribution with origin access control."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

_CLOUDFRONT: Final = "cloudfront.amazonaws.com"


def allows(
    policy: Mapping[str, Any],
    action: str,
    resource: str,
    distribution_arn: str,
    service_keys: Mapping[str, str] | None = None,
) -> bool:
    """Whether the service would allow CloudFront's signed request over TLS for the distribution.

    `service_keys` are condition keys of the service, in lower case. A condition that is not known
    here fails in an Allow statement, and holds in a Deny statement.
    """
    context = {
        **(service_keys or {}),
        "aws:sourcearn": distribution_arn,
        "aws:sourceaccount": distribution_arn.split(":")[4],
        "aws:securetransport": "true",
    }
    effects = {
        statement["Effect"]
        for statement in _listed(policy.get("Statement", []))
        if _applies_to(statement, action, resource)
        and _holds(statement.get("Condition", {}), context, unknown=statement["Effect"] == "Deny")
    }
    return "Allow" in effects and "Deny" not in effects


def _applies_to(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    principal = statement.get("Principal")
    services = _listed(principal.get("Service", [])) if isinstance(principal, dict) else []
    return (
        (principal == "*" or _CLOUDFRONT in services)
        and any(
            _matches(action.lower(), each.lower()) for each in _listed(statement.get("Action", []))
        )
        and any(_matches(resource, each) for each in _listed(statement.get("Resource", [])))
    )


def _holds(
    condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str], *, unknown: bool
) -> bool:
    for operator, tests in condition.items():
        for key, expected in tests.items():
            value = context.get(key.lower())
            options = [str(each) for each in _listed(expected)]
            match operator:
                case _ if value is None:
                    holds = unknown
                case "StringEquals":
                    holds = value in options
                case "StringLike" | "ArnLike" | "ArnEquals":
                    holds = any(_matches(value, each) for each in options)
                case "Bool":
                    holds = value in [each.lower() for each in options]
                case _:
                    holds = unknown
            if not holds:
                return False
    return True


def _matches(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]
