"""Daily reports: the stack's state machine makes them and stores them in a bucket."""

import json
import time
from datetime import date, timedelta
from typing import Any, Final

import msgspec
from rich.console import Console

from ops.deployed_stack import DeployedStack

_POLL_SECONDS: Final = 0.5
_REPORTS: Final = "reports/"

type Report = dict[str, Any]


class ReportError(Exception):
    """There is no report; the message says why and what to do."""


class ReportSource(msgspec.Struct, frozen=True):
    """The clients, the state machine that makes reports, and the bucket that stores them."""

    s3: Any
    stepfunctions: Any
    machine: str
    bucket: str


class ReportResult(msgspec.Struct, frozen=True):
    """A report, and whether it is new."""

    report: Report
    is_new: bool


def open_reports(name: str) -> ReportSource:
    """The reports of the deployed stack of that name.

    Raises:
        StackError: the stack does not exist, or was deployed from another template.
    """
    stack = DeployedStack(name)
    return ReportSource(
        s3=stack.session.client("s3"),
        stepfunctions=stack.session.client("stepfunctions"),
        machine=stack.output("DailyReportStateMachineArn"),
        bucket=stack.output("ReportsBucketName"),
    )


def make_report(source: ReportSource, console: Console) -> ReportResult:
    """Run the state machine until it ends, and read today's report.

    Raises:
        ReportError: the execution failed, or another one is making the report.
    """
    started = time.monotonic()
    arn = source.stepfunctions.start_execution(stateMachineArn=source.machine, input="{}")[
        "executionArn"
    ]
    with console.status("making the daily report") as status:
        while True:
            execution = source.stepfunctions.describe_execution(executionArn=arn)
            if execution["status"] != "RUNNING":
                break
            seconds = time.monotonic() - started
            status.update(f"making the daily report [dim]{seconds:.0f} s[/]")
            time.sleep(_POLL_SECONDS)
    if execution["status"] != "SUCCEEDED":
        raise ReportError(_why(execution))
    output = json.loads(execution["output"])
    report = read_report(source, f"{_REPORTS}{output['date']}.json")
    if report is None:
        reason = output["skipped"] or f"{output['report']} has been removed from {source.bucket}"
        raise ReportError(f"There is no report of {output['date']}: {reason}. Try again later.")
    return ReportResult(report, is_new=not output["skipped"])


def read_report(source: ReportSource, key: str) -> Report | None:
    """The report in the bucket, or None if there is none."""
    try:
        answer = source.s3.get_object(Bucket=source.bucket, Key=key)
    except source.s3.exceptions.NoSuchKey:
        return None
    return dict(json.loads(answer["Body"].read()))


def last_reports(source: ReportSource, days: int, today: date) -> list[Report]:
    """The reports of the last days, oldest first; days without a report are left out."""
    before = f"{_REPORTS}{today - timedelta(days=days)}.json"
    pages = source.s3.get_paginator("list_objects_v2").paginate(
        Bucket=source.bucket, Prefix=_REPORTS, StartAfter=before
    )
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    return [report for key in keys if (report := read_report(source, key))]


def number(report: Report, name: str) -> int:
    """A count by name, such as `drift.missing`; a report does not contain counts of 0."""
    subject, _, what = name.partition(".")
    return int(report.get(subject, {}).get(what, 0))


def _why(execution: dict[str, Any]) -> str:
    """Why an execution failed: the function's exception if there is one, else the cause."""
    cause = execution.get("cause") or "no cause is given"
    try:
        answer = json.loads(cause)
        cause = f"{answer['errorType']}: {answer['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        cause = f"{execution.get('error', 'unknown error')}: {cause}"
    return (
        f"The execution {execution['executionArn']} ended {execution['status']}: {cause}."
        " See the function's log, then redrive the execution or start a new one."
    )
