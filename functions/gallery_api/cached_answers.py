"""Answers that CloudFront may keep for a moment: the same for everybody, and with an ETag."""

import hashlib
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response

# CloudFront shows a photo for up to 2 + 1 seconds after it is gone from the API's answers, and for
# up to 2 + 30 while the API fails. Browsers ask CloudFront each time.
_CACHE_CONTROL: Final = "max-age=0, s-maxage=2, stale-while-revalidate=1, stale-if-error=30"


def cached[Model](body: Model) -> Response[Model]:
    """An answer that depends on path and query only, never on the caller."""
    return Response(
        status_code=HTTPStatus.OK,
        content_type="application/json",
        headers={"Cache-Control": _CACHE_CONTROL},
        body=body,
    )


def with_etag(answer: dict[str, Any], request_headers: dict[str, str] | None) -> dict[str, Any]:
    """The answer with its ETag, or 304 if the request has it in `If-None-Match`.

    Other answers than those of `cached` are returned unchanged.
    """
    headers = answer["multiValueHeaders"]
    if headers["Cache-Control"] != [_CACHE_CONTROL]:
        return answer
    etag = f'"{hashlib.sha256(answer["body"].encode()).hexdigest()[:32]}"'
    headers = headers | {"ETag": [etag]}
    if etag not in _etags(request_headers or {}):
        return answer | {"multiValueHeaders": headers}
    del headers["Content-Type"]
    return answer | {
        "statusCode": HTTPStatus.NOT_MODIFIED.value,
        "multiValueHeaders": headers,
        "body": "",
    }


def _etags(request_headers: dict[str, str]) -> set[str]:
    """The ETags in `If-None-Match`; a weak one, which CloudFront makes by compressing, counts."""
    given = [text for name, text in request_headers.items() if name.lower() == "if-none-match"]
    return {each.strip().removeprefix("W/") for text in given for each in text.split(",")}
