"""The API of a tool library: who has a tool, lend it, take it back."""

import json
import logging
from typing import Any, Final

from database import Database, DatabaseUnavailableError

type Response = dict[str, Any]

_logger: Final = logging.getLogger(__name__)
_database: Final = Database()

# The update changes nothing: it makes the statement return the row that was already there.
_LEND: Final = """
INSERT INTO loans (tool, member) VALUES (:tool, :member)
ON CONFLICT (tool) DO UPDATE SET tool = excluded.tool RETURNING member
"""


def handler(event: dict[str, Any], _context: object) -> Response:
    """Answer a request of the HTTP API."""
    parameters: dict[str, str] = event["pathParameters"]
    try:
        return _answer(event["requestContext"]["http"]["method"], parameters)
    except DatabaseUnavailableError as error:
        _logger.error("The database is unavailable", extra={"reason": str(error)})  # noqa: TRY400
        response = _response(503, {"error": "The database is unavailable."})
        return response | {"headers": response["headers"] | {"retry-after": "5"}}


def _answer(method: str, parameters: dict[str, str]) -> Response:
    """Each statement can be repeated, as `Database.run` requires."""
    match method:
        case "PUT":
            [[holder]] = _database.run(_LEND, **parameters)
            taken = holder != parameters["member"]
            return _response(409 if taken else 200, parameters | {"member": holder})
        case "DELETE":
            _database.run("DELETE FROM loans WHERE tool = :tool AND member = :member", **parameters)
            return {"statusCode": 204}
        case _:
            rows = _database.run("SELECT member FROM loans WHERE tool = :tool", **parameters)
            if not rows:
                return _response(404, {"error": "Nobody has this tool."})
            return _response(200, parameters | {"member": rows[0][0]})


def _response(status: int, body: dict[str, str]) -> Response:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body),
    }
