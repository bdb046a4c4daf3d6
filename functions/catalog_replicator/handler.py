"""Changes of photos in, the catalog's rows out: in order, and up to the first that fails."""

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from catalog_replicator.catalog import Change, plan, still_poison
from shared.quarantine import Poison, put_aside
from shared.settings import load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Settings(msgspec.Struct, frozen=True):
    """What template.yaml declares under Environment."""

    catalog_table: str
    failed_batches_bucket: str


# A call is given up after 7 s: twice 3 s, and a pause. With less than that left none is begun.
LONGEST_CALL_MS: Final = 8_000
aws_config = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
)
settings = load_settings(Settings, os.environ)
logger = Logger()
metrics = Metrics()
dynamodb = boto3.client("dynamodb", config=aws_config)
s3 = boto3.client("s3", config=aws_config)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Apply a batch in order; the answer names the first record that must come again, if any."""
    metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 0)
    failures: list[dict[str, str]] = []
    longest_lag = 0.0
    for step in (steps := plan(event, datetime.now(UTC))):
        try:
            longest_lag = max(longest_lag, _take(step, context.get_remaining_time_in_millis()))
        except (BotoCoreError, ClientError, TimeoutError):
            logger.exception("stopped here", position=step.position)
            failures.append({"itemIdentifier": step.position})
            break
    if longest_lag:
        metrics.add_metric("ReplicaLag", MetricUnit.Milliseconds, round(longest_lag * 1000))
    return {"batchItemFailures": failures} | still_poison(event, steps)


def _take(step: Change | Poison, milliseconds_left: int) -> float:
    """Do what the step says; the seconds from the photo's change to its row, 0 without a write."""
    if milliseconds_left < LONGEST_CALL_MS:
        raise TimeoutError("too little is left to begin a call")
    if isinstance(step, Poison):
        put_aside(s3, settings.failed_batches_bucket, step)
        logger.error("quarantined", position=step.position, reason=step.reason)
        metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 1)
        return 0
    try:
        dynamodb.put_item(
            TableName=settings.catalog_table,
            Item=step.row,
            # What makes replays and disorder harmless, and a tombstone final.
            ConditionExpression="attribute_not_exists(photo_id) OR version < :version",
            ExpressionAttributeValues={":version": step.row["version"]},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return 0
    return time.time() - step.changed_at
