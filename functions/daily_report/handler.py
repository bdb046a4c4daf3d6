"""One step of the daily report in, the next one out; the state machine calls until it is done."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from daily_report.report import headlines
from daily_report.state import State
from daily_report.steps import DailyReport
from shared.settings import load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Settings(msgspec.Struct, frozen=True):
    """What template.yaml declares under Environment."""

    photos_table: str
    catalog_table: str
    views_table: str
    idempotency_table: str
    uploads_bucket: str
    media_bucket: str
    reports_bucket: str
    failed_batches_bucket: str
    failed_events_queue: str


# With less left, in seconds, nothing new begins: a call under way may take 9 s until it is given up
# (twice 4 s, and a pause), and readers look up what is unpaired before they end.
LONGEST_ENDING: Final = 20
aws_config = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
)
logger = Logger()
metrics = Metrics()
daily_report = DailyReport(
    dynamodb=boto3.client("dynamodb", config=aws_config),
    s3=boto3.client("s3", config=aws_config),
    sqs=boto3.client("sqs", config=aws_config),
    names=msgspec.structs.asdict(load_settings(Settings, os.environ)),
    clock=lambda: datetime.now(UTC),
    log=logger.info,
)


@logger.inject_lambda_context(correlation_id_path="run.execution")
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Take one step; the metrics go out with the last."""

    def time_left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - LONGEST_ENDING

    state = msgspec.convert(event, State)
    daily_report.step(state, time_left)
    if state.report:
        for name, number in headlines(state.counts).items():
            metrics.add_metric(name, MetricUnit.Count, number)
        metrics.flush_metrics()
    logger.info(state.phase, date=state.date, report=state.report, skipped=state.skipped)
    return {**msgspec.to_builtins(state), "date": state.date, "done": state.done}
