"""The laptop cloud ends when the process that started it is killed."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from localcloud.cloud import Cloud
from tests.support.repository import ROOT

OWNER = """
import signal, sys
from localcloud.cloud import Cloud, running
with running(Cloud("127.0.0.1", int(sys.argv[1])), {}):
    print("ready", flush=True)
    signal.pause()
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def owner(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", OWNER, str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()
    shutil.rmtree(Cloud("127.0.0.1", port).folder)


def test_request_that_never_ends_does_not_keep_the_cloud_running(
    owner: "subprocess.Popen[bytes]", port: int
):
    started = psutil.Process(owner.pid).children(recursive=True)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: laptop\r\nContent-Length: 9\r\n\r\n1")
        owner.kill()
        _, alive = psutil.wait_procs(started, timeout=120)
        assert alive == []
