"""Python imports this at the start of every process that has this folder in PYTHONPATH.

A thread then sets the wall clock of the process to the real time plus the number of seconds in the
file in `CHAOS_CLOCK`. The monotonic clock never jumps.
"""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import time_machine

VARIABLE: Final = "CHAOS_CLOCK"
_LOOK_SECONDS: Final = 0.1


def follow(file: Path) -> None:
    """Poll the file for as long as the process runs."""
    known = 0
    travelling: time_machine.travel | None = None
    pause = threading.Event()
    while True:
        seconds = int(file.read_text())
        if seconds != known:
            if travelling:
                travelling.stop()
            target = datetime.now(UTC) + timedelta(seconds=seconds)
            travelling = time_machine.travel(target, tick=True)
            travelling.start()
            known = seconds
        pause.wait(_LOOK_SECONDS)


if VARIABLE in os.environ:
    clock = Path(os.environ[VARIABLE])
    threading.Thread(target=follow, args=(clock,), name="clock", daemon=True).start()
