"""Dead letters of rules, as EventBridge sends them; runs inside ministack's process.

ministack loses an event whose target function does not exist, and ignores the DeadLetterConfig of
the target. EventBridge does not retry such an event.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
"""

import contextvars
from typing import Any, Final, NamedTuple

_EVENTS: Final = "events.amazonaws.com"


class _Delivery(NamedTuple):
    target: dict[str, Any]
    rule: dict[str, Any]


_delivery: Final[contextvars.ContextVar[_Delivery | None]] = contextvars.ContextVar(
    "delivery", default=None
)


def install() -> None:
    """Send events for functions that do not exist to the target's dead-letter queue.

    It wraps the function that asynchronous.py replaces, so it must be installed later.
    """
    from ministack.services import eventbridge, lambda_svc, sqs  # noqa: PLC0415

    invoke_target = eventbridge._invoke_target  # noqa: SLF001
    dispatch = eventbridge._dispatch_to_lambda  # noqa: SLF001

    def invoke_target_of_rule(
        target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None
    ) -> None:
        is_rule = "EventPattern" in rule  # a schedule has none
        token = _delivery.set(_Delivery(target, rule) if is_rule else None)
        try:
            invoke_target(target, event, rule, view)
        finally:
            _delivery.reset(token)

    def dispatch_or_keep(arn: str, payload: str) -> None:
        delivery = _delivery.get()
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)  # noqa: SLF001
        if (function and config) or not delivery or not keep(delivery, payload):
            dispatch(arn, payload)

    def keep(delivery: _Delivery, payload: str) -> bool:
        """Send an event to the dead-letter queue; False if there is none that accepts it."""
        target, rule = delivery
        arn = target.get("DeadLetterConfig", {}).get("Arn", "")
        queue = sqs._queue_by_arn(arn)  # noqa: SLF001
        account = rule["Arn"].split(":")[4]
        if queue is None or not sqs.queue_policy_allows(arn, _EVENTS, rule["Arn"], account):
            return False
        attributes = {
            "RULE_ARN": rule["Arn"],
            "TARGET_ARN": target["Arn"],
            "ERROR_MESSAGE": "The function does not exist.",
        }
        message = {
            "MessageBody": payload,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        }
        sqs._act_send_message(message, queue["url"])  # noqa: SLF001
        return True

    eventbridge._invoke_target = invoke_target_of_rule  # noqa: SLF001
    eventbridge._dispatch_to_lambda = dispatch_or_keep  # noqa: SLF001
