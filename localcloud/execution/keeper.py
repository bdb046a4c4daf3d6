"""Kills process groups when its owner ends, also when the owner is killed.

Standard input is a pipe that only the owner writes to: `+123` means to watch group 123, and `-123`
to stop watching it. When the owner ends, the kernel closes the pipe. The functions' processes are
often frozen and could not notice that, so this process does.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
