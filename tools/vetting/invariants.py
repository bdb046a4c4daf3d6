"""The tables of docs/security.md, as invariants that iamprover proves or refutes with Z3.

A row names the principals that may do something. The prover finds all principals that can. Both
must be equal.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from tools.translate import ROOT
from tools.vetting.checkers import CHECKERS, CheckerError
from tools.vetting.deployment import ACCOUNT, REGION, Deployment
from tools.vetting.documents import as_list, documents

PAGE: Final = ROOT / "docs" / "security.md"
UNAUTHENTICATED: Final = "a caller without credentials"
_TIMEOUT_SECONDS: Final = 240  # Z3 decides most questions in much less than one second
_CELL: Final = re.compile(r"`([^`]+)`")
_NAMED: Final = re.compile(r"\$\{(\w+)\}")
_LOGICAL_ID: Final = re.compile(r"([A-Z][A-Za-z]+)(.*)")


class Invariant(msgspec.Struct, frozen=True):
    """A row: the principals that may do one of the actions on one of the resources, and no others.

    `unless` has values of a condition key that exclude a request from the row. `when` has the only
    values that include it.
    """

    sentence: str
    actions: list[str]
    resources: list[str]
    who: set[str]
    unless: dict[str, list[str]] = {}
    when: dict[str, list[str]] = {}


class Principal(msgspec.Struct, frozen=True):
    """A role, with the statements of its policies and of its permissions boundary if it has one."""

    name: str
    statements: list[dict[str, Any]]
    boundary: list[dict[str, Any]] | None = None


class PolicyRequest(msgspec.Struct, frozen=True):
    """A request that is allowed."""

    who: str
    action: str
    resource: str


def read_table(heading: str, page: str | None = None) -> list[Invariant]:
    """The rows of the table under a heading of docs/security.md.

    Raises:
        ValueError: the page has no such table, or a row has no actions or resources.
    """
    text = PAGE.read_text() if page is None else page
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    if not rows:
        raise ValueError(f"docs/security.md has no table under {heading!r}")
    return [_row(line) for line in rows]


def _row(line: str) -> Invariant:
    sentence, *cells = (cell.strip() for cell in line.strip("|").split("|"))
    actions, resources, who = (_CELL.findall(cell) for cell in cells[:3])
    if not actions or not resources:
        raise ValueError(f"a row needs actions and resources: {line}")
    condition = cells[3] if len(cells) > 3 else ""
    key, *values = _CELL.findall(condition) or [""]
    limit = {key: values} if values else {}
    unless, when = (limit, {}) if condition.startswith("unless") else ({}, limit)
    return Invariant(sentence, actions, resources, set(who), unless, when)


def principals(deployment: Deployment) -> list[Principal]:
    """The roles of a deployment, each with all of its policies."""
    found = list(documents(deployment))
    return [
        Principal(name, [s for each in found if name in each.roles for s in each.statements])
        for name, _ in deployment.of_type("AWS::IAM::Role")
    ]


def resource_policies(deployment: Deployment) -> list[dict[str, Any]]:
    """The statements of buckets, queues, topics, functions and the API."""
    return [
        statement
        for each in documents(deployment)
        if not each.roles and not each.is_trust
        for statement in each.statements
        if "Principal" in statement
    ]


def who_can(
    invariants: list[Invariant],
    roles: Iterable[Principal],
    deployments: list[Deployment],
    policies: list[dict[str, Any]],
) -> list[list[PolicyRequest]]:
    """For each invariant, one allowed request per principal that can make one.

    Raises:
        CheckerError: the prover failed.
        ValueError: an invariant names a resource that no deployment has.
    """
    others = [Principal(each, []) for each in [*sorted(set(_services(policies))), UNAUTHENTICATED]]
    question = {
        "principals": [_as_principal(each) for each in [*roles, *others]],
        "resource_policies": [_with_named_principals(each) for each in policies],
        "questions": [
            {
                "actions": each.actions,
                "resources": [arn for name in each.resources for arn in arns(name, deployments)],
                "limits": _limits(each),
            }
            for each in invariants
        ],
    }
    command = [
        CHECKERS / "bin" / "python",
        ROOT / "tools" / "vetting" / "prove.py",
    ]
    try:
        done = subprocess.run(
            command,
            input=msgspec.json.encode(question),
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_SECONDS,
        )
    except FileNotFoundError:
        message = "The environment .venv-checkers is missing: run make check."
        raise CheckerError(message) from None
    except subprocess.TimeoutExpired:
        raise CheckerError(f"Z3 did not decide within {_TIMEOUT_SECONDS} seconds.") from None
    except subprocess.CalledProcessError as error:
        raise CheckerError(f"iamprover failed: {error.stderr.decode()[-2000:]}") from error
    return msgspec.json.decode(done.stdout, type=list[list[PolicyRequest]])


def violations(
    invariants: list[Invariant], roles: list[Principal], deployment: Deployment
) -> list[str]:
    """Sentences about requests that are allowed or denied contrary to the tables."""
    answers = who_can(invariants, roles, [deployment], resource_policies(deployment))
    present = {each.name for each in roles}
    found = []
    for invariant, requests in zip(invariants, answers, strict=True):
        may = {each for each in invariant.who if each in present or not each.endswith("Role")}
        for request in requests:
            if request.who not in may:
                done = f"{request.who} can call {request.action} on {request.resource}"
                found.append(f"{invariant.sentence} Violated: {done}")
        found += [
            f"{invariant.sentence} {each} may, says docs/security.md, and cannot."
            for each in sorted(may - {request.who for request in requests})
        ]
    return found


def arns(text: str, deployments: list[Deployment]) -> list[str]:
    """The ARNs of a name in a table: `PhotosTable`, `MediaBucket/photos/*`, an ARN or `*`.

    `${Name}` after a logical id is the physical name of a resource.

    Raises:
        ValueError: no deployment has it.
    """
    if text == "*" or text.startswith("arn:"):
        return [text.replace("${AWS::Region}", REGION).replace("${AWS::AccountId}", ACCOUNT)]
    match = _LOGICAL_ID.fullmatch(text)
    for deployment in deployments:
        if match and match[1] in deployment.resources:
            rest = match[2]
            for name in _NAMED.findall(rest):
                rest = rest.replace(f"${{{name}}}", deployment.physical_name(name))
            arn = deployment.arn(match[1]) + rest
            return [re.sub(r"(:log-group:.*):\*\Z", r"\1:log-stream:any", arn)]
    raise ValueError(f"docs/security.md names {text!r}, which is not deployed")


def _limits(invariant: Invariant) -> list[list[dict[str, Any]]]:
    """A policy for the whole account that leaves only the requests that the row is about."""
    conditions = [{"StringEquals": invariant.unless}, {"StringNotEquals": invariant.when}]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denied = [
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
        for condition in conditions
        if any(condition.values())
    ]
    return [[everything, *denied]] if denied else []


def _as_principal(each: Principal) -> dict[str, Any]:
    statements = [_with_single_values(statement) for statement in each.statements]
    return {"name": each.name, "statements": statements, "boundary": each.boundary}


def _with_single_values(statement: dict[str, Any]) -> dict[str, Any]:
    """The statement without ForAllValues, which the prover does not know.

    It is equivalent: all values of a key meet a condition exactly if each of them does.
    """
    conditions = statement.get("Condition", {})
    alone = {operator.removeprefix("ForAllValues:"): keys for operator, keys in conditions.items()}
    return statement | {"Condition": alone}


def _with_named_principals(statement: dict[str, Any]) -> dict[str, Any]:
    """The statement with services and everybody as principals in the form of the prover."""
    match statement["Principal"]:
        case {"Service": services}:
            return statement | {"Principal": {"AWS": services}}
        case {"AWS": "*"} | "*":
            return statement | {"Principal": "*"}
        case other:
            raise ValueError(f"a principal of an unknown kind: {other}")


def _services(policies: list[dict[str, Any]]) -> Iterator[str]:
    for statement in policies:
        if isinstance(principal := statement["Principal"], dict):
            yield from as_list(principal.get("Service", []))
