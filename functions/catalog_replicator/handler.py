"""Changes of photos in; the catalog's rows in order, and then the CDN's invalidation, out."""

import os
from datetime import UTC, datetime
from typing import Any, Final

import boto3
import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from catalog_replicator.catalog import Change, about, invalidation_batch, plan, still_poison
from shared.catalog import write_row
from shared.quarantine import Poison, put_aside
from shared.settings import load_settings


class Settings(msgspec.Struct, frozen=True):
    """What template.yaml declares under Environment; without a CDN its id is `none`."""

    catalog_table: str
    distribution_id: str
    failed_batches_bucket: str


FAILURES: Final = (BotoCoreError, ClientError, TimeoutError)
LONGEST_CALL_MS: Final = 10_000  # a call is given up after 9 s: twice 4 s, and a pause
aws_config = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
)
settings = load_settings(Settings, os.environ)
logger = Logger()
metrics = Metrics()
dynamodb = boto3.client("dynamodb", config=aws_config)
s3 = boto3.client("s3", config=aws_config)
cloudfront = boto3.client("cloudfront", config=aws_config)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Apply a batch in order; the answer names the first record that must come again, if any."""
    metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 0)
    failures: list[dict[str, str]] = []
    deletions: list[Change] = []
    longest_lag = 0.0
    for step in (steps := plan(event, datetime.now(UTC))):
        try:
            longest_lag = max(longest_lag, _take(step, context.get_remaining_time_in_millis()))
        except FAILURES:
            logger.exception("stopped here", extra=about(step))
            failures = [{"itemIdentifier": step.position}]
            break
        if isinstance(step, Change) and step.cached_paths:
            deletions.append(step)
    if deletions and settings.distribution_id != "none":
        try:
            _invalidate(deletions, context.get_remaining_time_in_millis())
        except FAILURES:
            logger.exception("not invalidated", extra=about(deletions[0]))
            failures = [{"itemIdentifier": deletions[0].position}]
    if longest_lag:
        metrics.add_metric("ReplicaLag", MetricUnit.Milliseconds, round(longest_lag * 1000))
    return {"batchItemFailures": failures} | still_poison(event, steps)


def _take(step: Change | Poison, milliseconds_left: int) -> float:
    """Do what the step says; the seconds from the photo's change to its row, 0 without a write."""
    if milliseconds_left < 2 * LONGEST_CALL_MS:  # an invalidation may follow
        raise TimeoutError("too little is left to begin a call")
    lag = 0.0
    if isinstance(step, Poison):
        put_aside(s3, settings.failed_batches_bucket, step)
        logger.error("quarantined", reason=step.reason, extra=about(step))
        metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 1)
    elif write_row(dynamodb, settings.catalog_table, step.row):
        lag = datetime.now(UTC).timestamp() - step.changed_at
        logger.info("replicated", lag_ms=round(lag * 1000), extra=about(step))
    return lag


def _invalidate(deletions: list[Change], milliseconds_left: int) -> None:
    """Also where the rows stood: what wrote them may have ended before it came to this."""
    if milliseconds_left < LONGEST_CALL_MS:
        raise TimeoutError("too little is left to invalidate")
    batch = invalidation_batch(deletions)
    cloudfront.create_invalidation(DistributionId=settings.distribution_id, InvalidationBatch=batch)
