"""Topic rules of AWS IoT that invoke functions; runs inside ministack's process.

ministack invokes a function once, ignores its failure, and does not ask the function's policy.
https://docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html
"""

from collections.abc import Mapping
from typing import Any


def install() -> None:
    """Invoke asynchronously, if the function's policy allows it; else the error action runs."""
    from ministack.core.responses import request_scope  # noqa: PLC0415
    from ministack.services import iot, lambda_svc  # noqa: PLC0415

    dispatch = iot._dispatch_rule_action  # noqa: SLF001

    async def dispatch_as_iot_does(
        account: str, region: str, rule: str, action: Mapping[str, Any], event: Any
    ) -> None:
        arn = action.get("lambda", {}).get("functionArn")
        if not arn:
            await dispatch(account, region, rule, action, event)
            return
        with request_scope(account, region):
            # Despite its name, it evaluates the function's policy for the source ARN that it gets.
            record = iot._provisioning_hook_function(arn, iot._topic_rule_arn(rule))  # noqa: SLF001
            if record is None:
                raise PermissionError(f"{arn} does not exist, or its policy does not allow {rule}")
            lambda_svc.invoke_async_with_retry(record, event)

    iot._dispatch_rule_action = dispatch_as_iot_does  # noqa: SLF001
