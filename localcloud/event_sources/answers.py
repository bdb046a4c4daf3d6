"""What a function's answer says about its batch, by the rules of ReportBatchItemFailures."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """The answer of an invocation that reached the function."""

    payload: Any = None  # its JSON, decoded
    function_error: str | None = None  # "Unhandled", if it raised or timed out
    request_id: str = ""
    executed_version: str = "$LATEST"
    status: int = 200


class NotInvokedError(Exception):
    """The batch did not reach the function: throttled, or Lambda is unreachable."""


def processed(payload: Any, sequence_numbers: Sequence[str]) -> int | None:
    """How many records from the front of the batch are processed; None if it failed as a whole.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    places = {number: place for place, number in enumerate(sequence_numbers)}
    failed = _reported(payload, places.keys())
    if failed is None:
        return None
    return min((places[each] for each in failed), default=len(sequence_numbers))


def failed_messages(payload: Any, message_ids: Set[str]) -> set[str] | None:
    """The IDs of the messages of a queue that failed; None if the batch failed as a whole.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    return _reported(payload, message_ids)


def _reported(payload: Any, known: Set[str]) -> set[str] | None:
    """The identifiers that an answer reports; None if it cannot be read."""
    if payload is None or payload in ("", []):
        return set()
    if not isinstance(payload, dict):
        return None
    failures = payload.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return None
    reported = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, str) or identifier not in known:
            return None
        reported.add(identifier)
    return reported
