"""The console that commands print to."""

import os
from typing import Final

from rich.console import Console

_NO_LIMIT: Final = 10_000  # columns


def command_console(*, stderr: bool = False) -> Console:
    """A console that wraps lines at the width of the terminal, and in files and pipes not at all.

    COLUMNS sets another width.
    """
    console = Console(highlight=False, stderr=stderr)
    if not console.file.isatty() and "COLUMNS" not in os.environ:
        console.width = _NO_LIMIT
    return console
