"""`python -m tools.vetting.grants FOLDER`: compares what roles may do with what they did.

The folder has the recordings of the end-to-end tests: for each laptop cloud the decisions of the
emulated IAM (localcloud/ministack/decisions.py) and the policies of the deployed stack. Every
decision must be an Allow, every grant must have been used, and no resource may be wider than used.
accepted_grants.toml lists the exceptions, each with its reason.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from tools.vetting.documents import as_list
from tools.vetting.invariants import Principal

ACCEPTED: Final = Path(__file__).with_name("accepted_grants.toml")
_SEPARATORS: Final = "/:"
_SHORT_IDS: Final = {  # such as `live`, `1` and `api`, which occur in other ARNs, too
    "AWS::ApiGateway::Stage",
    "AWS::Lambda::Alias",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Version",
}
_STREAM_LABEL: Final = re.compile(r"/stream/[0-9T:.-]+")

Kind = Literal["denied", "unused", "wide"]


class Decision(msgspec.Struct, frozen=True):
    """IAM's decision on a request of a role; `role` is a name, and a logical id after reading."""

    role: str
    action: str
    resource: str
    allowed: bool


class Grant(msgspec.Struct, frozen=True):
    """One action on one resource, which may be a pattern."""

    role: str
    action: str
    resource: str

    def covers(self, decision: Decision) -> bool:
        """Whether the grant allows the request."""
        return (
            self.role == decision.role
            and self.action.lower() == decision.action.lower()
            and fnmatchcase(decision.resource, self.resource)
        )


class GrantFinding(msgspec.Struct, frozen=True, order=True):
    """A difference between what a role may do and what it did."""

    kind: Kind
    role: str
    action: str
    resource: str

    def __str__(self) -> str:
        match self.kind:
            case "denied":
                return f"{self.role} needs {self.action} on {self.resource}, which is not granted"
            case "unused":
                return f"{self.role} never used its grant of {self.action} on {self.resource}"
            case "wide":
                return (
                    f"{self.role} used {self.action} on some of {self.resource} only: name the"
                    " part that it used"
                )


class Accepted(msgspec.Struct, frozen=True):
    """Findings that are accepted, and why; roles and resources are patterns."""

    kind: Kind
    actions: list[str]
    reason: str
    roles: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ("*",)

    def includes(self, finding: GrantFinding) -> bool:
        """Whether it accepts the finding."""
        return (
            self.kind == finding.kind
            and finding.action in self.actions
            and any(fnmatchcase(finding.role, each) for each in self.roles)
            and any(fnmatchcase(finding.resource.lower(), each) for each in self.resources)
        )


class GrantedStack(msgspec.Struct, frozen=True):
    """A stack in a laptop cloud: the names of its resources by logical id, and its roles."""

    names: dict[str, str]
    roles: list[Principal]

    def with_logical_ids(self, arn: str) -> str:
        """The ARN with logical ids instead of the names, which differ from cloud to cloud."""
        for logical_id, name in sorted(self.names.items(), key=lambda each: -len(each[1])):
            arn = arn.replace(name, logical_id)
        return _STREAM_LABEL.sub("/stream/label", arn)


def read_accepted() -> list[Accepted]:
    """The entries of accepted_grants.toml."""
    return msgspec.convert(tomllib.loads(ACCEPTED.read_text())["accepted"], list[Accepted])


def granted_stack(cloudformation: Any, iam: Any, stack: str) -> GrantedStack:
    """A stack with the inline policies of its roles.

    Raises:
        ValueError: a role has a managed policy, which is not read here.
    """
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    names = {
        each["LogicalResourceId"]: re.split("[/:]", each["PhysicalResourceId"])[-1]
        for each in resources
        if each["ResourceType"] not in _SHORT_IDS
    }
    roles = []
    for each in resources:
        if each["ResourceType"] != "AWS::IAM::Role":
            continue
        logical_id, name = each["LogicalResourceId"], each["PhysicalResourceId"]
        if iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            raise ValueError(f"the role {logical_id} has a managed policy, which is not read")
        policies = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        statements = [s for each in policies for s in as_list(each["Statement"])]
        roles.append(Principal(logical_id, statements))
    return GrantedStack(names, roles)


def grants_of(principals: Iterable[Principal]) -> Iterator[Grant]:
    """Each allowed action on each resource; a listing has its prefix as the query of the ARN."""
    for principal in principals:
        for statement in principal.statements:
            if statement["Effect"] == "Deny":
                continue
            prefixes = _prefixes(statement)
            for action in as_list(statement["Action"]):
                suffixes = prefixes if action == "s3:ListBucket" else [""]
                for resource in as_list(statement["Resource"]):
                    for suffix in suffixes:
                        yield Grant(principal.name, action, resource + suffix)


def _prefixes(statement: dict[str, Any]) -> list[str]:
    for keys in statement.get("Condition", {}).values():
        if "s3:prefix" in keys:
            return [f"?prefix={prefix}" for prefix in as_list(keys["s3:prefix"])]
    return ["*"]


def differences(decisions: Iterable[Decision], grants: Iterable[Grant]) -> set[GrantFinding]:
    """Requests that were denied or are not granted, and grants that are unused or too wide."""
    decisions, grants = set(decisions), set(grants)
    found = {
        GrantFinding("denied", each.role, each.action, each.resource)
        for each in decisions
        if not each.allowed or not any(grant.covers(each) for grant in grants)
    }
    for grant in grants:
        used = [each.resource for each in decisions if each.allowed and grant.covers(each)]
        subject = (grant.role, grant.action, grant.resource)
        if not used:
            found.add(GrantFinding("unused", *subject))
        elif not all(_needs_wildcard(grant.resource, each) for each in used):
            found.add(GrantFinding("wide", *subject))
    return found


def _needs_wildcard(pattern: str, resource: str) -> bool:
    """Whether the pattern has no wildcard, or the resource has an id or a number in its place."""
    before, wildcard, _ = pattern.partition("*")
    if not wildcard:
        return True
    part = resource[len(before) :]
    for separator in _SEPARATORS:
        part = part.partition(separator)[0]
    return any(character.isdigit() for character in part)


def problems(found: set[GrantFinding], accepted: list[Accepted]) -> list[str]:
    """Sentences about findings that are not accepted, and about accepted ones that do not occur."""
    open_findings = {each for each in found if not any(a.includes(each) for a in accepted)}
    stale = [each for each in accepted if not any(map(each.includes, found))]
    return [
        *map(str, sorted(open_findings)),
        *(
            f"accepted_grants.toml: the entry for {', '.join(each.actions)} of"
            f" {', '.join(each.roles)} ({each.kind}) matches no finding; remove it"
            for each in stale
        ),
    ]


def read_recording(folder: Path) -> tuple[set[Decision], set[Grant]]:
    """The decisions and grants that all laptop clouds have recorded in a folder.

    Raises:
        FileNotFoundError: nothing was recorded there.
    """
    decisions: set[Decision] = set()
    grants: set[Grant] = set()
    for file in folder.glob("*.stack.json"):
        stack = msgspec.json.decode(file.read_bytes(), type=GrantedStack)
        grants.update(
            msgspec.structs.replace(each, resource=stack.with_logical_ids(each.resource))
            for each in grants_of(stack.roles)
        )
        logical_ids = {name: logical_id for logical_id, name in stack.names.items()}
        recorded = file.with_name(file.name.replace(".stack.json", ".jsonl")).read_text()
        for line in recorded.splitlines():
            decision = msgspec.json.decode(line, type=Decision)
            if decision.role in logical_ids:
                role, resource = logical_ids[decision.role], decision.resource
                decisions.add(
                    msgspec.structs.replace(
                        decision, role=role, resource=stack.with_logical_ids(resource)
                    )
                )
    if not decisions:
        raise FileNotFoundError(
            f"{folder} has no recorded decisions. `pytest tests/e2e` records them."
        )
    return decisions, grants


def main(folder: Path) -> int:
    """Return 0 only if there is no difference."""
    try:
        decisions, grants = read_recording(folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    found = problems(differences(decisions, grants), read_accepted())
    for each in found:
        print(each, file=sys.stderr)
    print(f"{len(decisions)} decisions on {len(grants)} grants: {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
