"""The caller, from the claims of the ID token that API Gateway's authorizer has checked."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from gallery_api.problems import ProblemError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent


def signed_in(event: "APIGatewayProxyEvent") -> str:
    """The subject of the ID token, which is the `owner` of a photo.

    Raises:
        ProblemError: there is no ID token. The laptop's API Gateway accepts access tokens, too.
    """
    claims = event.request_context.authorizer.claims
    if claims.get("token_use") != "id" or not claims.get("sub"):
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "Sign in first: Authorization must hold your ID token.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return str(claims["sub"])
