"""Request bodies: decode JSON into a struct, or raise a problem that names an invalid field."""

import base64
import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from gallery_api.problems import FieldError, ProblemError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

# Ten times what a valid body needs. API Gateway's own limit is 10 MB.
MAX_BODY_CHARACTERS = 32 * 1024

_MISSING = "Object missing required field `"
_UNKNOWN = "Object contains unknown field `"
_PATH = re.compile(r" - at `\$\.(\w+)`\Z")


def decode_body[T: msgspec.Struct](event: "APIGatewayProxyEvent", type_: type[T]) -> T:
    """The body as `type_`.

    Raises:
        ProblemError: the body is missing, too large, not JSON, or not of this type.
    """
    # API Gateway, too, treats a body without Content-Type as JSON.
    content_type = event.headers.get("Content-Type", "application/json")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "The body must be JSON: Content-Type application/json.",
        )
    body: str | bytes | None = event.body
    if not body:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "The request has no body.")
    if len(body) > MAX_BODY_CHARACTERS:
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")
    try:
        if event.is_base64_encoded:
            body = base64.b64decode(body, validate=True)
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), type_) from error
    except ValueError as error:  # not base64, not UTF-8, not JSON
        raise ProblemError(HTTPStatus.BAD_REQUEST, "The body is not valid JSON.") from error


def _invalid(message: str, type_: type[msgspec.Struct]) -> ProblemError:
    """The problem that msgspec's message describes."""
    if message.startswith(_MISSING):
        field, detail = message.removeprefix(_MISSING).removesuffix("`"), "is required"
    elif message.startswith(_UNKNOWN):
        field, detail = message.removeprefix(_UNKNOWN).removesuffix("`"), "is not a known field"
    elif path := _PATH.search(message):
        field = path[1]
        schema = msgspec.json.schema(type_)["$defs"][type_.__name__]
        detail = f"must be {schema['properties'][field]['description']}"
    else:
        return ProblemError(HTTPStatus.BAD_REQUEST, "The body must be a JSON object.")
    pointer = "#/" + quote(field.replace("~", "~0").replace("/", "~1"), safe="~")
    return ProblemError(
        HTTPStatus.BAD_REQUEST, f"{field} {detail}", errors=[FieldError(pointer, detail)]
    )
