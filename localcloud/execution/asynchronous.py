"""An asynchronous invocation: when it is attempted again, and what becomes of its event.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

type Condition = Literal["Success", "RetriesExhausted", "EventAgeExceeded"]

_WAITS: Final = (60.0, 120.0)  # seconds on AWS before the first and the second retry
_LONGEST_SYSTEM_WAIT: Final = 300.0
_ERROR_MESSAGE_LIMIT: Final = 1024


@dataclass(frozen=True)
class InvokeConfig:
    """How a function, version or alias handles asynchronous events; defaults are AWS's."""

    maximum_retries: int = 2
    maximum_age_seconds: float = 21_600
    on_success: str | None = None  # ARNs
    on_failure: str | None = None
    dead_letter: str | None = None

    @classmethod
    def from_api(cls, invoke_config: Mapping[str, Any], function: Mapping[str, Any]) -> Self:
        """The settings of GetFunctionEventInvokeConfig and GetFunctionConfiguration."""
        destinations = invoke_config.get("DestinationConfig") or {}
        retries = invoke_config.get("MaximumRetryAttempts")
        return cls(
            maximum_retries=2 if retries is None else int(retries),
            maximum_age_seconds=float(invoke_config.get("MaximumEventAgeInSeconds") or 21_600),
            on_success=(destinations.get("OnSuccess") or {}).get("Destination"),
            on_failure=(destinations.get("OnFailure") or {}).get("Destination"),
            dead_letter=(function.get("DeadLetterConfig") or {}).get("TargetArn"),
        )


@dataclass(frozen=True)
class Attempt:
    """An attempt that reached the function, and its answer."""

    payload: Any
    function_error: str | None = None  # "Unhandled", for example
    executed_version: str = "$LATEST"


@dataclass
class QueuedEvent:
    """An event in Lambda's asynchronous queue.

    AWS's waits after function errors are divided by `speed`. The age of the event counts the whole
    waits, so that it expires before the same attempt as on AWS.
    """

    request_id: str  # the same for all attempts
    payload: Any
    function_arn: str  # with the qualifier that was invoked
    settings: InvokeConfig
    queued_at: float  # by the clock of `after`, which must not jump
    speed: float = 1
    invocations: int = 0
    system_errors: int = 0  # with throttles; since the last attempt that reached the function
    answer: Attempt | None = None  # of the last attempt that reached the function
    _saved: float = 0  # seconds that AWS would have waited in addition

    def after(self, answer: Attempt, now: float) -> float | Condition:
        """Seconds until the next attempt, or how the invocation ended."""
        self.invocations += 1
        self.system_errors = 0
        self.answer = answer
        if not answer.function_error:
            return "Success"
        if self.invocations > self.settings.maximum_retries:
            return "RetriesExhausted"
        wait = _WAITS[min(self.invocations, len(_WAITS)) - 1]
        if self._expires_within(wait, now):
            return "EventAgeExceeded"
        self._saved += wait - wait / self.speed
        return wait / self.speed

    def after_system_error(self, now: float) -> float | Condition:
        """As `after`, if the attempt did not reach the function: throttled, or a system error."""
        wait = min(2.0**self.system_errors, _LONGEST_SYSTEM_WAIT)
        self.system_errors += 1
        return "EventAgeExceeded" if self._expires_within(wait, now) else wait

    def _expires_within(self, seconds: float, now: float) -> bool:
        age = now - self.queued_at + self._saved
        return age + seconds > self.settings.maximum_age_seconds

    def destination(self, condition: Condition) -> str | None:
        """The ARN of the destination of an invocation that ended so."""
        if condition == "Success":
            return self.settings.on_success
        return self.settings.on_failure

    def record(self, condition: Condition, now: float) -> dict[str, Any]:
        """The invocation record that a destination gets."""
        qualified = self.function_arn.count(":") > _COLONS_OF_AN_UNQUALIFIED_ARN
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": _timestamp(now),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": self.function_arn if qualified else f"{self.function_arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": self.invocations,
            },
            "requestPayload": self.payload,
        }
        if self.answer:
            context = {"statusCode": 200, "executedVersion": self.answer.executed_version}
            if self.answer.function_error:
                context["functionError"] = self.answer.function_error
            record |= {"responseContext": context, "responsePayload": self.answer.payload}
        return record

    def dead_letter_attributes(self) -> dict[str, dict[str, str]]:
        """The message attributes beside the event in a dead-letter queue or topic."""
        attributes = {"RequestID": {"DataType": "String", "StringValue": self.request_id}}
        if self.answer:
            payload = self.answer.payload
            message = payload.get("errorMessage") if isinstance(payload, dict) else None
            attributes["ErrorCode"] = {"DataType": "Number", "StringValue": "200"}
            if message:
                text = str(message)[:_ERROR_MESSAGE_LIMIT]
                attributes["ErrorMessage"] = {"DataType": "String", "StringValue": text}
        return attributes

    def object_key(self, now: float) -> str:
        """aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>."""
        at = datetime.fromtimestamp(now, UTC)
        folder = f"aws/lambda/async/{self.function_arn.split(':')[6]}/{at:%Y/%m/%d}"
        return f"{folder}/{at:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


_COLONS_OF_AN_UNQUALIFIED_ARN: Final = 6


def _timestamp(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return at.replace("+00:00", "Z")
