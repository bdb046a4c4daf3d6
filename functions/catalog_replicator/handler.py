"""Replicate photos to the catalog, in order, and invalidate deleted photos in CloudFront."""

import os
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from catalog_replicator.catalog import (
    CatalogWrite,
    invalidation_batch,
    log_fields,
    plan,
    poison_count,
)
from shared.catalog import write_row
from shared.client_config import client_config
from shared.clients import make_client
from shared.deadlines import Deadline
from shared.logs import make_logger
from shared.quarantine import Poison, quarantine
from shared.settings import load_settings


class Settings(msgspec.Struct, frozen=True):
    """What template.yaml declares; without a distribution, `distribution_id` is `none`."""

    catalog_table: str
    distribution_id: str
    failed_batches_bucket: str


FAILURES: Final = (BotoCoreError, ClientError, TimeoutError)
LONGEST_CALL: Final = 10.0  # seconds; a call takes 9 s at most: two attempts of 4 s and a pause
aws_config = client_config(connect=1, read=3, attempts=2)
settings = load_settings(Settings, os.environ)
logger = make_logger()  # before the session: libraries are quiet from here on
session = get_session()
metrics = Metrics()
dynamodb = make_client(session, "dynamodb", aws_config)
s3 = make_client(session, "s3", aws_config)
cloudfront = make_client(session, "cloudfront", aws_config)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Apply a batch in order; report the first record that must be delivered again."""
    milliseconds_left = context.get_remaining_time_in_millis
    # After a deletion is written, its invalidation needs another call.
    deadline = Deadline(milliseconds_left, 2 * LONGEST_CALL)
    invalidation_deadline = Deadline(milliseconds_left, LONGEST_CALL)
    metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 0)
    failures: list[dict[str, str]] = []
    deletions: list[CatalogWrite] = []
    longest_lag = 0.0
    steps = plan(event, datetime.now(UTC))
    for step in steps:
        try:
            deadline.check()
            longest_lag = max(longest_lag, _apply(step))
        except FAILURES:
            logger.exception("record_failed", extra=log_fields(step))
            failures = [{"itemIdentifier": step.position}]
            break
        if isinstance(step, CatalogWrite) and step.deleted_tag:
            deletions.append(step)
    if deletions and settings.distribution_id != "none":
        try:
            invalidation_deadline.check()
            _invalidate(deletions)
        except FAILURES:
            logger.exception("invalidation_failed", extra=log_fields(deletions[0]))
            failures = [{"itemIdentifier": deletions[0].position}]
    if longest_lag:
        metrics.add_metric("ReplicaLag", MetricUnit.Milliseconds, round(longest_lag * 1000))
    return {"batchItemFailures": failures} | poison_count(event, steps)


def _apply(step: CatalogWrite | Poison) -> float:
    """Apply one step; returns the seconds between the photo's change and the write of its row.

    Without a write it returns 0.
    """
    lag = 0.0
    if isinstance(step, Poison):
        quarantine(s3, settings.failed_batches_bucket, step)
        logger.error("record_quarantined", reason=step.reason, extra=log_fields(step))
        metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 1)
    elif write_row(dynamodb, settings.catalog_table, step.row):
        lag = datetime.now(UTC).timestamp() - step.changed_at
        logger.info("photo_replicated", lag_ms=round(lag * 1000), extra=log_fields(step))
    return lag


def _invalidate(deletions: list[CatalogWrite]) -> None:
    """Invalidate deleted photos, also those whose tombstone an earlier invocation has written.

    That invocation may have ended before it came to the invalidation.
    """
    batch = invalidation_batch(deletions)
    cloudfront.create_invalidation(DistributionId=settings.distribution_id, InvalidationBatch=batch)
