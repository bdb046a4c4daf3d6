"""The real `sam build` and `sam deploy`, onto the laptop cloud."""

import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import filelock
from botocore.exceptions import ClientError

from localcloud.cloud import ROOT, STATE, Cloud, CloudError
from localcloud.environment import build_environment

BUILD: Final = STATE / "build"
_DEPLOYMENTS_BUCKET: Final = "deployments"  # where samconfig.toml sends the artifacts
_MACHINES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
_RESOURCE_DONE: Final = re.compile(r"^(CREATE|UPDATE)_COMPLETE +AWS::\S+ +(\S+)")

type Report = Callable[[str], None]


def build(
    environment: Mapping[str, str], report: Report, parameters: Mapping[str, str]
) -> dict[str, float]:
    """Build functions and layers, from the cache where nothing changed.

    `parameters` are the template's. Returns the size of each artifact in MB, unzipped as Lambda
    counts it.

    Raises:
        CloudError: the build failed; its last lines are in the message.
    """

    def watch(line: str) -> None:
        if line.startswith(("Building", "Valid cache")):
            report(line)

    STATE.mkdir(exist_ok=True)
    _run(["build"], parameters, build_environment(environment), STATE / "build.log", watch)
    # A layer's bytecode is made for Lambda. That of a function's sources is this machine's own.
    functions = [
        each for each in BUILD.iterdir() if each.is_dir() and not (each / "python").exists()
    ]
    for cache in [found for each in functions for found in each.rglob("__pycache__")]:
        shutil.rmtree(cache)
    return {
        folder.name: _megabytes(folder) for folder in sorted(BUILD.iterdir()) if folder.is_dir()
    }


def deploy(
    cloud: Cloud, stack: str, report: Report, parameters: Mapping[str, str]
) -> dict[str, str]:
    """Deploy what was built as the stack of that name; returns the stack's outputs.

    Raises:
        CloudError: the deployment failed; its last lines are in the message.
    """
    cloud.client("s3").create_bucket(Bucket=_DEPLOYMENTS_BUCKET)
    done: list[str] = []

    def watch(line: str) -> None:
        if match := _RESOURCE_DONE.match(line):
            done.append(match[2])
            report(f"{len(done)} resources, {match[2]}")
        elif "Uploading to" in line:
            report("uploading artifacts")

    environment = {**cloud.environment, "SAM_CLI_POLL_DELAY": "0.5"}
    log = cloud.folder / "deploy.log"
    try:
        _run(["deploy", "--stack-name", stack], parameters, environment, log, watch)
    except CloudError as error:
        raise CloudError("\n".join([*_failures(cloud, stack), str(error)])) from None
    return outputs(cloud, stack)


def _failures(cloud: Cloud, stack: str) -> list[str]:
    client = cloud.client("cloudformation")
    try:
        events = client.describe_stack_events(StackName=stack)["StackEvents"]
    except ClientError:  # there is not even a stack
        return []
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED")
    ]


def outputs(cloud: Cloud, stack: str) -> dict[str, str]:
    """The outputs of a deployed stack, by name."""
    stacks = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stacks[0].get("Outputs", [])}


def building() -> filelock.BaseFileLock:
    """Held from build to deployment: clouds on two ports share one build folder."""
    STATE.mkdir(exist_ok=True)
    return filelock.FileLock(STATE / "build.lock")


def architecture() -> str:
    """This machine's, in Lambda's words.

    Raises:
        CloudError: Lambda has no such architecture.
    """
    machine = platform.machine().lower()
    if machine not in _MACHINES:
        raise CloudError(f"Lambda runs on arm64 and x86_64; this machine is {machine}.")
    return _MACHINES[machine]


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _run(
    command: list[str],
    parameters: Mapping[str, str],
    environment: Mapping[str, str],
    log: Path,
    watch: Report,
) -> None:
    overrides = ["--parameter-overrides", *(f"{name}={parameters[name]}" for name in parameters)]
    with (
        log.open("w") as copy,
        subprocess.Popen(
            ["sam", *command, "--config-env", "local", *(overrides if parameters else [])],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            copy.write(line)
            watch(line.strip())
    if process.returncode:
        last = [line for line in log.read_text().splitlines() if line.strip()][-12:]
        what = f"sam {' '.join(command)} failed (exit status {process.returncode}):"
        raise CloudError("\n".join([what, *last, f"All of it: {log}"]))
