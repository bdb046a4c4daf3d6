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
    """Do something at the client's next such moment, `before-call.s3.PutObject`; it must come."""
    came = False

    def hook(**_: object) -> None:
        nonlocal came
        if not came:
            came = True
            act()

    client.meta.events.register(moment, hook)
    try:
        yield
    finally:
        client.meta.events.unregister(moment, hook)
    assert came, f"{moment} did not come"


def raising(error: BaseException) -> Callable[[], None]:
    """Something to do at a moment: raise."""

    def act() -> None:
        raise error

    return act


def refusal(code: str) -> ClientError:
    """AWS's refusal with this code, such as `SlowDown` or `AccessDenied`."""
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, "Operation")
