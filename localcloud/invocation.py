"""One invocation of one deployed function, in an execution environment of its own.

The environment, of `localcloud/execution/`, runs Lambda's own runtime client, awslambdaric.
"""

import contextlib
import json
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import ClientError

from localcloud.cloud import RUNTIME_PYTHON, Cloud, CloudError
from localcloud.environment import ACCOUNT, REGION, laptop_environment
from localcloud.execution.code_store import CodeStore
from localcloud.execution.concurrency import Concurrency
from localcloud.execution.environment import Result
from localcloud.execution.function_version import FunctionVersion, Host, is_supported
from localcloud.execution.pool import EnvironmentPool
from localcloud.execution.runtime_api import Invocation
from localcloud.execution.time_limits import TimeLimits


def invoke(cloud: Cloud, function: str, event: bytes) -> Result:
    """Run a deployed function once with an event, under its own role.

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
        deployed = cloud.client("lambda").get_function(FunctionName=function)
    except ClientError as error:
        raise CloudError(f"Function {function} cannot be read: {error}") from error
    configuration = deployed["Configuration"]
    if not is_supported(configuration.get("Runtime", "")):
        raise CloudError(
            f"{function} has the runtime {configuration.get('Runtime') or 'of its image'}:"
            " localcloud runs python3.x and provided.* only."
        )
    with contextlib.ExitStack() as cleanup:
        temporary = tempfile.TemporaryDirectory(prefix="invoke-", dir=cloud.folder)
        folder = Path(cleanup.enter_context(temporary))
        code = CodeStore(folder / "code")
        cleanup.callback(code.remove)
        host = Host(folder, RUNTIME_PYTHON, laptop_environment(cloud.endpoint, folder))
        pool = EnvironmentPool(host, Concurrency(1, dict), TimeLimits.of())
        cleanup.enter_context(contextlib.closing(pool))
        version = _version(cloud, deployed, code)
        arn = configuration["FunctionArn"]
        return pool.invoke(version, Invocation(str(uuid.uuid4()), event, arn))


def _version(cloud: Cloud, deployed: Mapping[str, Any], code: CodeStore) -> FunctionVersion:
    configuration = deployed["Configuration"]
    logging = configuration["LoggingConfig"]
    return FunctionVersion(
        account=ACCOUNT,
        region=REGION,
        name=configuration["FunctionName"],
        version=configuration["Version"],
        revision=configuration["RevisionId"],
        runtime=configuration["Runtime"],
        handler=configuration["Handler"],
        memory_mb=int(configuration["MemorySize"]),
        timeout_seconds=int(configuration["Timeout"]),
        storage_mb=int(configuration["EphemeralStorage"]["Size"]),
        task_folder=code.unpacked([_download(deployed["Code"]["Location"])]),
        layers_folder=code.unpacked([_layer(cloud, each) for each in configuration["Layers"]]),
        log_group=logging["LogGroup"],
        log_format=logging["LogFormat"],
        log_level=logging.get("ApplicationLogLevel", ""),
        system_log_level=logging.get("SystemLogLevel", ""),
        variables=configuration.get("Environment", {}).get("Variables", {}),
        credentials=_credentials(cloud, configuration),
    )


def _layer(cloud: Cloud, attached: Mapping[str, Any]) -> bytes:
    layer = cloud.client("lambda").get_layer_version_by_arn(Arn=attached["Arn"])
    return _download(layer["Content"]["Location"])


def _download(location: str) -> bytes:
    response = httpx.get(location, timeout=60, trust_env=False)
    response.raise_for_status()
    return response.content


def _credentials(cloud: Cloud, configuration: Mapping[str, Any]) -> dict[str, str]:
    name = configuration["FunctionName"]
    session = cloud.client("sts").assume_role(RoleArn=configuration["Role"], RoleSessionName=name)
    return {
        "AWS_ACCESS_KEY_ID": session["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["Credentials"]["SessionToken"],
    }


def show(result: Result) -> int:
    """Print the function's log to standard error and its answer; returns the exit status."""
    sys.stderr.write("".join(f"{line.rstrip()}\n" for line in result.log))
    sys.stdout.write(f"{result.payload.decode(errors='replace')}\n")
    return int(bool(result.function_error))
