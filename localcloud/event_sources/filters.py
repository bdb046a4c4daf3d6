"""Filter criteria: which records a function receives.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.records import InEvent

type Matches = Callable[[InEvent], bool]

_MISSING: Final = object()


def matcher(mapping: EventSourceMapping) -> Matches:
    """Whether a record passes: it matches any of the patterns, or there are none.

    Raises:
        ValueError: a pattern is not one that Lambda documents for this kind of source.
    """
    patterns = [json.loads(text) for text in mapping.filters]
    for pattern in patterns:
        _check(pattern)
    if not patterns:
        return lambda _: True
    if mapping.service == "kinesis":
        if any(set(pattern) != {"data"} for pattern in patterns):
            raise ValueError("A filter of a Kinesis stream has one key, data.")
        return lambda record: _kinesis(patterns, json.loads(record.body))
    if mapping.service == "sqs":
        return lambda record: any(_message(each, json.loads(record.body)) for each in patterns)
    return lambda record: any(_matches(each, json.loads(record.body)) for each in patterns)


def _kinesis(patterns: list[dict[str, Any]], record: dict[str, Any]) -> bool:
    """Whether the record's data matches; data that is not JSON does not.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html
    """
    try:
        data = json.loads(base64.b64decode(record["kinesis"]["data"]))
    except ValueError:
        return False
    return any(_matches(pattern, {"data": data}) for pattern in patterns)


def _message(pattern: Mapping[str, Any], message: dict[str, Any]) -> bool:
    """Whether a message of a queue matches: pattern and body are both JSON, or both plain text.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
    """
    if "body" not in pattern:
        return _matches(pattern, message)
    try:
        body = json.loads(message["body"])
    except ValueError:
        body = None
    is_json = isinstance(body, dict)
    if isinstance(pattern["body"], dict) is not is_json:
        return False
    return _matches(pattern, {**message, "body": body} if is_json else message)


def _matches(pattern: Mapping[str, Any], value: Any) -> bool:
    if isinstance(value, list):
        return any(_matches(pattern, each) for each in value)
    fields = value if isinstance(value, dict) else {}
    for name, wanted in pattern.items():
        if name == "$or":
            if not any(_matches(each, value) for each in wanted):
                return False
        elif isinstance(wanted, dict):
            if not _matches(wanted, fields.get(name)):
                return False
        elif not _any_rule(wanted, fields.get(name, _MISSING)):
            return False
    return True


def _any_rule(rules: list[Any], value: Any) -> bool:
    """Rules of one field are alternatives, and so are the elements of a list in the record."""
    values = value if isinstance(value, list) and value else [value]
    return any(_rule(rule, each) for rule in rules for each in values)


def _rule(rule: Any, value: Any) -> bool:
    if not isinstance(rule, dict):
        return _equal(rule, value)
    [(operator, operand)] = rule.items()
    return _OPERATORS[operator](operand, value)


def _equal(wanted: Any, value: Any) -> bool:
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _exists(operand: Any, value: Any) -> bool:
    """Whether a leaf matches; an object is not a leaf."""
    return (value is not _MISSING and not isinstance(value, dict)) is bool(operand)


def _prefix(operand: Any, value: Any) -> bool:
    return isinstance(value, str) and value.startswith(operand)


def _suffix(operand: Any, value: Any) -> bool:
    return isinstance(value, str) and value.endswith(operand)


def _ignoring_case(operand: Any, value: Any) -> bool:
    return isinstance(value, str) and value.casefold() == str(operand).casefold()


def _anything_but(operand: Any, value: Any) -> bool:
    unwanted = operand if isinstance(operand, list) else [operand]
    return value is not _MISSING and not any(_equal(each, value) for each in unwanted)


def _numeric(operand: Any, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    comparisons = zip(operand[::2], operand[1::2], strict=True)
    return all(_COMPARISONS[sign](value, number) for sign, number in comparisons)


_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": lambda value, number: value == number,
    "<": lambda value, number: value < number,
    "<=": lambda value, number: value <= number,
    ">": lambda value, number: value > number,
    ">=": lambda value, number: value >= number,
}

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "exists": _exists,
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignoring_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
}


def _check(pattern: Any) -> None:
    if not isinstance(pattern, dict) or not pattern:
        raise ValueError(
            "A filter pattern must be an object whose fields have lists of rules;"
            f" this is not one: {json.dumps(pattern)}."
        )
    for name, wanted in pattern.items():
        if name == "$or" and isinstance(wanted, list):
            for each in wanted:
                _check(each)
        elif isinstance(wanted, list) and wanted:
            for rule in wanted:
                _check_rule(rule)
        else:
            _check(wanted)


def _check_rule(rule: Any) -> None:
    operator = isinstance(rule, dict) and len(rule) == 1 and next(iter(rule))
    if isinstance(rule, dict | list) and operator not in _OPERATORS:
        known = ", ".join(_OPERATORS)
        raise ValueError(
            f"A filter rule must be a value or use one of the operators {known}; this does not:"
            f" {json.dumps(rule)}."
        )
