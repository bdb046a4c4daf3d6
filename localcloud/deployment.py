"""The real `sam build` and `sam deploy`, onto the laptop cloud."""

import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from botocore.exceptions import ClientError

from localcloud import build_record
from localcloud.application import Application
from localcloud.build_record import BuildRecord
from localcloud.cloud import Cloud, CloudError
from localcloud.environment import REGION, build_environment
from localcloud.stack import Stack
from localcloud.templates import write_for_build

_DEPLOYMENTS_BUCKET: Final = "deployments"
_CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_MACHINES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
_RESOURCE_DONE: Final = re.compile(r"^(CREATE|UPDATE)_COMPLETE +AWS::\S+ +(\S+)")

type Report = Callable[[str], None]


def build(
    application: Application, environment: Mapping[str, str], report: Report
) -> dict[str, float]:
    """Build functions and layers, or take them from the cache if their sources are unchanged.

    Returns the size of each artifact in MB, unzipped as Lambda counts it.

    Raises:
        CloudError: the build failed; its last lines are in the message.
    """

    def watch(line: str) -> None:
        if line.startswith(("Building", "Valid cache")):
            report(line)

    folder = application.folder
    folder.mkdir(parents=True, exist_ok=True)
    before = BuildRecord.now(application, architecture())
    if before.read and before == BuildRecord.last(application):
        report("nothing has changed since the last build")
        return _sizes(application)
    build_record.forget(application)
    template = write_for_build(
        application.template, folder / "template.yaml", application.parameters, architecture()
    )
    command = ["build", "--template-file", str(template), "--cached", "--parallel"]
    command += [
        "--build-dir",
        str(application.artifacts),
        "--cache-dir",
        str(folder / "build-cache"),
    ]
    _run(command, application, build_environment(environment), folder / "build.log", watch)
    # The build compiles a layer's bytecode for Lambda. Bytecode of functions is from this machine.
    functions = [each for each in _artifacts(application) if not (each / "python").exists()]
    for cache in [found for each in functions for found in each.rglob("__pycache__")]:
        shutil.rmtree(cache)
    written = BuildRecord.now(application, architecture()).written
    replace(before, written=written).store(application)
    return _sizes(application)


def _artifacts(application: Application) -> list[Path]:
    return [each for each in sorted(application.artifacts.iterdir()) if each.is_dir()]


def _sizes(application: Application) -> dict[str, float]:
    return {each.name: _megabytes(each) for each in _artifacts(application)}


def deploy(cloud: Cloud, application: Application, report: Report) -> dict[str, str]:
    """Deploy what was built; returns the stack's outputs.

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
    command = ["deploy", "--stack-name", application.stack, "--region", REGION]
    command += ["--template-file", str(application.artifacts / "template.yaml")]
    command += ["--s3-bucket", _DEPLOYMENTS_BUCKET, "--no-confirm-changeset"]
    command += ["--no-fail-on-empty-changeset", "--capabilities", *_CAPABILITIES]
    try:
        _run(command, application, environment, cloud.folder / "deploy.log", watch)
    except CloudError as error:
        failures = _failures(cloud, application.stack)
        raise CloudError("\n".join([*failures, str(error)])) from None
    return Stack(cloud, application.stack).outputs()


def _failures(cloud: Cloud, stack: str) -> list[str]:
    client = cloud.client("cloudformation")
    try:
        events = client.describe_stack_events(StackName=stack)["StackEvents"]
    except ClientError:  # the stack was not created
        return []
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED")
    ]


def architecture() -> str:
    """The architecture of this machine, as Lambda names it.

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
    application: Application,
    environment: Mapping[str, str],
    log: Path,
    watch: Report,
) -> None:
    """Run sam in the template's folder with these settings only, without its samconfig.toml."""
    settings = application.folder / "samconfig.toml"
    settings.write_text("version = 0.1\n")
    parameters = application.parameters
    overrides = ["--parameter-overrides", *(f"{name}={parameters[name]}" for name in parameters)]
    with (
        log.open("w") as copy,
        subprocess.Popen(
            ["sam", *command, "--config-file", settings, *(overrides if parameters else [])],
            cwd=application.template.parent,
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
        what = f"sam {command[0]} failed (exit status {process.returncode}):"
        raise CloudError("\n".join([what, *last, f"The whole log: {log}"]))
