"""`python -m tests.chaos.serve PART HOST PORT`: one part of a laptop cloud in its own process.

`up` runs the stream engine and CloudFront in the process that owns the cloud. Here each part has
its own process, so that a test can kill it alone. It ends when its standard input is closed.
"""

import sys

from localcloud import cloudfront
from localcloud.cloud import Cloud
from localcloud.event_sources import poller

READY = "ready"


def main() -> None:
    part, host, port = sys.argv[1:]
    cloud = Cloud(host, int(port))
    if part == "engine":
        with poller.running(cloud):
            _serve()
    else:
        with cloudfront.running(cloud, cloud.port + 1):
            _serve()


def _serve() -> None:
    print(READY, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
