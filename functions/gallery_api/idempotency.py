"""`Idempotency-Key`: a request sent again is answered again, and not acted on again."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency import exceptions as faults
from aws_lambda_powertools.utilities.idempotency.base import IdempotencyHandler

from gallery_api.problems import RETRY_SOON, ProblemError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
    from aws_lambda_powertools.utilities.typing import LambdaContext

# A minute less than the forms in the answers live, so what is repeated can still be used.
LIFETIME_SECONDS: Final = 14 * 60
_KEY = re.compile("[ -~]{1,255}")
_AT_WORK = (faults.IdempotencyAlreadyInProgressError, faults.IdempotencyInconsistentStateError)
_config = IdempotencyConfig(
    "key", "request", expires_after_seconds=LIFETIME_SECONDS, hash_function="sha256"
)


def answer_once(
    store: "DynamoDBPersistenceLayer",
    context: "LambdaContext",
    owner: str,
    keyed: dict[str, Any],
    act: Callable[[], Any],
) -> Any:
    """What `act` answers, or answered before to the owner's same `request` under the same `key`.

    If `act` raises, the key is free again at once; if the function dies in it, after the time that
    it had left.

    Raises:
        ProblemError: the key is none, stands for another request, or is at work elsewhere.
    """
    if not _KEY.fullmatch(keyed["key"]):
        detail = "Idempotency-Key must be 1 to 255 printable ASCII characters"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
    _config.register_lambda_context(context)
    # Not the decorator: an environment variable switches that off.
    handler = IdempotencyHandler(act, keyed, _config, store, None, owner, (), {})
    try:
        return handler.handle()
    except faults.IdempotencyValidationError as error:
        detail = "This Idempotency-Key stands for another request."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error
    except _AT_WORK as error:
        detail = "A request with this Idempotency-Key is being answered. Try again in a moment."
        raise ProblemError(HTTPStatus.CONFLICT, detail, headers=RETRY_SOON) from error
    except faults.IdempotencyPersistenceLayerError as error:
        raise (error.__cause__ or error) from None
