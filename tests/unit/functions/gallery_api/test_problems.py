import json
from http import HTTPStatus

import pytest
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from gallery_api.problems import FieldError, ProblemError, as_problem


def refusal(code: str, status: int) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "table gallery-photos-1234"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "GetItem",
    )


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException", 400),
        refusal("ProvisionedThroughputExceededException", 400),
        refusal("RequestLimitExceeded", 400),
        refusal("InternalServerError", 500),
        refusal("503", 503),
        ConnectTimeoutError(endpoint_url="https://dynamodb"),
        ReadTimeoutError(endpoint_url="https://dynamodb"),
        EndpointConnectionError(endpoint_url="https://dynamodb"),
    ],
)
def test_temporary_fault_is_answered_503(error: ClientError | BotoCoreError):
    problem = as_problem(error)
    assert problem.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert problem.headers == {"Retry-After": "1"}


@pytest.mark.parametrize(
    "error",
    [
        refusal("AccessDeniedException", 400),
        refusal("ResourceNotFoundException", 400),
        refusal("ConditionalCheckFailedException", 400),
        NoCredentialsError(),
        KeyError("gallery-photos-1234"),
    ],
)
def test_unexpected_error_does_not_show_its_message(error: Exception):
    problem = as_problem(error)
    assert problem.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert problem.detail == "An internal error occurred, and has been logged."


def test_unknown_route_is_not_found():
    assert as_problem(NotFoundError()).status == HTTPStatus.NOT_FOUND


def test_problem_is_written_in_the_order_of_the_rfc():
    response = ProblemError(
        HTTPStatus.BAD_REQUEST, "bytes is required", errors=[FieldError("#/bytes", "is required")]
    ).response("c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert list(json.loads(response.body or "").items()) == [
        ("type", "about:blank"),
        ("title", "Bad Request"),
        ("status", 400),
        ("detail", "bytes is required"),
        ("instance", "urn:uuid:c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
        ("errors", [{"pointer": "#/bytes", "detail": "is required"}]),
    ]
