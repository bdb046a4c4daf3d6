"""How a command ends on Ctrl-C and on SIGTERM."""

import signal
import sys
import threading
from typing import Final

_interrupted: Final = threading.Event()


def end_on_signals(command: str) -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, and SIGTERM ends the process."""
    # `down` ends `up` by SIGTERM, which is no failure.
    status = 0 if command == "up" else 128 + signal.SIGTERM
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(status))
    signal.signal(signal.SIGINT, _interrupt)


def raise_if_interrupted() -> None:
    """Raise the KeyboardInterrupt that Python has dropped, if it was raised in a finalizer."""
    if _interrupted.is_set():
        raise KeyboardInterrupt


def _interrupt(*_: object) -> None:
    _interrupted.set()
    raise KeyboardInterrupt
