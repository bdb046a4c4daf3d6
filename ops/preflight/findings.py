"""What a check found, and what it says when AWS does not let it look."""

import enum
import re
from typing import Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

_NOT_ALLOWED: Final = {
    "403",  # HeadBucket has no body to say more
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
    """What one check says; a sentence that is not READY says what to do."""

    check: str
    result: CheckResult
    sentence: str


def ready(check: str, sentence: str) -> Finding:
    """Nothing to do."""
    return Finding(check, CheckResult.READY, sentence)


def warning(check: str, sentence: str) -> Finding:
    """The deployment works, or nobody can tell beforehand."""
    return Finding(check, CheckResult.WARNING, sentence)


def blocked(check: str, sentence: str) -> Finding:
    """The deployment would fail."""
    return Finding(check, CheckResult.BLOCKED, sentence)


def is_denied(error: ClientError) -> bool:
    """Whether the credentials may not make the call."""
    return error.response["Error"]["Code"] in _NOT_ALLOWED


def missing_action(error: ClientError, expected: str) -> str:
    """The IAM action that the refused call needs, as AWS names it, or else `expected`."""
    message = error.response["Error"].get("Message", "")
    named = re.search(r"not authorized to perform: ([\w-]+:\w+)", message)
    return named[1] if named else expected


def not_checked(check: str, action: str, error: ClientError | BotoCoreError) -> Finding:
    """A warning in place of what the check would have said."""
    if isinstance(error, ClientError) and is_denied(error):
        action = missing_action(error, action)
        return warning(
            check, f"Not checked: the credentials lack {action}. Grant it to have this checked."
        )
    return warning(check, f"Not checked: {str(error).rstrip('.')}.")
