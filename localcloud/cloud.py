"""The AWS APIs of this machine: ministack's process, from its start to its end."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import boto3
import filelock
import httpx
from botocore.config import Config

from localcloud.environment import laptop_environment

ROOT: Final = Path(__file__).parents[1]
STATE: Final = ROOT / ".laptop"
DEFAULT_PORT: Final = 4566
_MINISTACK_PYTHON: Final = ROOT / ".venv-ministack" / "bin" / "python"
RUNTIME_PYTHON: Final = ROOT / ".venv-runtime" / "bin" / "python"
"""The interpreter of functions: CPython with the packages of Lambda's runtime and no others."""
_START_SECONDS: Final = 60
_END_SECONDS: Final = 15


class CloudError(Exception):
    """What keeps the laptop cloud from running, and the way out, in a sentence or two."""


@dataclass(frozen=True)
class Cloud:
    """One laptop cloud: where it listens, and where it keeps what it writes."""

    host: str
    port: int

    @property
    def endpoint(self) -> str:
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104 - compared only
        return f"http://{host}:{self.port}"

    @property
    def folder(self) -> Path:
        return STATE / str(self.port)

    @property
    def environment(self) -> dict[str, str]:
        return laptop_environment(self.endpoint, self.folder / "tmp")

    def client(self, service: Any) -> Any:
        """A boto3 client of this cloud; the arguments outrank whatever the environment holds."""
        return boto3.client(
            service,
            region_name=self.environment["AWS_REGION"],
            endpoint_url=self.endpoint,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 2}, read_timeout=60, proxies={}),
        )


@contextlib.contextmanager
def running(cloud: Cloud, settings: Mapping[str, str] | None = None) -> Iterator[Cloud]:
    """Run a laptop cloud, empty at first, until the block ends or this process does.

    `settings` are environment variables of ministack's own.

    Raises:
        CloudError: another one runs on that port, the port is taken, or it did not start.
    """
    cloud.folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(cloud.folder / "lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise CloudError(_already_running(cloud)) from None
    try:
        _await_free_port(cloud)
        _write_owner(cloud)
        shutil.rmtree(cloud.folder / "tmp", ignore_errors=True)
        (cloud.folder / "tmp").mkdir()
        with (cloud.folder / "ministack.log").open("wb") as log:
            process = _start(cloud, settings or {}, log)
            try:
                _await_ready(cloud, process)
                yield cloud
            finally:
                _end(process)
    finally:
        shutil.rmtree(cloud.folder / "tmp", ignore_errors=True)
        (cloud.folder / "owner.json").unlink(missing_ok=True)
        lock.release()


def require_owner(cloud: Cloud) -> None:
    """Go on only where a process runs this cloud, or was killed while it did.

    Raises:
        CloudError: there is none.
    """
    if not _is_owned(cloud):
        raise CloudError(f"No laptop cloud runs on port {cloud.port}. `make up` starts one.")


def end(cloud: Cloud) -> bool:
    """End the laptop cloud that another process runs on this port; False if there is none.

    Raises:
        CloudError: it did not end.
    """
    if not _is_owned(cloud):
        return False
    lock = filelock.FileLock(cloud.folder / "lock")
    try:
        with lock.acquire(timeout=0):
            (cloud.folder / "owner.json").unlink(missing_ok=True)
        return False
    except filelock.Timeout:
        owner = int(_owner(cloud)["process"])
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner, signal.SIGTERM)
    try:
        with lock.acquire(timeout=_END_SECONDS):
            return True
    except filelock.Timeout:
        raise CloudError(
            f"Process {owner} was told to end and has not in {_END_SECONDS} s."
            f" `kill -9 {owner}` ends it; the cloud goes with it."
        ) from None


def _start(cloud: Cloud, settings: Mapping[str, str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    for python in (_MINISTACK_PYTHON, RUNTIME_PYTHON):
        if not python.exists():
            raise CloudError(f"{python} is missing. `make install` in {ROOT} installs it.")
    folder = cloud.folder / "tmp"
    environment = {
        **cloud.environment,
        "AUTH": "true",
        "BIND_HOST": cloud.host,
        "GATEWAY_PORT": str(cloud.port),
        "IOT_MTLS_ENABLED": "0",  # its port ignores BIND_HOST
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        **settings,
    }
    return subprocess.Popen(
        [_MINISTACK_PYTHON, ROOT / "localcloud" / "ministack" / "server.py", RUNTIME_PYTHON],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for the owner, who then ends it in order
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def _await_free_port(cloud: Cloud) -> None:
    """Where an owner was killed, wait a moment: its cloud needs one to follow it."""
    killed = _is_owned(cloud)
    deadline = time.monotonic() + (10 if killed else 0)
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((cloud.host, cloud.port))
            except OSError as error:
                if time.monotonic() > deadline:
                    raise CloudError(
                        f"{cloud.host}:{cloud.port} cannot be listened on: {error.strerror}."
                        " Choose another port with PORT=, or another address with HOST=."
                    ) from None
            else:
                return
        time.sleep(0.1)


def _await_ready(cloud: Cloud, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    with httpx.Client(trust_env=False, timeout=2) as http:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            with contextlib.suppress(httpx.TransportError):
                if http.get(f"{cloud.endpoint}/_ministack/ready").is_success:
                    return
            time.sleep(0.1)
    log = cloud.folder / "ministack.log"
    last = log.read_text(errors="replace").strip().splitlines()[-5:]
    raise CloudError("\n".join(["ministack did not start; its log ends with:", *last, str(log)]))


def _write_owner(cloud: Cloud) -> None:
    since = datetime.now().astimezone().strftime("%H:%M")
    (cloud.folder / "owner.json").write_text(
        json.dumps({"process": os.getpid(), "host": cloud.host, "since": since})
    )


def _is_owned(cloud: Cloud) -> bool:
    return (cloud.folder / "owner.json").exists()


def _owner(cloud: Cloud) -> dict[str, Any]:
    return dict(json.loads((cloud.folder / "owner.json").read_text()))


def _already_running(cloud: Cloud) -> str:
    try:
        owner = _owner(cloud)
        who = f" (process {owner['process']}, since {owner['since']})"
    except (OSError, ValueError):
        who = ""
    port = f" PORT={cloud.port}" if cloud.port != DEFAULT_PORT else ""
    return (
        f"A laptop cloud is already running on port {cloud.port}{who}."
        f" `make down{port}` ends it, or choose another port, such as PORT={cloud.port + 10}."
    )
