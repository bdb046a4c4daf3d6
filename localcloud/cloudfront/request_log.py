"""CloudFront's log: a line per request. A full disk stops no request."""

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(message)s"


class _LogFile(logging.FileHandler):
    """Reports on standard error, once and without a stack trace, that it cannot write."""

    _is_failing = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._is_failing:
            self._is_failing = True
            print(
                f"CloudFront: {self.baseFilename} cannot be written: {error.strerror}."
                " Free some space. Requests are answered, and lines of the log are lost.",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what could not be written still cannot be
            super().close()


@contextlib.contextmanager
def request_log(file: Path) -> Iterator[logging.Logger]:
    """A logger that writes to a file, which is emptied first, until the block ends."""
    log = logging.Logger("edge", logging.INFO)
    formatter = logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = _LogFile(file, mode="w")
    handler.setFormatter(formatter)
    log.addHandler(handler)
    try:
        yield log
    finally:
        handler.close()
