"""Faults put into a function's AWS clients at a chosen moment."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from botocore.client import BaseClient


type At = Callable[[str, Callable[[], object]], contextlib.AbstractContextManager[None]]


class CrashError(BaseException):
    """The execution environment has crashed; a function must not catch this."""


@contextlib.contextmanager
def once(client: "BaseClient", moment: str, act: Callable[[], object]) -> Iterator[None]:
    """Act once at the client's next event `moment`, such as `before-call.s3.PutObject`.

    The event must occur.
    """
    has_acted = False

    def hook(**_: object) -> None:
        nonlocal has_acted
        if not has_acted:
            has_acted = True
            act()

    client.meta.events.register(moment, hook)
    try:
        yield
    finally:
        client.meta.events.unregister(moment, hook)
    assert has_acted, f"{moment} did not occur"


def raising(error: BaseException) -> Callable[[], None]:
    """An action for `once` that raises the error."""

    def act() -> None:
        raise error

    return act


def refusal(code: str) -> ClientError:
    """AWS's refusal with this code, such as `SlowDown` or `AccessDenied`."""
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, "Operation")
