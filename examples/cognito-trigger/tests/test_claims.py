"""Employees get claims, others get none, and suspended employees get no token."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from botocore.stub import Stubber

import claims

FILE = Path(__file__).parents[1] / "events" / "sign_in.json"
EVENT = json.loads(FILE.read_text())
EXPECTED = {
    "TableName": "employees",
    "Key": {"user": {"S": EVENT["request"]["userAttributes"]["sub"]}},
    "ConsistentRead": True,
    "ProjectionExpression": "clinic, duties, suspended",
}
EMPLOYEE = {"clinic": {"S": "north"}, "duties": {"SS": ["surgery", "on-call"]}}


def answered(context: LambdaContext, employee: dict[str, Any] | None) -> Any:
    """The response for a user, who is this employee or none."""
    with Stubber(claims.dynamodb) as dynamodb:
        dynamodb.add_response("get_item", {"Item": employee} if employee else {}, EXPECTED)
        return claims.handler(json.loads(FILE.read_text()), context)["response"]


def test_both_tokens_get_the_claims(context: LambdaContext) -> None:
    details = answered(context, EMPLOYEE)["claimsAndScopeOverrideDetails"]
    added = {"claimsToAddOrOverride": {"clinic": "north", "duties": ["on-call", "surgery"]}}
    assert details == {"idTokenGeneration": added, "accessTokenGeneration": added}


def test_employee_without_duties_has_an_empty_list(context: LambdaContext) -> None:
    details = answered(context, {"clinic": {"S": "north"}})["claimsAndScopeOverrideDetails"]
    assert details["idTokenGeneration"]["claimsToAddOrOverride"]["duties"] == []


def test_user_who_is_no_employee_gets_no_claims(context: LambdaContext) -> None:
    assert answered(context, None) == EVENT["response"]


def test_suspended_employee_gets_no_token(context: LambdaContext) -> None:
    with pytest.raises(claims.SuspendedError, match="suspended"):
        answered(context, EMPLOYEE | {"suspended": {"BOOL": True}})


def test_token_without_claims_is_not_issued_if_the_table_cannot_be_read(
    context: LambdaContext,
) -> None:
    with Stubber(claims.dynamodb) as dynamodb:
        dynamodb.add_client_error("get_item", "AccessDeniedException")
        with pytest.raises(ClientError):
            claims.handler(json.loads(FILE.read_text()), context)
