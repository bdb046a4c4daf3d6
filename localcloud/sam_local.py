"""The real `sam local invoke` against a laptop cloud: one function in Lambda's container image."""

import json
import subprocess
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from localcloud.application import Application
from localcloud.cloud import Cloud, CloudError
from localcloud.stack import Stack

_DOCKER_VARIABLES: Final = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
_DOCKER_SECONDS: Final = 20


class UnreachableError(CloudError):
    """The laptop cloud listens on an address that containers cannot reach."""


def write_environments(cloud: Cloud, stack: str) -> None:
    """Write the environment variables of the stack's functions where `invoke` finds them.

    `sam local` knows the stack's resources by their logical ids only, so it reads the variables
    that hold physical names from a file.
    """
    environments = {
        logical_id: configuration.get("Environment", {}).get("Variables", {})
        for logical_id, configuration in Stack(cloud, stack).functions().items()
    }
    environments_file(cloud).write_text(json.dumps(environments, indent=2))


def environments_file(cloud: Cloud) -> Path:
    """The functions' environment variables by logical id, in the format of `--env-vars`."""
    return cloud.folder / "env.json"


def has_docker(own_environment: Mapping[str, str]) -> bool:
    """Whether a Docker engine answers."""
    try:
        subprocess.run(
            ["docker", "version"],
            env=dict(own_environment),
            check=True,
            capture_output=True,
            timeout=_DOCKER_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def invoke(
    cloud: Cloud,
    application: Application,
    function: str,
    event: Path,
    own_environment: Mapping[str, str],
) -> int:
    """Run `sam local invoke` in the laptop cloud's environment; returns its exit status.

    Raises:
        UnreachableError: containers cannot reach the laptop cloud.
        CloudError: no application is deployed yet.
    """
    if ip_address(cloud.host).is_loopback:
        raise UnreachableError(
            f"Containers cannot reach {cloud.endpoint}, which is a loopback address."
        )
    if not environments_file(cloud).exists():
        raise CloudError(f"No application is deployed on {cloud.endpoint} yet.")
    docker = {name: own_environment[name] for name in _DOCKER_VARIABLES if name in own_environment}
    command = ["sam", "local", "invoke", function, "--event", str(event.resolve())]
    command += ["--template-file", str(application.artifacts / "template.yaml")]
    command += ["--config-file", str(application.folder / "samconfig.toml")]
    command += ["--env-vars", str(environments_file(cloud))]
    if parameters := application.parameters:
        command += ["--parameter-overrides", *(f"{name}={parameters[name]}" for name in parameters)]
    if own_environment.get("SKIP_PULL_IMAGE"):
        command.append("--skip-pull-image")
    environment = {**cloud.environment, **docker}
    folder = application.template.parent
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode
