"""Keeps a reader's languages and theme in two cookies, behind a load balancer."""

import json
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

ALLOWED = {"language": ("de", "en", "fr"), "theme": ("dark", "light")}
ATTRIBUTES = "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"

logger = Logger()


class NotAllowedError(Exception):
    """The query has a value that does not exist; the message says which."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """`GET /preferences?language=de&language=fr&theme=dark` sets; without a query it reads."""
    try:
        chosen = _chosen(event["multiValueQueryStringParameters"] or {})
    except NotAllowedError as error:
        logger.info("refused", reason=str(error))
        return _answer(400, {"message": str(error)}, [])
    cookies = [f"{name}={'.'.join(values)}; {ATTRIBUTES}" for name, values in chosen.items()]
    return _answer(200, _kept(event["multiValueHeaders"].get("cookie", [])) | chosen, cookies)


def _chosen(query: dict[str, list[str]]) -> dict[str, list[str]]:
    # A load balancer passes keys and values as they are in the URL, still percent-encoded.
    decoded = {
        unquote_plus(name): [unquote_plus(value) for value in values]
        for name, values in query.items()
    }
    for name, allowed in ALLOWED.items():
        for value in decoded.get(name, []):
            if value not in allowed:
                raise NotAllowedError(f"{name}: expected {' or '.join(allowed)}, got {value!r}")
    return {name: decoded[name] for name in ALLOWED if name in decoded}


def _kept(headers: list[str]) -> dict[str, list[str]]:
    cookies = SimpleCookie("; ".join(headers))
    return {name: cookies[name].value.split(".") for name in ALLOWED if name in cookies}


def _answer(status: int, body: dict[str, Any], cookies: list[str]) -> dict[str, Any]:
    headers = {"content-type": ["application/json"], "set-cookie": cookies}
    return {
        "statusCode": status,
        "multiValueHeaders": {name: values for name, values in headers.items() if values},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
