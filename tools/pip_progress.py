"""`python tools/pip_progress.py PIP INSTALL…`: runs pip, and says how far it is.

The Makefile runs it before anything is installed, so it needs the standard library only.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_EVERY = 20  # a line per so many packages, where the output is no terminal
_PACKAGE = re.compile(r"Collecting ([\w.]+(?:-\w+)*)|Processing \S*/(\w+)")  # the second: a file
_PINNED = re.compile(r"^[\w.-]+==", re.MULTILINE)


def steps(lines: Iterator[str], total: int) -> Iterator[tuple[bool, str]]:
    """What pip does, after each line that changes it, and whether that is a line of a log."""
    count = 0
    for line in lines:
        if line.startswith("Ignoring "):  # the package is for another platform
            total -= 1
        elif found := _PACKAGE.match(line):
            count += 1
            yield count % _EVERY == 0, f"{count} of {total} packages: {found[1] or found[2]}"
        elif line.startswith("Installing collected packages"):
            yield True, f"{count} packages are downloaded; pip writes their files"


def main(command: list[str]) -> int:
    """Run the command; returns its exit status. Errors and warnings go to stderr as pip wrote."""
    files = [Path(word) for word in command if word.endswith(".txt")]
    total = sum(len(_PINNED.findall(file.read_text())) for file in files)
    terminal = sys.stdout.isatty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise TypeError("Popen has made no pipe")
        for is_logged, text in steps(iter(process.stdout), total):
            if terminal:
                print(f"\r\x1b[K  {text}", end="", flush=True)
            elif is_logged:
                print(f"  {text}", flush=True)
    if terminal:
        print("\r\x1b[K", end="", flush=True)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
