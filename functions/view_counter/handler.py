"""View events in, exact totals and counts by the minute out."""

import os
import random
import time
from datetime import UTC, datetime
from typing import Any

import boto3
import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.photo_ids import is_photo_id
from shared.quarantine import Poison, put_aside
from shared.settings import load_settings
from view_counter.counting import ViewCounter
from view_counter.views import read_batch


class Settings(msgspec.Struct, frozen=True):
    """What template.yaml declares under Environment."""

    views_table: str
    failed_batches_bucket: str


aws_config = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
)
settings = load_settings(Settings, os.environ)
logger = Logger()
metrics = Metrics()
s3 = boto3.client("s3", config=aws_config)
view_counter = ViewCounter(
    dynamodb=boto3.client("dynamodb", config=aws_config),
    table=settings.views_table,
    clock=lambda: datetime.now(UTC),
    pause=lambda seconds: time.sleep(random.uniform(0, seconds)),  # noqa: S311 - jitter
)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Count a batch, or replay one under `redrive`; answer the first record to come again."""

    def time_left() -> float:
        # None begins that may not end: a call is given up after twice 4 s, and a pause.
        return context.get_remaining_time_in_millis() / 1000 - 10

    metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 0)
    replay = "redrive" in event
    batch = read_batch(event["redrive"]["records"] if replay else event["Records"])
    count = view_counter.count(batch.views, time_left, replay=replay)
    again = [view.sequence for view in count.left]
    for sequence, poison in batch.poison:
        if time_left() <= 0 or not _put_aside(poison):
            again.append(sequence)
            break
        metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 1)
    metrics.add_metric("ViewsCounted", MetricUnit.Count, count.counted)
    outcome = {"counted": count.counted, "covered": count.repeated, "poison": len(batch.poison)}
    logger.info("batch", extra={**outcome, "left": len(count.left), "reasons": [*count.reasons]})
    failures = [{"itemIdentifier": str(min(again))}] if again else []
    return {"batchItemFailures": failures} | (outcome if replay else {})


def _put_aside(poison: Poison) -> bool:
    key = poison.record["kinesis"]["partitionKey"]
    about = {"position": poison.position, "photo_id": key if is_photo_id(key) else None}
    logger.error("quarantine", reason=poison.reason, extra=about)
    try:
        put_aside(s3, settings.failed_batches_bucket, poison)
    except (BotoCoreError, ClientError):
        logger.exception("not quarantined", extra=about)
        return False
    return True
