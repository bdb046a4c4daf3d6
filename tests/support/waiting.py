"""Waiting for what another process or thread will have done."""

import time
from collections.abc import Callable

import pytest


def awaited[T](condition: Callable[[], T], seconds: float = 120) -> T:
    """Poll until `condition` returns a truthy value, and return it.

    The polling interval grows to 0.1 seconds. The time limit ends only tests
    that fail, so that it is long enough for a busy machine.
    """
    deadline = time.monotonic() + seconds
    pause = 0.01
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(pause)
        pause = min(2 * pause, 0.1)
    pytest.fail(f"not within {seconds} s: {condition}")
