"""Count the views of a batch: exact totals, and counts per minute."""

import os
import random
import time
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from shared.client_config import client_config
from shared.clients import make_client
from shared.deadlines import Deadline
from shared.logs import make_logger
from shared.photo_ids import is_photo_id
from shared.quarantine import Poison, quarantine
from shared.settings import load_settings
from shared.view_rows import split_key
from view_counter.counting import ViewCounter
from view_counter.view_records import read_batch, records_in


class Settings(msgspec.Struct, frozen=True):
    """What template.yaml declares under Environment."""

    views_table: str
    failed_batches_bucket: str


# A call takes 9 s at most: two attempts of 4 s and a pause.
RESERVE_SECONDS: Final = 10
aws_config = client_config(connect=1, read=3, attempts=2)
settings = load_settings(Settings, os.environ)
logger = make_logger()  # before the session: libraries are quiet from here on
session = get_session()
metrics = Metrics()
s3 = make_client(session, "s3", aws_config)
view_counter = ViewCounter(
    dynamodb=make_client(session, "dynamodb", aws_config),
    table=settings.views_table,
    clock=lambda: datetime.now(UTC),
    pause=lambda seconds: time.sleep(random.uniform(0, seconds)),  # noqa: S311 - jitter
)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Count a batch, or replay the records that the event has in its key `redrive`.

    The answer names the first record to deliver again.
    """
    deadline = Deadline(context.get_remaining_time_in_millis, RESERVE_SECONDS)
    metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 0)
    batch = read_batch(records_in(event))
    replay = "redrive" in event
    result = view_counter.count(batch.views, deadline.seconds_left, replay=replay)
    again = [view.sequence for view in result.not_counted]
    for sequence, poison in batch.poison:
        if deadline.seconds_left() <= 0 or not _quarantine(poison):
            again.append(sequence)
            break
        metrics.add_metric("RecordsQuarantined", MetricUnit.Count, 1)
    counted = result.new - result.left_out
    metrics.add_metric("ViewsCounted", MetricUnit.Count, counted)
    outcome = {
        "counted": counted,
        "left_out": result.left_out,
        "already_counted": result.already_counted,
        "poison": len(batch.poison),
    }
    failed = {"not_counted": len(result.not_counted), "reasons": sorted(result.reasons)}
    logger.info("batch_processed", extra=outcome | failed)
    failures = [{"itemIdentifier": str(min(again))}] if again else []
    return {"batchItemFailures": failures} | (outcome if replay else {})


def _quarantine(poison: Poison) -> bool:
    """Put the record into quarantine; False if that failed."""
    photo_id, _ = split_key(poison.record["kinesis"]["partitionKey"])
    fields = {
        "position": poison.position,
        "photo_id": photo_id if is_photo_id(photo_id) else None,
        "reason": poison.reason,
    }
    try:
        quarantine(s3, settings.failed_batches_bucket, poison)
    except (BotoCoreError, ClientError):
        logger.exception("quarantine_failed", extra=fields)
        return False
    logger.error("record_quarantined", extra=fields)
    return True
