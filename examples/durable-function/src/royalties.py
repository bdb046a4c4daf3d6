"""A long job as a durable function: pay each author, wait for objections, close the period."""

import os
from typing import Any, Final

from aws_durable_execution_sdk_python import (
    DurableContext,
    StepContext,
    durable_execution,
    durable_step,
)
from aws_durable_execution_sdk_python.config import Duration, StepConfig
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy

import ledger

OBJECTION: Final = Duration.from_seconds(int(os.environ["OBJECTION_SECONDS"]))
RETRIED: Final = StepConfig(
    create_retry_strategy(
        RetryStrategyConfig(max_attempts=3, initial_delay=Duration.from_seconds(1))
    )
)


@durable_execution
def handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    """Lambda runs it from the top after each wait or failure, without the steps that are done."""
    period: str = event["period"]
    shares: dict[str, int] = context.step(read_shares(period), config=RETRIED)
    for author, cents in sorted(shares.items()):
        context.step(pay(period, author, cents), name=f"pay {author}", config=RETRIED)
    context.wait(OBJECTION, name="objections")
    context.step(close(period), config=RETRIED)
    return {"period": period, "authors": len(shares), "cents": sum(shares.values())}


@durable_step
def read_shares(_: StepContext, period: str) -> dict[str, int]:
    """Read the shares once per execution, so that a later sale changes nothing in it."""
    return ledger.shares(period)


@durable_step
def pay(step: StepContext, period: str, author: str, cents: int) -> bool:
    """Pay an author; it runs again if the process ends between the payment and the checkpoint."""
    paid = ledger.pay(period, author, cents)
    step.logger.info("paid" if paid else "paid before", extra={"author": author, "cents": cents})
    return paid


@durable_step
def close(_: StepContext, period: str) -> None:
    """Close the period; to repeat it changes nothing."""
    ledger.close(period)
