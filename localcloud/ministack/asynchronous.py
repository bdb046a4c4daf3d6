"""Asynchronous invocations by Lambda's rules, in place of ministack's; runs inside its process.

ministack retries with a new request ID each time, has no on-success destinations, sends its record
instead of the event to a dead-letter queue, and checks no permission of the function's role.
"""

import contextlib
import contextvars
import json
import logging
import os
import threading
import time
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from ministack.core import lambda_runtime
from ministack.core.responses import new_uuid
from ministack.services import eventbridge, lambda_svc, sns

from localcloud.execution.asynchronous import Attempt, Condition, InvokeConfig, QueuedEvent

_AWS_FIRST_WAIT: Final = 60.0
_log: Final = logging.getLogger("lambda")
request_id: Final[contextvars.ContextVar[str | None]] = contextvars.ContextVar(
    "request_id", default=None
)
"""Of the asynchronous invocation to which this thread belongs, if any."""

type Function = dict[str, Any]


def install() -> None:
    """Replace ministack's asynchronous invocations, and let SNS and EventBridge use them too.

    ministack attempts an event of SNS, EventBridge or Scheduler once and ignores its failure.

    Raises:
        AttributeError: this version of ministack lacks something that is needed here.
    """
    for module, name, replacement in (
        (lambda_svc, "invoke_async_with_retry", invoke),
        (eventbridge, "_dispatch_to_lambda", _invoke_for_rule),
        (sns, "_lambda_svc", _LambdaOfTopics()),
    ):
        getattr(module, name)
        setattr(module, name, replacement)


class _LambdaOfTopics:
    """lambda_svc as SNS uses it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(lambda_svc, name)

    def _execute_function_with_config_scope(self, function: Function, event: Any) -> None:
        lambda_svc.invoke_async_with_retry(function, event)


def _invoke_for_rule(arn: str, payload: str) -> None:
    """In place of eventbridge._dispatch_to_lambda."""
    try:
        event = json.loads(payload)
    except (TypeError, ValueError):
        event = {"body": payload}
    function, config, name = lambda_svc._get_func_record_for_ref(arn)  # noqa: SLF001
    if not function or not config:
        _log.warning("EventBridge invokes no function: %s does not exist", name)
        return
    record = lambda_svc._execution_record_for_config(function, config)  # noqa: SLF001
    lambda_svc.invoke_async_with_retry(record, event)


def invoke(function: Function, event: Any) -> None:
    """In place of lambda_svc.invoke_async_with_retry: returns at once."""
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(_run, function, event), daemon=True)
    thread.start()


def _run(function: Function, event: Any) -> None:
    config = function.get("config") or function
    lambda_svc._run_with_function_config_scope(  # noqa: SLF001
        config, _process, function, config, event
    )


def _process(function: Function, config: Function, event: Any) -> None:
    of_latest = (function.get("event_invoke_configs") or {}).get("$LATEST")
    queued = QueuedEvent(
        request_id=new_uuid(),
        payload=event,
        function_arn=config["FunctionArn"],
        settings=InvokeConfig.from_api(
            function.get("event_invoke_config") or of_latest or {}, config
        ),
        queued_at=time.monotonic(),
        speed=_AWS_FIRST_WAIT / lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS,  # noqa: SLF001
    )
    request_id.set(queued.request_id)
    condition = _attempt_until_the_end(queued, function, config)
    if destination := queued.destination(condition):
        record = json.dumps(queued.record(condition, time.time()))
        _deliver(queued, config, destination, record, condition)
    if queued.settings.dead_letter and condition != "Success":
        _deliver(queued, config, queued.settings.dead_letter, json.dumps(event), None)


def _attempt_until_the_end(queued: QueuedEvent, function: Function, config: Function) -> Condition:
    while True:
        result = _attempt(function, config, queued.payload)
        if result is None:
            following = queued.after_system_error(time.monotonic())
        else:
            error = result.get("function_error") or ("Unhandled" if result.get("error") else None)
            version = config.get("Version", "$LATEST")
            following = queued.after(Attempt(result.get("body"), error, version), time.monotonic())
        if isinstance(following, str):
            return following
        time.sleep(following)


def _attempt(function: Function, config: Function, event: Any) -> Function | None:
    """The result; None if the attempt was throttled, or no environment can be created."""
    try:
        result: Function = lambda_svc._execute_function(function, event)  # noqa: SLF001
    except OSError as error:
        with contextlib.suppress(OSError):  # the log may be on the same full disk
            print(f"{config['FunctionName']} cannot run now, and is tried again: {error}")
        return None
    return None if result.get("throttle") else result


def _deliver(
    queued: QueuedEvent, config: Function, target: str, text: str, condition: Condition | None
) -> None:
    """Send a record, or without a condition the event for a dead-letter queue, as the role."""
    try:
        _send(queued, config, target, text, condition)
    except (BotoCoreError, ClientError, ValueError) as error:
        _log.error("%s: %s cannot be written: %s", config["FunctionName"], target, error)


def _send(
    queued: QueuedEvent, config: Function, target: str, text: str, condition: Condition | None
) -> None:
    service, _, account, resource = target.split(":", 5)[2:]
    client = _client(config, service)
    attributes = {} if condition else queued.dead_letter_attributes()
    match service:
        case "sqs":
            url = f"{os.environ['AWS_ENDPOINT_URL']}/{account}/{resource}"
            client.send_message(QueueUrl=url, MessageBody=text, MessageAttributes=attributes)
        case "sns":
            client.publish(TopicArn=target, Message=text, MessageAttributes=attributes)
        case "lambda":
            client.invoke(FunctionName=target, InvocationType="Event", Payload=text)
        case "events":
            outcome = "Success" if condition == "Success" else "Failure"
            client.put_events(
                Entries=[
                    {
                        "Source": "lambda",
                        "DetailType": f"Lambda Function Invocation Result - {outcome}",
                        "Resources": [json.loads(text)["requestContext"]["functionArn"]],
                        "Detail": text,
                        "EventBusName": target,
                    }
                ]
            )
        case "s3":
            client.put_object(Bucket=resource, Key=queued.object_key(time.time()), Body=text)
        case _:
            raise ValueError(f"{target} is no destination: SQS, SNS, Lambda, EventBridge or S3.")


def _client(config: Function, service: str) -> Any:
    """A client with the permissions of the function's role."""
    credentials = lambda_runtime.execution_credentials(config)
    _, region = lambda_svc._account_region_from_function_config(config)  # noqa: SLF001
    return boto3.session.Session(region_name=region).client(  # type: ignore[call-overload]
        service,
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
    )
