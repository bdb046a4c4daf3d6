"""The time after which an invocation must not begin another call."""

from collections.abc import Callable

import msgspec


class Deadline(msgspec.Struct, frozen=True):
    """Lambda ends an invocation at its timeout, even in the middle of a call.

    `milliseconds_left` is the context's `get_remaining_time_in_millis`. `reserve` is the time in
    seconds that the function needs after a check: for the calls that follow it, and its own answer.
    """

    milliseconds_left: Callable[[], int]
    reserve: float

    def seconds_left(self) -> float:
        """For how many seconds a call may still begin. At 0 or less, no call may begin."""
        return self.milliseconds_left() / 1000 - self.reserve

    def check(self) -> None:
        """Stop before a call for which too little time is left.

        Raises:
            TimeoutError: no call may begin.
        """
        left = self.seconds_left()
        if left <= 0:
            raise TimeoutError(
                f"too little time is left: {left + self.reserve:.1f} s, and what follows may take"
                f" {self.reserve:g} s"
            )
