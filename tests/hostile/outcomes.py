"""Summarizes an answer in a few words that a case can expect."""

import json
import re
from collections.abc import Iterable
from typing import Final

from tests.hostile.raw_http import Answer
from tests.support.public_reads import PUBLIC_READ

PROBLEM: Final = "application/problem+json"
_MEMBERS: Final = {"type", "title", "status", "detail", "instance", "errors"}
_INTERNALS: Final = re.compile(
    rb"Traceback|File \"|\.py\b|arn:aws|/var/task|/opt/python|\w+Error\b|\w+Exception\b"
    rb"|botocore|boto3|msgspec|powertools|dynamodb|kinesis|ministack|lambda-gallery|0{12}(?!\d)",
    re.IGNORECASE,
)


def outcome(answer: Answer, secrets: Iterable[bytes] = ()) -> str:
    """The status of an answer to a page or file, and what is wrong with it."""
    if answer.status >= 500:
        return f"{answer.status}: {answer.body[:100]!r}"
    for secret in secrets:
        if secret in answer.body:
            return f"{answer.status} with {secret.decode()!r}"
    return str(answer.status)


def api_outcome(answer: Answer, secrets: Iterable[bytes] = ()) -> str:
    """The status of an answer of the API, whether an error is a problem, and what is wrong."""
    found = outcome(answer, secrets)
    if found != str(answer.status):
        return found
    control = answer.headers.get("cache-control")
    if control != "no-store" and (answer.status, control) != (200, PUBLIC_READ):
        return f"{found} that may be cached"
    if answer.status < 400:
        return found
    if answer.headers.get("content-type") != PROBLEM:
        return f"{found} as {answer.headers.get('content-type')}: {answer.body[:100]!r}"
    try:
        problem = json.loads(answer.body)
    except ValueError:
        return f"{found} with a body that is not JSON: {answer.body[:100]!r}"
    if not {"type", "title"} <= problem.keys() <= _MEMBERS or (
        problem.get("status", answer.status) != answer.status
    ):
        return f"{found} with a body that is not a problem: {answer.body[:100]!r}"
    if internals := _INTERNALS.search(answer.body):
        return f"{found} with internals: {internals[0].decode()}"
    return f"{found} problem"
