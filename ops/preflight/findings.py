"""Findings of checks, including those of checks that lack a permission."""

import enum
import re
from typing import Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

_NOT_ALLOWED: Final = {
    "403",  # the answer of HeadBucket has no body with a code
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
}


class CheckResult(enum.StrEnum):
    """What a finding means for the deployment."""

    READY = "✓"
    WARNING = "!"
    BLOCKED = "✗"


class Finding(msgspec.Struct, frozen=True):
    """The result of one check. If the result is not READY, the sentence says what to do."""

    check: str
    result: CheckResult
    sentence: str


def ready(check: str, sentence: str) -> Finding:
    """A finding that needs no action."""
    return Finding(check, CheckResult.READY, sentence)


def warning(check: str, sentence: str) -> Finding:
    """A finding that may need action: the deployment can work, or the check could not run."""
    return Finding(check, CheckResult.WARNING, sentence)


def blocked(check: str, sentence: str) -> Finding:
    """A finding that would make the deployment fail, or requests of visitors fail meanwhile."""
    return Finding(check, CheckResult.BLOCKED, sentence)


def is_denied(error: ClientError) -> bool:
    """Whether the credentials lack the permission for the call."""
    return error.response["Error"]["Code"] in _NOT_ALLOWED


def missing_action(error: ClientError, expected: str) -> str:
    """The IAM action in AWS's error message, or `expected` if the message has none."""
    message = error.response["Error"].get("Message", "")
    named = re.search(r"not authorized to perform: ([\w-]+:\w+)", message)
    return named[1] if named else expected


def not_checked(check: str, action: str, error: ClientError | BotoCoreError) -> Finding:
    """The warning for a check whose call failed."""
    if isinstance(error, ClientError) and is_denied(error):
        action = missing_action(error, action)
        return warning(
            check, f"Not checked: the credentials lack {action}. Grant it to run this check."
        )
    return warning(check, f"Not checked: {str(error).rstrip('.')}.")
