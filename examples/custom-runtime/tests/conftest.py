"""A Runtime API and an S3 on this machine, for the bootstrap."""

import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"


class FakeAws(ThreadingHTTPServer):
    """Answers the bootstrap; `reports` has what it reported: path, error type and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.address = f"127.0.0.1:{self.server_port}"
        self.events: queue.Queue[bytes] = queue.Queue()
        self.reports: queue.Queue[tuple[str, str | None, bytes]] = queue.Queue()
        self.objects: dict[str, bytes] = {}
        self.authorizations: list[str | None] = []
        self.seconds_per_invocation = 60

    def report(self) -> tuple[str, str | None, bytes]:
        return self.reports.get(timeout=60)


class _Requests(BaseHTTPRequestHandler):
    server: FakeAws

    def do_GET(self) -> None:
        if not self.path.startswith("/2018-06-01/runtime/invocation/next"):
            self._signed()
            found = self.server.objects.get(self.path)
            self._answer(404 if found is None else 200, found or b"")
            return
        deadline = str(int(time.time() + self.server.seconds_per_invocation) * 1000)
        headers = {"Lambda-Runtime-Aws-Request-Id": "r-1", "Lambda-Runtime-Deadline-Ms": deadline}
        self._answer(200, self.server.events.get(), headers)

    def do_PUT(self) -> None:
        self._signed()
        self.server.objects[self.path] = self._body()
        self._answer(200)

    def do_POST(self) -> None:
        path = self.path.removeprefix("/2018-06-01/runtime/")
        error = self.headers["Lambda-Runtime-Function-Error-Type"]
        self.server.reports.put((path, error, self._body()))
        self._answer(202)

    def log_message(self, *_: object) -> None:
        pass

    def _signed(self) -> None:
        self.server.authorizations.append(self.headers["Authorization"])

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with FakeAws() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Bootstrap:
    """Starts the runtime as Lambda does, and ends it with the test."""

    def __init__(self, aws: FakeAws, folder: Path) -> None:
        self._aws = aws
        self._folder = folder
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, **variables: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self._folder),
            "AWS_LAMBDA_RUNTIME_API": self._aws.address,
            "AWS_ENDPOINT_URL": f"http://{self._aws.address}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_SESSION_TOKEN": "token",
            "LAMBDA_TASK_ROOT": str(SOURCE),
            "_HANDLER": "access_log",
            "COUNTS_BUCKET": "counts",
            **variables,
        }
        process = subprocess.Popen(
            [SOURCE / "bootstrap"], env=environment, stdout=subprocess.PIPE, text=True
        )
        self._processes.append(process)
        return process

    def end(self) -> None:
        for _ in self._processes:  # one that waits for an event gets one, after its end
            self._aws.events.put(b"{}")
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def bootstrap(aws: FakeAws, tmp_path: Path) -> Iterator[Bootstrap]:
    bootstrap = Bootstrap(aws, tmp_path)
    yield bootstrap
    bootstrap.end()
