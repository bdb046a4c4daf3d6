"""What failed and waits to be replayed: whole batches, quarantined records, and failed events."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from shared.quarantine import QUARANTINE_PREFIX

BATCHES_PREFIX: Final = "aws/lambda/"


class UnreadableFailureError(Exception):
    """Something waits that no failure path of this application writes."""


class Failure(msgspec.Struct, frozen=True):
    """One failed batch, quarantined record or failed event, and where it waits.

    `place` is the object's key or the message's receipt handle; `event` is what the function got.
    """

    kind: str
    function: str
    since: datetime
    reason: str
    place: str
    event: dict[str, Any]

    @property
    def records(self) -> int:
        return len(self.event.get("Records", [])) or 1


def failed_object(key: str, since: datetime, body: bytes, functions: Mapping[str, str]) -> Failure:
    """From an object of the failed-batches bucket; `functions` is folder → deployed name.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html

    Raises:
        UnreadableFailureError: neither Lambda nor a function of ours has written it.
    """
    with _naming(key):
        kept = json.loads(body)
        if key.startswith(QUARANTINE_PREFIX):
            function, reason = functions[kept["function"]], kept["reason"]
            return Failure("poison", function, since, reason, key, {"Records": [kept["record"]]})
        function = _function_name(kept["requestContext"]["functionArn"])
        reason = kept["requestContext"]["condition"]
        return Failure("batch", function, since, reason, key, json.loads(kept["payload"]))


def failed_event(message: Mapping[str, Any]) -> Failure:
    """From a message of the failed-events queue.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html

    Raises:
        UnreadableFailureError: Lambda has not written it.
    """
    with _naming(f"message {message['MessageId']}"):
        kept = json.loads(message["Body"])
        return Failure(
            kind="event",
            function=_function_name(kept["requestContext"]["functionArn"]),
            since=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
            reason=_reason(kept),
            place=message["ReceiptHandle"],
            event=kept["requestPayload"],
        )


def _reason(kept: Mapping[str, Any]) -> str:
    """An event that grew too old before anybody ran it has no answer."""
    answer = kept.get("responsePayload") or {}
    return str(answer.get("errorMessage") or kept["requestContext"]["condition"])


def _function_name(arn: str) -> str:
    """Of `arn:aws:lambda:region:account:function:NAME[:qualifier]`."""
    return arn.split(":")[6]


@contextlib.contextmanager
def _naming(place: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UnreadableFailureError(
            f"{place} is none of ours: {type(error).__name__} {error}"
        ) from error
