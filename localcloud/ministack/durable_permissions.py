"""Checks the permissions of calls about durable executions; runs inside ministack's process.

ministack knows no action of IAM for them and lets every role make them, so a function without the
permission to write checkpoints works here and fails on AWS.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

import re
from typing import Any, Final
from urllib.parse import unquote

_PATH: Final = re.compile(r"/[\d-]+/durable-executions/(.+?)(?:/(checkpoint|history|state|stop))?")
_ACTIONS: Final = {
    None: "GetDurableExecution",
    "checkpoint": "CheckpointDurableExecution",
    "history": "GetDurableExecutionHistory",
    "state": "GetDurableExecutionState",
    "stop": "StopDurableExecution",
}


def install() -> None:
    """Replace the functions of ministack that name the action and the resource of a call.

    Raises:
        AttributeError: this version of ministack lacks something that is needed here.
    """
    from ministack.core import iam_actions  # noqa: PLC0415 - not in the development environment

    action_of, resource_of = iam_actions._lambda_action, iam_actions.extract_resource_arn  # noqa: SLF001

    def action(method: str, path: str) -> str | None:
        named: str | None = action_and_execution(path)[0] or action_of(method, path)
        return named

    def resource(service: str, method: str, path: str, *rest: Any, **named: Any) -> Any:
        execution = action_and_execution(path)[1] if service == "lambda" else None
        return execution or resource_of(service, method, path, *rest, **named)

    iam_actions._lambda_action = action  # noqa: SLF001
    iam_actions.extract_resource_arn = resource


def action_and_execution(path: str) -> tuple[str | None, str | None]:
    """The action and the ARN of the execution in the path of a call, if it is about one."""
    found = _PATH.fullmatch(path)
    return (_ACTIONS[found[2]], unquote(found[1])) if found else (None, None)
