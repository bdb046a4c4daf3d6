"""`python -m localcloud`: any SAM template on this machine."""

import signal
import sys

if __name__ == "__main__":
    # The imports take a second; until main() handles Ctrl-C, it must not print their stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from localcloud.commands import main

    sys.exit(main())
