"""What an execution environment runs, and the variables that Lambda gives it."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from localcloud.execution.debugging import Debugger

_SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class FunctionVersion:
    """One version of a function as it was at `revision`; `$LATEST` has a revision per update."""

    account: str
    region: str
    name: str
    version: str
    revision: str
    runtime: str
    handler: str
    memory_mb: int
    timeout_seconds: int
    storage_mb: int
    task_folder: Path
    layers_folder: Path
    log_group: str
    log_format: str = "Text"
    log_level: str = ""
    system_log_level: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    credentials: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)
    debugger: Debugger | None = None

    @property
    def function(self) -> str:
        """The function with its account and region, without the version."""
        return f"{self.account}:{self.region}:{self.name}"

    @property
    def is_python(self) -> bool:
        return self.runtime.startswith("python")


@dataclass(frozen=True)
class Host:
    """What all execution environments of this machine share.

    `python` is the functions' interpreter with the packages of Lambda's runtime, awslambdaric among
    them. The function's own variables take precedence over `variables`. `cgroups` is where each
    environment gets a cgroup; without it, memory is watched.
    """

    folder: Path
    python: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    cgroups: Path | None = None


def is_supported(runtime: str) -> bool:
    """Whether an execution environment here can run it: Python, or its own bootstrap."""
    return runtime.startswith(("python", "provided"))


def command(version: FunctionVersion, host: Host) -> list[str]:
    """The runtime's command line.

    Raises:
        FileNotFoundError: the function has a custom runtime, and no `bootstrap`.
    """
    if version.is_python:
        launcher = Path(__file__).with_name("launcher.py")
        arguments = [host.python, "-P", launcher, version.layers_folder]
        if debugger := version.debugger:
            arguments += [debugger.package, debugger.port]
        return [*_without_overriding_modes(), *map(str, arguments)]
    for folder in (version.task_folder, version.layers_folder):
        if (folder / "bootstrap").is_file():
            return [*_without_overriding_modes(), str(folder / "bootstrap")]
    raise FileNotFoundError(
        "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    )


def _without_overriding_modes() -> list[str]:
    """Lambda's functions cannot write to their code. Root can, unless it lacks CAP_DAC_OVERRIDE."""
    if os.geteuid() == 0 and shutil.which("setpriv"):
        return ["setpriv", "--bounding-set", "-dac_override", "--inh-caps", "-dac_override"]
    return []


def environment_variables(
    version: FunctionVersion,
    host: Host,
    *,
    api: str,
    log_stream: str,
    initialization_type: str,
    temporary_folder: Path,
) -> dict[str, str]:
    """The variables of a process; Lambda's reserved ones take precedence.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    task, opt = version.task_folder, version.layers_folder
    defaults = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": f"{host.python.parent}:{_SYSTEM_PATH}:{opt}/bin",
        "LD_LIBRARY_PATH": f"{task}:{task}/lib:{opt}/lib",
        "TMPDIR": str(temporary_folder),
        "HOME": str(temporary_folder),
    }
    debugging = {}
    if version.debugger:
        paths = version.debugger.paths(task, opt)
        debugging = {
            "PATHS_FROM_ECLIPSE_TO_PYTHON": json.dumps(paths),  # debugpy reads it at its start
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning about modules of Python itself
        }
    reserved = {
        "_HANDLER": version.handler,
        "AWS_REGION": version.region,
        "AWS_DEFAULT_REGION": version.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization_type,
        "AWS_LAMBDA_LOG_FORMAT": version.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": api,
        "LAMBDA_TASK_ROOT": str(task),
        "LAMBDA_RUNTIME_DIR": str(host.python.parents[1]),
        **({"AWS_LAMBDA_LOG_LEVEL": version.log_level} if version.log_level else {}),
        **version.credentials,
    }
    return {**host.variables, **defaults, **version.variables, **debugging, **reserved}
