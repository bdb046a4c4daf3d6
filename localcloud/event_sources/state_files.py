"""The files in which event sources keep their checkpoints and their log.

With a full disk the event sources go on without them.

Standard error gets one line when a file cannot be written, and one when it can be written again.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path


class StateFile:
    """A file of a laptop cloud; `consequence` says what it means if it cannot be written."""

    def __init__(self, path: Path, consequence: str) -> None:
        self.path = path
        self._consequence = consequence
        self._is_failing = False

    def replace(self, text: str) -> bool:
        """Write the whole file; False if that failed and the file has its old content."""

        def write() -> None:
            new = self.path.with_suffix(".new")
            new.write_text(text)
            new.replace(self.path)

        return self._written(write)

    def append(self, text: str) -> bool:
        """Add to the end of the file; False if that failed."""

        def write() -> None:
            with self.path.open("a") as file:
                file.write(text)

        return self._written(write)

    def _written(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except OSError as error:
            if not self._is_failing:
                _report(f"{self.path} cannot be written: {error.strerror}. {self._consequence}")
            self._is_failing = True
            return False
        if self._is_failing:
            _report(f"{self.path} is written again.")
        self._is_failing = False
        return True


class Log:
    """A log with one sentence per line, without consecutive repetitions."""

    def __init__(self, path: Path) -> None:
        self.latest: deque[str] = deque(maxlen=100)
        self._file = StateFile(path, "Its next lines are lost until the disk has space.")
        self._lock = threading.Lock()

    def write(self, sentence: str) -> None:
        with self._lock:
            if self.latest and self.latest[-1] == sentence:
                return
            self.latest.append(sentence)
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._file.append(f"{at} {sentence}\n")


def _report(sentence: str) -> None:
    print(f"Event sources: {sentence}", file=sys.stderr, flush=True)
