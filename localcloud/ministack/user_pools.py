"""User pools in which only administrators create users; runs inside ministack's process."""

from typing import Any, Final

_REFUSAL: Final = "SignUp is not permitted for this user pool"


def install() -> None:
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
