"""Claims from a table in both tokens, and tokens that the function refuses."""

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.running_application import RunningApplication
from tests.examples.conftest import documented_answers, running
from tests.support.permissions import denied

pytestmark = pytest.mark.slow
PASSWORD = "correct horse battery 1 Staple!"


@pytest.fixture(scope="module")
def clinic() -> Iterator[RunningApplication]:
    with running("cognito-trigger") as application:
        yield application


class User:
    """A new user of the pool."""

    def __init__(self, clinic: RunningApplication) -> None:
        self._outputs, self._cloud = clinic.outputs, clinic.cloud
        self._cognito = clinic.cloud.client("cognito-idp")
        self._email = f"{uuid.uuid4()}@example.com"
        pool = {"UserPoolId": clinic.outputs["UserPool"], "Username": self._email}
        created = self._cognito.admin_create_user(
            **pool, UserAttributes=[{"Name": "email", "Value": self._email}]
        )
        self._cognito.admin_set_user_password(**pool, Password=PASSWORD, Permanent=True)
        attributes = {each["Name"]: each["Value"] for each in created["User"]["Attributes"]}
        self.sub = attributes["sub"]

    def employ(self, **more: Any) -> None:
        employee = {
            "user": {"S": self.sub},
            "clinic": {"S": "north"},
            "duties": {"SS": ["on-call"]},
        }
        self._cloud.client("dynamodb").put_item(
            TableName=self._outputs["Employees"], Item=employee | more
        )

    def sign_in(self) -> Any:
        return self._cognito.initiate_auth(
            ClientId=self._outputs["UserPoolClient"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": self._email, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]

    def refresh(self, token: str) -> Any:
        return self._cognito.initiate_auth(
            ClientId=self._outputs["UserPoolClient"],
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": token},
        )["AuthenticationResult"]


def claims(token: str) -> Any:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_both_tokens_of_an_employee_have_the_claims(clinic: RunningApplication):
    user = User(clinic)
    user.employ()
    tokens = user.sign_in()
    for name in ("IdToken", "AccessToken"):
        found = claims(tokens[name])
        assert (found["sub"], found["clinic"], found["duties"]) == (user.sub, "north", ["on-call"])


def test_changed_duty_is_in_the_next_token(clinic: RunningApplication):
    user = User(clinic)
    user.employ()
    tokens = user.sign_in()
    user.employ(duties={"SS": ["surgery"]})
    assert claims(user.refresh(tokens["RefreshToken"])["AccessToken"])["duties"] == ["surgery"]


def test_user_who_is_no_employee_signs_in_without_claims(clinic: RunningApplication):
    found = claims(User(clinic).sign_in()["AccessToken"])
    assert "clinic" not in found
    assert "duties" not in found


def test_suspended_employee_gets_no_token(clinic: RunningApplication):
    user = User(clinic)
    user.employ()
    tokens = user.sign_in()
    user.employ(suspended={"BOOL": True})
    for attempt in (user.sign_in, lambda: user.refresh(tokens["RefreshToken"])):
        with pytest.raises(ClientError, match=r"UserLambdaValidationException.*suspended"):
            attempt()


def test_nobody_gets_a_token_without_claims_while_the_table_cannot_be_read(
    clinic: RunningApplication,
):
    user = User(clinic)
    user.employ()
    with (
        denied(clinic, "AddClaimsRole", "dynamodb:GetItem"),
        pytest.raises(ClientError, match=r"UserLambdaValidationException.*dynamodb:GetItem"),
    ):
        user.sign_in()
    assert claims(user.sign_in()["AccessToken"])["clinic"] == "north"


def test_user_of_the_readmes_sample_event_gets_no_claims(clinic: RunningApplication):
    [answer] = documented_answers(clinic, "cognito-trigger")
    assert not answer.function_error
    assert json.loads(answer.payload)["response"] == {"claimsAndScopeOverrideDetails": None}
