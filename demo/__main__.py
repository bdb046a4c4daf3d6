"""`python -m demo`: the commands of the Makefile's targets for the laptop cloud."""

import signal
import sys

if __name__ == "__main__":
    # The imports take a second; until main() handles Ctrl-C, it must not print their stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from demo.commands import main

    sys.exit(main())
