"""Checks of the template and its parameters, which need no account."""

import re
import zoneinfo
from collections.abc import Iterator
from typing import Any, Final

from samtranslator.model.exceptions import InvalidDocumentException

from ops.concurrency import wanted_concurrency
from ops.preflight.findings import Finding, blocked, ready, warning
from ops.preflight.target import DeploymentTarget
from ops.stack_states import is_new
from ops.stacks import OperationError

MAX_RESOURCES: Final = 500  # per stack, CloudFormation's quota
_SCHEDULE: Final = re.compile(r"cron\(\S+( \S+){5}\)|rate\([1-9]\d* \w+\)|at\([\dT:-]+\)")
_CHECK: Final = "Parameters"
TEMPLATE: Final = "Template"
"""Name of the check that runs only if the parameters are valid."""


def check_parameters(target: DeploymentTarget) -> Iterator[Finding]:
    """Check each value by the template's rules, and pairs of parameters that belong together."""
    declared, values = target.template["Parameters"], target.parameters
    problems = [
        problem for name, value in values.items() if (problem := _problem(name, value, declared))
    ]
    yield from (blocked(_CHECK, problem) for problem in problems)
    if problems:
        return
    conflicts = list(_conflicts(target))
    yield from conflicts
    if not conflicts:
        own = [
            f"{name}={value}"
            for name, value in values.items()
            if value != str(declared[name].get("Default", "")) or name == "Stage"
        ]
        yield ready(_CHECK, f"{', '.join(own)}; the others have their defaults.")


def _problem(name: str, value: str, declared: dict[str, Any]) -> str | None:
    if name not in declared:
        return f"template.yaml has no parameter {name}; it has {', '.join(sorted(declared))}."
    rules = declared[name]
    allowed = [str(each) for each in rules.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"{name} is {value!r}: expected one of {', '.join(allowed)}."
    if rules["Type"] == "Number":
        if not re.fullmatch(r"-?\d+", value):
            return f"{name} is {value!r}: expected a whole number."
        if int(value) < rules.get("MinValue", int(value)):
            return f"{name} is {value}: expected {rules['MinValue']} or more."
    pattern = rules.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return f"{name} is {value!r}: expected a value that matches {pattern}"
    if name == "ReportSchedule" and not _SCHEDULE.fullmatch(value):
        return f"{name} is {value!r}: expected a schedule such as cron(0 3 * * ? *)."
    return None


def _conflicts(target: DeploymentTarget) -> Iterator[Finding]:
    """Values that are valid alone, and do not fit each other."""
    values = target.parameters
    try:
        wanted_concurrency(target.template, values, None)
    except OperationError as error:
        yield blocked(_CHECK, str(error))
    if target.has_page and values["DomainName"] and not values["CertificateArn"]:
        yield blocked(_CHECK, "DomainName needs CertificateArn: an ACM certificate in us-east-1.")
    if _skips_the_preparation(target):
        yield blocked(
            _CHECK,
            "ViewsApi changes from rest to function-url in one step: CloudFormation would change"
            " the distribution before CloudFront may call the function URL, and views would be 403"
            " for minutes. Deploy ViewsApi=function-url-prepared first.",
        )
    if bool(values["RushHourBegins"]) != bool(values["RushHourEnds"]):
        yield warning(_CHECK, "RushHourBegins and RushHourEnds have no effect without each other.")
    zones = zoneinfo.available_timezones()
    if zones and values["ReportTimeZone"] not in zones:
        zone = values["ReportTimeZone"]
        yield warning(_CHECK, f"ReportTimeZone is {zone!r}, an unknown time zone.")
    page_only = ("DomainName", "WebAclArn", "RequestsPerClient")
    unused = [name for name in page_only if values[name] not in ("", "0")]
    if unused and not target.has_page:
        yield warning(_CHECK, f"Without the page {' and '.join(unused)} has no effect.")


def _skips_the_preparation(target: DeploymentTarget) -> bool:
    """Whether CloudFront, which visitors use already, gets a function URL that does not exist."""
    if target.deployed is None or is_new(target.deployed):
        return False
    before = DeploymentTarget(target.stage, target.stack, target.region, {}, target.deployed)
    return (
        (before.has_page and target.has_page)
        and before.parameters["ViewsApi"] == "rest"
        and target.parameters["ViewsApi"] == "function-url"
    )


def check_template(target: DeploymentTarget) -> Iterator[Finding]:
    """Whether the SAM transform accepts the template, and the number of resources."""
    try:
        count = len(target.resources)
    except InvalidDocumentException as error:
        causes = " ".join(str(each.message) for each in error.causes)
        yield blocked(TEMPLATE, f"The SAM transform refuses template.yaml: {causes}")
        return
    if count > MAX_RESOURCES:
        yield blocked(TEMPLATE, f"{count} resources: CloudFormation's maximum is {MAX_RESOURCES}.")
    else:
        yield ready(TEMPLATE, f"Valid for the SAM transform: {count} resources.")
