"""One invocation of one deployed function through the Lambda API of a laptop cloud."""

import base64
import json
import sys
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import ClientError

from localcloud.clients import root_client
from localcloud.cloud import Cloud, CloudError
from localcloud.execution.function_version import is_supported

_LONGEST: Final = 24 * 60 * 60  # a function under a debugger has no timeout
_LOG_TAIL: Final = 4096  # bytes that Lambda answers


@dataclass(frozen=True)
class InvocationAnswer:
    """What a function answered, and the last 4 KB of its log."""

    payload: bytes
    function_error: str
    log: bytes


def invoke(cloud: Cloud, function: str, event: bytes) -> InvocationAnswer:
    """Run a deployed function once with an event, in an execution environment, under its own role.

    Raises:
        CloudError: the runtime is not supported, the event is not JSON, or Lambda refuses it.
    """
    try:
        json.loads(event)
    except ValueError as error:
        raise CloudError(f"The event is not JSON: {error}.") from None
    client = root_client(cloud, "lambda", read_timeout=_LONGEST)
    try:
        configuration = client.get_function_configuration(FunctionName=function)
        if not is_supported(configuration.get("Runtime", "")):
            raise CloudError(
                f"{function} has the runtime {configuration.get('Runtime') or 'of its image'}:"
                " localcloud runs python3.x and provided.* only."
            )
        response = client.invoke(FunctionName=function, Payload=event, LogType="Tail")
    except ClientError as error:
        raise CloudError(f"Function {function} cannot be invoked: {error}") from error
    return InvocationAnswer(
        payload=response["Payload"].read(),
        function_error=response.get("FunctionError", ""),
        log=base64.b64decode(response.get("LogResult", "")),
    )


def show(answer: InvocationAnswer) -> int:
    """Print the function's log to standard error and its answer; returns the exit status."""
    if len(answer.log) == _LOG_TAIL:
        sys.stderr.write("(the last 4 KB of the log; `localcloud logs` prints all of it)\n")
    sys.stderr.write(f"{answer.log.decode(errors='replace').rstrip()}\n")
    sys.stdout.write(f"{answer.payload.decode(errors='replace')}\n")
    return int(bool(answer.function_error))
