"""`Idempotency-Key`: a repeated request gets the first one's answer, and changes nothing."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.utilities.idempotency import exceptions as faults
from aws_lambda_powertools.utilities.idempotency.base import IdempotencyHandler
from aws_lambda_powertools.utilities.idempotency.config import IdempotencyConfig

from gallery_api.problems import RETRY_SOON, ProblemError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from gallery_api.idempotency_store import IdempotencyStore

# A minute less than UPLOAD_LIFETIME, so that the signed upload of a repeated answer still works.
LIFETIME_SECONDS: Final = 14 * 60
_KEY = re.compile("[ -~]{1,255}")
_IN_PROGRESS = (faults.IdempotencyAlreadyInProgressError, faults.IdempotencyInconsistentStateError)
_config = IdempotencyConfig(
    "key", "request", expires_after_seconds=LIFETIME_SECONDS, hash_function="sha256"
)


def answer_once(
    store: "IdempotencyStore",
    context: "LambdaContext",
    owner: str,
    keyed: dict[str, Any],
    act: Callable[[str], Any],
) -> Any:
    """The answer of `act`, or the stored one if the owner has sent the same `keyed` before.

    `keyed` has the idempotency `key` and the body of the `request`.
    `act` gets the id of what to create. If it raises, the key is free again at once. If the
    invocation is killed, the key is free at the time at which Lambda would have ended it. The next
    request with the same `keyed` then gets the same id.

    Raises:
        ProblemError: the key is malformed, belongs to another request, or is in progress.
    """
    if not _KEY.fullmatch(keyed["key"]):
        detail = "Idempotency-Key must be 1 to 255 printable ASCII characters"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
    _config.register_lambda_context(context)
    # Not Powertools' decorator: an environment variable can switch it off.
    handler = IdempotencyHandler(
        lambda: act(store.claimed_id), keyed, _config, store, None, owner, (), {}
    )
    try:
        return handler.handle()
    except faults.IdempotencyValidationError as error:
        detail = "This Idempotency-Key belongs to another request."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error
    except _IN_PROGRESS as error:
        detail = "A request with this Idempotency-Key is being answered. Try again in a moment."
        raise ProblemError(HTTPStatus.CONFLICT, detail, headers=RETRY_SOON) from error
    except faults.IdempotencyPersistenceLayerError as error:
        if error.__cause__ is None:
            raise
        raise error.__cause__ from None
