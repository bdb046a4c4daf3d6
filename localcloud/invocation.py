"""One invocation of one function, by Lambda's own runtime client and runtime emulator.

The emulator is the one that aws-sam-cli puts into containers. It has binaries for Linux only.
"""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import samcli
from botocore.exceptions import ClientError

from localcloud.cloud import RUNTIME_PYTHON, Cloud, CloudError
from localcloud.deployment import architecture
from localcloud.environment import laptop_environment

_START_SECONDS: Final = 10
_URL: Final = "/2015-03-31/functions/function/invocations"


@dataclass(frozen=True)
class Result:
    """What a function answered, as JSON, or how it failed."""

    payload: str
    failed: bool


def invoke(cloud: Cloud, function: str, event: bytes) -> Result:
    """Run a deployed function once with an event, under its own role.

    Its logs go to standard error.

    Raises:
        CloudError: this machine or the runtime is not supported, or the event is not JSON.
    """
    if sys.platform != "linux":
        raise CloudError("Lambda's runtime client runs on Linux only.")
    try:
        json.loads(event)
    except ValueError as error:
        raise CloudError(f"The event is not JSON: {error}.") from None
    try:
        answer = cloud.client("lambda").get_function(FunctionName=function)
    except ClientError as error:
        raise CloudError(f"Function {function} cannot be read: {error}") from error
    configuration = answer["Configuration"]
    with tempfile.TemporaryDirectory(prefix="invoke-", dir=cloud.folder) as folder:
        task, layers = Path(folder, "task"), Path(folder, "opt")
        _extract(answer["Code"]["Location"], task)
        for layer in configuration.get("Layers", []):
            _extract(_layer_location(cloud, layer["Arn"]), layers)
        command = _command(configuration, task)
        environment = _environment(cloud, configuration, task, layers)
        with _emulator(command, environment, task) as url:
            timeout = int(configuration["Timeout"]) + _START_SECONDS + 10
            response = httpx.post(url, content=event, timeout=timeout, trust_env=False)
    return Result(response.text, _is_failure(response.text))


def _extract(location: str, folder: Path) -> None:
    response = httpx.get(location, timeout=60, trust_env=False)
    response.raise_for_status()
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        for member in archive.infolist():
            path = archive.extract(member, folder)
            if mode := member.external_attr >> 16 & 0o777:
                Path(path).chmod(mode)


def _layer_location(cloud: Cloud, arn: str) -> str:
    return str(cloud.client("lambda").get_layer_version_by_arn(Arn=arn)["Content"]["Location"])


def _command(configuration: Mapping[str, Any], task: Path) -> list[str]:
    runtime = configuration.get("Runtime", "")
    if runtime.startswith("python3."):
        return [str(RUNTIME_PYTHON), "-m", "awslambdaric", configuration["Handler"]]
    if runtime.startswith("provided"):
        return [str(task / "bootstrap")]
    raise CloudError(
        f"{configuration['FunctionName']} has the runtime {runtime or 'of its image'}:"
        " localcloud runs python3.x and provided.* only."
    )


def _environment(
    cloud: Cloud, configuration: Mapping[str, Any], task: Path, layers: Path
) -> dict[str, str]:
    """Variables as Lambda sets them, those of the function last."""
    name = configuration["FunctionName"]
    session = cloud.client("sts").assume_role(RoleArn=configuration["Role"], RoleSessionName=name)
    python = [task, layers / "python", layers / "python/lib/python3.13/site-packages"]
    return {
        **laptop_environment(cloud.endpoint, task.parent),
        "AWS_ACCESS_KEY_ID": session["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["Credentials"]["SessionToken"],
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(configuration["Timeout"]),
        "AWS_LAMBDA_FUNCTION_VERSION": configuration["Version"],
        "AWS_LAMBDA_LOG_GROUP_NAME": configuration["LoggingConfig"]["LogGroup"],
        "AWS_LAMBDA_LOG_STREAM_NAME": "invoke",
        "LAMBDA_TASK_ROOT": str(task),
        "PYTHONPATH": os.pathsep.join(map(str, python)),
        "_HANDLER": configuration["Handler"],
        **configuration.get("Environment", {}).get("Variables", {}),
    }


@contextlib.contextmanager
def _emulator(command: list[str], environment: Mapping[str, str], task: Path) -> Iterator[str]:
    """The runtime emulator with one environment; yields where it takes an event."""
    machine = {"x86_64": "x86_64", "arm64": "arm64"}[architecture()]
    binary = Path(samcli.__file__).parent / "local" / "rapid" / f"aws-lambda-rie-{machine}"
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(2)]
    with subprocess.Popen(
        [
            binary,
            "--runtime-interface-emulator-address",
            addresses[0],
            "--runtime-api-address",
            addresses[1],
            "--log-level",
            "error",
            *command,
        ],
        cwd=task,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
    ) as process:
        try:
            _await_listening(addresses[0], process)
            yield f"http://{addresses[0]}{_URL}"
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as cleanup:
        probes = [cleanup.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _await_listening(address: str, process: "subprocess.Popen[bytes]") -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(0.02)
    raise CloudError("Lambda's runtime emulator did not start.")


def _is_failure(payload: str) -> bool:
    """The emulator tells a failure only by the shape of the answer."""
    try:
        answer = json.loads(payload or "null")
    except ValueError:
        return True
    return isinstance(answer, dict) and "errorType" in answer and "errorMessage" in answer
