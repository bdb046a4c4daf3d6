"""User pools: who may sign up, and the keys of their tokens; runs inside ministack's process."""

import os
from typing import Any, Final

_REFUSAL: Final = "SignUp is not permitted for this user pool"


def install() -> None:
    """Refuse SignUp where only administrators create users, and find keys under any BIND_HOST."""
    _refuse_sign_up()
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
