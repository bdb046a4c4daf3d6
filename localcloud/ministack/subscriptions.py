"""Dead letters of subscriptions, as SNS sends them; runs inside ministack's process.

ministack loses a message that a subscribed queue does not accept, and ignores the RedrivePolicy of
the subscription.
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
"""

import json
from typing import Any, Final

_SNS: Final = "sns.amazonaws.com"


def install() -> None:
    """Send what a subscribed queue does not accept to the subscription's dead-letter queue."""
    from ministack.services import sns, sqs  # noqa: PLC0415 - not in the development environment

    deliver = sns._deliver_to_sqs  # noqa: SLF001

    def accepts(queue_arn: str, topic_arn: str) -> bool:
        if sqs._queue_by_arn(queue_arn) is None:  # noqa: SLF001
            return False
        account = topic_arn.split(":")[4]
        allowed: bool = sqs.queue_policy_allows(queue_arn, _SNS, topic_arn, account)
        return allowed

    def deliver_or_keep(queue_arn: str, *message: Any, topic_arn: str, **options: Any) -> None:
        target = queue_arn
        if not accepts(queue_arn, topic_arn):
            topic = sns._topic_by_arn_any_scope(topic_arn)  # noqa: SLF001
            target = _dead_letter_queue(topic["subscriptions"], queue_arn) or queue_arn
        deliver(target, *message, topic_arn=topic_arn, **options)

    sns._deliver_to_sqs = deliver_or_keep  # noqa: SLF001


def _dead_letter_queue(subscriptions: list[dict[str, Any]], endpoint: str) -> str | None:
    """The ARN in the RedrivePolicy of the subscription with this endpoint."""
    [policy] = [
        each["attributes"].get("RedrivePolicy")
        for each in subscriptions
        if each["endpoint"] == endpoint
    ]
    arn: str | None = json.loads(policy or "{}").get("deadLetterTargetArn")
    return arn
