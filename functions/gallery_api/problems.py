"""Errors as problem+json (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from msgspec import UNSET, UnsetType

RETRY_SOON = {"Retry-After": "1"}
THROTTLED = {
    "KMSThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of the body; `pointer` is a JSON Pointer."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True):
    """The body of an error."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] | UnsetType = UNSET


class ProblemError(Exception):
    """An error answer; `detail` is for the caller."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: list[FieldError] | UnsetType = UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def response(self, request_id: str) -> Response[str]:
        """The HTTP answer; `request_id` is Lambda's: `function_request_id` in the log."""
        problem = Problem(
            type="about:blank",
            title=self.status.phrase,
            status=self.status,
            detail=self.detail,
            instance=f"urn:uuid:{request_id}",
            errors=self.errors,
        )
        return Response(
            status_code=self.status,
            content_type="application/problem+json",
            headers=self.headers,
            body=msgspec.json.encode(problem).decode(),
        )


def no_such_photo() -> ProblemError:
    """The same answer for a malformed id, an unknown photo and a deleted one."""
    return ProblemError(HTTPStatus.NOT_FOUND, "There is no such photo.")


def as_problem(error: Exception) -> ProblemError:
    """The problem to answer with; it does not contain the message of an unexpected exception."""
    match error:
        case ProblemError():
            return error
        case NotFoundError():
            return ProblemError(HTTPStatus.NOT_FOUND, "The API has no such path and method.")
        case TimeoutError() | ClientError() | BotoCoreError() if _is_temporary(error):
            return ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The gallery is busy. Try again in a moment.",
                headers=RETRY_SOON,
            )
        case _:
            return ProblemError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "An internal error occurred, and has been logged.",
            )


def _is_temporary(error: TimeoutError | ClientError | BotoCoreError) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(error, ClientError):
        response = error.response
        return (
            response["Error"]["Code"] in THROTTLED
            or response["ResponseMetadata"]["HTTPStatusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR
        )
    return isinstance(error, TimeoutError | BotoConnectionError | HTTPClientError)
