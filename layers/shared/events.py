"""Check that an event has the shape that a function expects."""

from typing import Any

import msgspec


class UnexpectedEventError(Exception):
    """The event is for another function. Whatever has sent it should not invoke this one."""


def check_event[T](function: str, expected: str, event: Any, shape: type[T]) -> T:
    """The event as a value of `shape`.

    Raises:
        UnexpectedEventError: it does not have that shape. The message names the function and what
            it expects.
    """
    try:
        return msgspec.convert(event, shape)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the second: a lone surrogate
        message = f"{function} expects {expected}, and got another event: {error}."
        raise UnexpectedEventError(f"{message} Check what invokes it.") from error
