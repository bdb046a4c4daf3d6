"""The one user of the gallery on the laptop cloud."""

import contextlib
from collections.abc import Mapping
from typing import Final

from localcloud.cloud import Cloud

USER: Final = "you@example.com"
PASSWORD: Final = "lambda gallery"  # noqa: S105 - for tests, and printed by make up


def make_user(cloud: Cloud, stack: Mapping[str, str]) -> None:
    """Create `USER` with `PASSWORD`."""
    cognito = cloud.client("cognito-idp")
    with contextlib.suppress(cognito.exceptions.UsernameExistsException):
        cognito.admin_create_user(
            UserPoolId=stack["UserPoolId"],
            Username=USER,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": USER},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
    cognito.admin_set_user_password(
        UserPoolId=stack["UserPoolId"], Username=USER, Password=PASSWORD, Permanent=True
    )


def sign_in(
    cloud: Cloud, stack: Mapping[str, str], user: str = USER, password: str = PASSWORD
) -> dict[str, str]:
    """The tokens of a user: IdToken, AccessToken and RefreshToken."""
    answer = cloud.client("cognito-idp").initiate_auth(
        ClientId=stack["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user, "PASSWORD": password},
    )
    return dict(answer["AuthenticationResult"])
