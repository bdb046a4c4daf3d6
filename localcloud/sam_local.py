"""The real `sam local invoke`, against the laptop cloud: one function in Lambda's own container."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from localcloud.cloud import ROOT, Cloud, CloudError
from localcloud.deployment import BUILD

_DOCKERS_OWN: Final = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")


def write_environments(cloud: Cloud, stack: str) -> None:
    """Write the environment variables of the stack's functions where `invoke` finds them.

    `sam local` knows the stack's resources by their logical ids only, so it reads the variables
    that hold physical names from a file.
    """
    resources = cloud.client("cloudformation").describe_stack_resources(StackName=stack)
    lambda_ = cloud.client("lambda")
    environments = {}
    for resource in resources["StackResources"]:
        if resource["ResourceType"] == "AWS::Lambda::Function":
            name = resource["PhysicalResourceId"]
            configuration = lambda_.get_function_configuration(FunctionName=name)
            variables = configuration.get("Environment", {}).get("Variables", {})
            environments[resource["LogicalResourceId"]] = variables
    environments_file(cloud).write_text(json.dumps(environments, indent=2))


def environments_file(cloud: Cloud) -> Path:
    """The functions' environment variables by logical id, in the format of `--env-vars`."""
    return cloud.folder / "env.json"


def invoke(
    cloud: Cloud,
    function: str,
    event: Path,
    parameters: Mapping[str, str],
    own_environment: Mapping[str, str],
) -> int:
    """Run `sam local invoke`, in the laptop's environment; returns its exit status.

    Raises:
        CloudError: no laptop cloud runs there.
    """
    if not environments_file(cloud).exists():
        raise CloudError(
            f"No laptop cloud runs on port {cloud.port}. `make up HOST={cloud.host}` starts one."
        )
    docker = {name: own_environment[name] for name in _DOCKERS_OWN if name in own_environment}
    command = ["sam", "local", "invoke", function, "--config-env", "local"]
    command += ["--template-file", str(BUILD / "template.yaml"), "--event", str(event)]
    command += ["--env-vars", str(environments_file(cloud))]
    if parameters:
        command += ["--parameter-overrides", *(f"{name}={parameters[name]}" for name in parameters)]
    if own_environment.get("SKIP_PULL_IMAGE"):
        command.append("--skip-pull-image")
    environment = {**cloud.environment, **docker}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
