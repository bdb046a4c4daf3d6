"""Sequence numbers of streams that only grow; runs inside ministack's process.

ministack begins each number with the wall clock. After the clock was set back, a new record has a
smaller number than an older one, and a consumer that compares them skips the new one as read.
"""

import threading
import time
from collections.abc import Callable


class SequenceNumbers:
    """Numbers in ministack's form: 20 digits of milliseconds and 10 of a count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._count = 0

    def next(self) -> str:
        with self._lock:
            self._milliseconds = max(self._milliseconds, int(self._clock() * 1_000))
            self._count += 1
            return f"{self._milliseconds:020d}{self._count:010d}"


def install() -> None:
    """Replace ministack's numbers of Kinesis and DynamoDB Streams.

    Raises:
        AttributeError: this version of ministack lacks something that is needed here.
    """
    from ministack.services import dynamodb, kinesis  # noqa: PLC0415 - not in the development environment

    kinesis._next_sequence_number  # noqa: B018, SLF001 - must exist
    dynamodb._next_stream_seq  # noqa: B018, SLF001 - must exist
    numbers = SequenceNumbers(time.time)
    kinesis._next_sequence_number = numbers.next  # noqa: SLF001
    dynamodb._next_stream_seq = numbers.next  # noqa: SLF001
