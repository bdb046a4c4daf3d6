"""Allows the batch calls of SQS by the actions of IAM; runs inside ministack's process.

IAM has no action for a batch: `sqs:DeleteMessage` allows DeleteMessageBatch too. ministack looks
for the name of the call in the policy, and denies it.
"""

from collections.abc import Mapping


def install() -> None:
    """Replace the function of ministack that names the action of a call."""
    from ministack.core import iam_actions  # noqa: PLC0415 - not in the development environment

    named = iam_actions._action_from_target  # noqa: SLF001

    def action(headers: Mapping[str, str]) -> str | None:
        name: str | None = named(headers)
        if name and headers["x-amz-target"].startswith("AmazonSQS."):
            return name.removesuffix("Batch")
        return name

    iam_actions._action_from_target = action  # noqa: SLF001
