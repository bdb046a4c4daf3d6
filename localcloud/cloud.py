"""The AWS APIs on this machine: ministack's process, from its start to its end."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import boto3
import filelock
import httpx
from botocore.config import Config

from localcloud import owners
from localcloud.arguments import DEFAULT_PORT
from localcloud.environment import laptop_environment
from localcloud.execution.code_store import remove_folder
from localcloud.execution.time_limits import SETTING

ROOT: Final = Path(__file__).parents[1]
STATE: Final = ROOT / ".laptop"
MINISTACK_PYTHON: Final = ROOT / ".venv-ministack" / "bin" / "python"
RUNTIME_PYTHON: Final = ROOT / ".venv-runtime" / "bin" / "python"
"""The interpreter of functions: CPython with the packages of Lambda's runtime and no others."""
_START_SECONDS: Final = 180  # a start takes one second, unless the machine is busy
_END_SECONDS: Final = 15
_DOWN_SECONDS: Final = 60  # it ends its requests, stream engine and processes one after the other
_ENDING_SECONDS: Final = 0.5  # a process that ends closes its connections first
_OWN_REQUEST_SECONDS: Final = 30


class CloudError(Exception):
    """An operation of the laptop cloud failed; the message says why and what to do."""


class PortError(CloudError):
    """The laptop cloud cannot listen on a port that it needs."""


class AlreadyRunningError(CloudError):
    """Another process runs a laptop cloud on the port."""


class NotRunningError(CloudError):
    """No process runs a laptop cloud on the port, or for the template."""


@dataclass(frozen=True)
class Cloud:
    """One laptop cloud: its address, and the folder of its files."""

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
        """A boto3 client of this cloud; the arguments take precedence over the environment."""
        return boto3.client(
            service,
            region_name=self.environment["AWS_REGION"],
            endpoint_url=self.endpoint,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 2}, read_timeout=60, proxies={}),
        )

    def post(self, path: str, failure: str) -> None:
        """Send ministack's process one of the requests in `localcloud.ministack.own_requests`.

        Raises:
            CloudError: it does not answer, or answers with an error; the message begins with
                `failure`.
        """
        url = self.endpoint + path
        try:
            answer = httpx.post(url, timeout=_OWN_REQUEST_SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            raise CloudError(f"{failure}: {error}") from error
        if not answer.is_success:
            raise CloudError(f"{failure}: {url} answered {answer.status_code}: {answer.text}")


@contextlib.contextmanager
def running(cloud: Cloud, settings: Mapping[str, str] | None = None) -> Iterator[Cloud]:
    """Run an empty laptop cloud until the block or this process ends.

    `settings` are additional environment variables for ministack.

    Raises:
        AlreadyRunningError: another process runs one on that port.
        PortError: something else listens there.
        CloudError: ministack is not installed, did not start, or has ended too early.
    """
    cloud.folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(cloud.folder / "lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise AlreadyRunningError(_already_running(cloud)) from None
    try:
        _await_free_port(cloud)
        owners.write(cloud.folder, cloud.host)
        remove_folder(cloud.folder / "tmp")
        (cloud.folder / "tmp").mkdir()
        with (cloud.folder / "ministack.log").open("wb") as log:
            process = _start(cloud, settings or {}, log)
            try:
                _await_ready(cloud, process)
                yield cloud
            except CloudError:
                raise
            except Exception as error:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = process.wait(_ENDING_SECONDS)
                    ended = f"ministack has ended (exit status {status}), and all data with it."
                    raise CloudError(_with_log(cloud, ended)) from error
                raise
            finally:
                _end(process)
    finally:
        remove_folder(cloud.folder / "tmp")
        owners.remove(cloud.folder)
        lock.release()


def free_port(host: str) -> int:
    """The first port from the default one on that is free and whose next port is free too.

    The port of a laptop cloud that has started but does not listen yet is not free.

    Raises:
        PortError: none of the ports that are tried is free.
    """
    taken = {port for port, _ in owners.running(STATE)}
    for port in range(DEFAULT_PORT, DEFAULT_PORT + 200, 10):
        if (
            port not in taken
            and not listening_error(host, port)
            and not listening_error(host, port + 1)
        ):
            return port
    raise PortError(f"No port of {host} from {DEFAULT_PORT} on is free. Name one with --port.")


def running_on(port: int) -> Cloud:
    """The laptop cloud that another process runs on this port, at the address that it has.

    Raises:
        NotRunningError: there is none.
    """
    found = dict(owners.running(STATE))
    if port not in found:
        raise NotRunningError(f"No laptop cloud runs on port {port}.")
    return Cloud(found[port].host, port)


def end(cloud: Cloud) -> bool:
    """End the laptop cloud that another process runs on this port; False if there is none.

    Raises:
        CloudError: it did not end.
    """
    owner = owners.read(cloud.folder)
    if not owner:
        return False
    lock = filelock.FileLock(cloud.folder / "lock")
    try:
        with lock.acquire(timeout=0):
            owners.remove(cloud.folder)
        return False
    except filelock.Timeout:
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner.process, signal.SIGTERM)
    try:
        with lock.acquire(timeout=_DOWN_SECONDS):
            return True
    except filelock.Timeout:
        raise CloudError(
            f"Process {owner.process} did not end within {_DOWN_SECONDS} s."
            f" `kill -9 {owner.process}` ends it and its laptop cloud."
        ) from None


def _start(cloud: Cloud, settings: Mapping[str, str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    for python in (MINISTACK_PYTHON, RUNTIME_PYTHON):
        if not python.exists():
            raise CloudError(f"{python} is missing. `make install` in {ROOT} installs it.")
    folder = cloud.folder / "tmp"
    environment = {
        **cloud.environment,
        "AUTH": "true",
        "BIND_HOST": cloud.host,
        "GATEWAY_PORT": str(cloud.port),
        "IOT_MTLS_ENABLED": "0",  # its port ignores BIND_HOST
        SETTING: os.environ.get(SETTING, "1"),
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        **settings,
    }
    return subprocess.Popen(
        [MINISTACK_PYTHON, ROOT / "localcloud" / "ministack" / "server.py", RUNTIME_PYTHON],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches the owner only, which then ends ministack
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
    """Wait some seconds if an owner was killed: ministack ends a moment later."""
    killed = owners.read(cloud.folder) is not None
    deadline = time.monotonic() + (10 if killed else 0)
    while error := listening_error(cloud.host, cloud.port):
        if time.monotonic() > deadline:
            raise PortError(
                f"Cannot listen on {cloud.host}:{cloud.port}: {error}."
                " Choose another port or address."
            )
        time.sleep(0.1)


def listening_error(host: str, port: int) -> str | None:
    """Why a process cannot listen there; None if it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def _await_ready(cloud: Cloud, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    with httpx.Client(trust_env=False, timeout=2) as http:
        while time.monotonic() < deadline:
            if (status := process.poll()) is not None:
                ended = f"ministack ended before it was ready (exit status {status})."
                raise CloudError(_with_log(cloud, ended))
            with contextlib.suppress(httpx.TransportError):
                if http.get(f"{cloud.endpoint}/_ministack/ready").is_success:
                    return
            time.sleep(0.1)
    late = f"ministack did not answer on {cloud.endpoint} within {_START_SECONDS} s."
    raise CloudError(_with_log(cloud, late))


def _with_log(cloud: Cloud, sentence: str) -> str:
    """The sentence, and below it the end of ministack's log."""
    log = cloud.folder / "ministack.log"
    last = log.read_text(errors="replace").strip().splitlines()[-5:]
    if not last:
        return f"{sentence} Its log is empty: {log}"
    return "\n".join([f"{sentence} Its log ends with:", *last, str(log)])


def _already_running(cloud: Cloud) -> str:
    owner = owners.read(cloud.folder)
    who = f" (process {owner.process}, since {owner.since})" if owner else ""
    return (
        f"A laptop cloud is already running on port {cloud.port}{who}."
        " End it, or choose another port."
    )
