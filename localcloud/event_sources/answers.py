"""What a function's answer says about its batch, by the rules of ReportBatchItemFailures."""

from collections.abc import Sequence
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
    if payload is None or payload in ("", []):
        return len(sequence_numbers)
    if not isinstance(payload, dict):
        return None
    failures = payload.get("batchItemFailures")
    if failures is None:
        return len(sequence_numbers)
    if not isinstance(failures, list):
        return None
    places = {number: place for place, number in enumerate(sequence_numbers)}
    checkpoint = len(sequence_numbers)
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, str) or identifier not in places:
            return None
        checkpoint = min(checkpoint, places[identifier])
    return checkpoint
