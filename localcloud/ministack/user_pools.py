"""User pools: sign-up, triggers, and the keys of tokens; runs inside ministack's process."""

import os
from typing import Any, Final

_REFUSAL: Final = "SignUp is not permitted for this user pool"


class _TriggerFailedError(Exception):
    """A trigger failed; the message is its error."""


def install() -> None:
    """Refuse SignUp where only administrators create users, and tokens that a trigger refuses.

    Find keys under any BIND_HOST.
    """
    _refuse_sign_up()
    _refuse_tokens()
    _read_keys_at(os.environ["AWS_ENDPOINT_URL"])


def _refuse_sign_up() -> None:
    """Refuse SignUp if the pool has AllowAdminCreateUserOnly, which ministack ignores."""
    from ministack.services import cognito  # noqa: PLC0415 - not in the development environment

    sign_up = cognito._sign_up  # noqa: SLF001

    def sign_up_if_allowed(data: dict[str, Any]) -> Any:
        for pool in cognito._user_pools.values():  # noqa: SLF001
            settings = pool.get("AdminCreateUserConfig") or {}
            closed = str(settings.get("AllowAdminCreateUserOnly", False)).lower() == "true"
            if closed and data.get("ClientId") in pool["_clients"]:
                return cognito.error_response_json("NotAuthorizedException", _REFUSAL, 400)
        return sign_up(data)

    cognito._sign_up = sign_up_if_allowed  # noqa: SLF001


def _refuse_tokens() -> None:
    """Issue no tokens if the pre token generation trigger fails; ministack issues them then."""
    from ministack.services import cognito  # noqa: PLC0415 - not in the development environment

    os.environ["MINISTACK_COGNITO_PRETOKEN_STRICT"] = "1"
    claims_of, answer_of = cognito._apply_pretoken_trigger, cognito._dispatch_idp  # noqa: SLF001

    def claims_or_failure(**request: Any) -> Any:
        try:
            return claims_of(**request)
        except Exception as error:
            raise _TriggerFailedError(str(error)) from error

    async def answer(action: str, data: dict[str, Any]) -> Any:
        try:
            return await answer_of(action, data)
        except _TriggerFailedError as error:
            return cognito.error_response_json("UserLambdaValidationException", str(error), 400)

    cognito._apply_pretoken_trigger = claims_or_failure  # noqa: SLF001
    cognito._dispatch_idp = answer  # noqa: SLF001


def _read_keys_at(endpoint: str) -> None:
    """Have authorizers read the keys of a pool at this endpoint; ministack asks `localhost`."""
    from ministack.services import apigateway, apigateway_v1  # noqa: PLC0415

    resolve = apigateway._resolve_jwks_url  # noqa: SLF001
    own = f"http://{apigateway._HOST}:{apigateway._PORT}/"  # noqa: SLF001

    async def resolve_here(authorizer: dict[str, Any]) -> str | None:
        found = await resolve(authorizer)
        return str(found).replace(own, f"{endpoint}/") if found else None

    for module in (apigateway, apigateway_v1):  # the second has imported it by name
        module._resolve_jwks_url = resolve_here  # noqa: SLF001
