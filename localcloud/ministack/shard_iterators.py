"""Shard iterators of Kinesis that expire without a search of all; runs inside ministack's process.

ministack looks at every iterator at every request. A stream that is polled five times a second has
1,500 of them in the five minutes that they live, and each look took more than a millisecond.
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
