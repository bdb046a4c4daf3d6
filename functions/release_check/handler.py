"""CodeDeploy's BeforeAllowTraffic hook: check the API's new version, and report once."""

import os
import time
from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from botocore.session import get_session
from msgspec import Meta

from release_check.checks import RESERVE_SECONDS, check
from shared.client_config import client_config
from shared.clients import make_client
from shared.deadlines import Deadline
from shared.events import check_event
from shared.logs import make_logger
from shared.settings import load_settings


class HookReportError(Exception):
    """CodeDeploy does not take the report: it fails the deployment if none comes for an hour."""


class Settings(msgspec.Struct, frozen=True):
    """What template.yaml declares under Environment; `api_version` is an ARN."""

    api_version: str


# https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
class Hook(msgspec.Struct, frozen=True, rename="pascal"):
    """CodeDeploy's event."""

    deployment_id: Annotated[str, Meta(pattern=r"\S")]
    lifecycle_event_hook_execution_id: Annotated[str, Meta(pattern=r"\S")]


# A call takes 21 s at most: three attempts of 6 s, and two pauses of 3 s in total.
aws_config = client_config(connect=1, read=5, attempts=3)
settings = load_settings(Settings, os.environ)
logger = make_logger()  # before the session: libraries are quiet from here on
session = get_session()
lambda_ = make_client(session, "lambda", aws_config)
codedeploy = make_client(session, "codedeploy", aws_config)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Report `Failed` if there is any reason to, even a doubtful one, else `Succeeded`.

    Raises:
        UnexpectedEventError: the event lacks an id, so that no report is possible. CodeDeploy fails
            the deployment if it gets no report for an hour.
        HookReportError: CodeDeploy refuses the report, for example because no deployment waits.
    """
    hook = check_event("release_check", "CodeDeploy's hook BeforeAllowTraffic", event, Hook)
    logger.append_keys(deployment_id=hook.deployment_id)
    unknown = sorted(event.keys() - msgspec.to_builtins(hook).keys())
    if unknown:  # AWS may add keys at any time: that says nothing about the new version
        logger.warning("unknown_event_keys", unknown_keys=unknown)
    reasons: list[str] = []
    deadline = Deadline(context.get_remaining_time_in_millis, RESERVE_SECONDS)
    results = check(lambda_.invoke, settings.api_version, time.monotonic, deadline.seconds_left)
    try:
        for request, milliseconds, reason in results:
            logger.info(
                "request_checked", request=request, milliseconds=milliseconds, reason=reason
            )
            if reason:
                reasons.append(f"{request}: {reason}")
    except Exception as error:
        logger.exception("check_failed")
        reasons.append(f"the check itself failed: {error!r}")
    status = "Failed" if reasons else "Succeeded"
    logger.info("release_checked", status=status, api_version=settings.api_version, reasons=reasons)
    try:
        codedeploy.put_lifecycle_event_hook_execution_status(
            deploymentId=hook.deployment_id,
            lifecycleEventHookExecutionId=hook.lifecycle_event_hook_execution_id,
            status=status,
        )
    except ClientError as error:
        raise HookReportError(
            f"CodeDeploy does not take the status {status} of deployment {hook.deployment_id}:"
            f" {error} Check that the deployment exists and still waits for this hook."
        ) from error
    return {"status": status, "reasons": reasons}
