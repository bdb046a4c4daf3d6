"""Who asks: the claims of the token that the gateway's authorizer has checked."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from gallery_api.problems import ProblemError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent


def signed_in(event: "APIGatewayProxyEvent") -> str:
    """The subject of the ID token, which is what photos have as their owner.

    Raises:
        ProblemError: there is none. The laptop's gateway lets access tokens through.
    """
    claims = event.request_context.authorizer.claims
    if claims.get("token_use") != "id" or not claims.get("sub"):
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "Sign in first: Authorization must hold your ID token.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return str(claims["sub"])
