"""Expires shard iterators of Kinesis without a full search; runs inside ministack's process.

ministack checks every iterator at every request. A stream that is polled five times a second has
1,500 of them, which live for five minutes, and each check took more than a millisecond.
"""

import itertools
import time
from collections.abc import Mapping
from typing import Any


def install() -> None:
    """Replace ministack's search.

    Raises:
        AttributeError: this version of ministack lacks something that is needed here.
    """
    from ministack.services import kinesis  # noqa: PLC0415 - not in the development environment

    seconds = kinesis.ITERATOR_EXPIRY_SECONDS
    iterators = kinesis._shard_iterators._data  # noqa: SLF001 - of all accounts and regions

    def expire() -> None:
        for key in expired(iterators, time.time() - seconds):
            iterators.pop(key, None)

    kinesis._expire_iterators  # noqa: B018, SLF001 - must exist
    kinesis._expire_iterators = expire  # noqa: SLF001


def expired[Key](iterators: Mapping[Key, Mapping[str, Any]], limit: float) -> list[Key]:
    """The iterators made before `limit`; they are in the order in which they were made."""
    made_before = itertools.takewhile(lambda each: each[1]["created_at"] < limit, iterators.items())
    return [key for key, _ in made_before]
