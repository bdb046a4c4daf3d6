"""Adds the clinic and the duties of an employee to both tokens, before Cognito signs them."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

TABLE = os.environ["EMPLOYEES_TABLE"]

logger = Logger()
# Cognito waits 5 seconds, so two attempts must fit into them.
dynamodb = boto3.client(
    "dynamodb",
    config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2}),
)


class SuspendedError(Exception):
    """The employee may not sign in; Cognito shows this message to the caller."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Return the event with claims in its response; an error refuses the tokens."""
    user = event["request"]["userAttributes"]["sub"]
    found = dynamodb.get_item(
        TableName=TABLE,
        Key={"user": {"S": user}},
        ConsistentRead=True,  # a suspension counts from the next token on
        ProjectionExpression="clinic, duties, suspended",
    )
    employee = found.get("Item")
    if employee is None:
        logger.warning("not an employee: no claims", user=user)
        return event
    if employee.get("suspended", {}).get("BOOL"):
        logger.warning("suspended", user=user)
        raise SuspendedError("Your account is suspended.")
    claims = {
        "clinic": employee["clinic"]["S"],
        "duties": sorted(employee.get("duties", {}).get("SS", [])),
    }
    event["response"]["claimsAndScopeOverrideDetails"] = {
        "idTokenGeneration": {"claimsToAddOrOverride": claims},
        "accessTokenGeneration": {"claimsToAddOrOverride": claims},
    }
    logger.info("claims added", user=user, trigger=event["triggerSource"])
    return event
