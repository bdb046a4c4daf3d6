"""One step of the daily report; the state machine invokes this until the report is done."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.session import get_session

from daily_report.report import headlines
from daily_report.settings import Settings
from daily_report.state import State
from daily_report.steps import DailyReport
from shared.client_config import client_config
from shared.clients import make_client
from shared.deadlines import Deadline
from shared.events import check_event
from shared.logs import make_logger
from shared.settings import load_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


# A call takes 9 s at most (two attempts of 4 s and a pause). When the time is up, each thread that
# compares photos with rows still looks up those for which it has found no counterpart. If this
# takes longer than the reserve, Lambda ends the invocation, and the state machine repeats the step.
RESERVE_SECONDS: Final = 20
aws_config = client_config(connect=1, read=3, attempts=2)
logger = make_logger()  # before the session: libraries are quiet from here on
session = get_session()
metrics = Metrics()
dynamodb = make_client(session, "dynamodb", aws_config)
s3 = make_client(session, "s3", aws_config)
sqs = make_client(session, "sqs", aws_config)
daily_report = DailyReport(
    dynamodb=dynamodb,
    s3=s3,
    sqs=sqs,
    settings=load_settings(Settings, os.environ),
    clock=lambda: datetime.now(UTC),
    log=logger.info,
)


@logger.inject_lambda_context(correlation_id_path="run.execution")
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Take one step; the last one emits the metrics."""
    state = check_event("daily_report", "a step of its state machine", event, State)
    deadline = Deadline(context.get_remaining_time_in_millis, RESERVE_SECONDS)
    daily_report.step(state, deadline.seconds_left)
    if state.report:
        for name, number in headlines(state.counts).items():
            metrics.add_metric(name, MetricUnit.Count, number)
        metrics.flush_metrics()
    logger.info(
        "step_finished",
        phase=state.phase,
        date=state.date,
        report=state.report,
        skipped=state.skipped,
    )
    return {**msgspec.to_builtins(state), "date": state.date, "done": state.done}
