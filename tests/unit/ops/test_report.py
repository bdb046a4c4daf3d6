"""The output of `make report` for an execution and for a report."""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from daily_report.report import _HEADLINES
from daily_report.report import make_report as as_the_function_makes_it
from daily_report.state import Run, State
from ops import report
from ops.daily_reports import (
    Report,
    ReportError,
    ReportResult,
    ReportSource,
    last_reports,
    make_report,
)
from ops.report import show

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
COUNTS = {
    "photos.READY": 1200,
    "photos.bytes": 3_456_000,
    "views.total": 98_765,
    "drift.missing": 1,
    "drift.stale": 23,
    "abandoned.failed": 2,
    "quarantine.count": 5,
}
EXAMPLES = {
    "drift.missing": ["photo-a"],
    "drift.stale": [f"photo-{n:02}" for n in range(20)],
    "abandoned.failed": ["photo-b", "photo-c"],
}


class Bucket:
    """S3 with one bucket of JSON."""

    class exceptions:  # noqa: N801 - boto3's name
        NoSuchKey = KeyError

    def __init__(self, stored: Mapping[str, Any]) -> None:
        self.stored = stored

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "reports"
        return {"Body": io.BytesIO(json.dumps(self.stored[Key]).encode())}

    def get_paginator(self, name: str) -> "Bucket":
        assert name == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str, StartAfter: str) -> list[dict[str, Any]]:  # noqa: N803
        assert Bucket == "reports"
        keys = [key for key in sorted(self.stored) if key.startswith(Prefix) and key > StartAfter]
        return [{"Contents": [{"Key": key}]} for key in keys] or [{}]


class StateMachine:
    """Step Functions, and what it says of the one execution, again and again."""

    def __init__(self, answers: Sequence[dict[str, Any]]) -> None:
        self._answers = list(answers)

    def start_execution(self, **arguments: Any) -> dict[str, Any]:
        assert arguments == {"stateMachineArn": "machine", "input": "{}"}
        return {"executionArn": "the-execution"}

    def describe_execution(self, **arguments: Any) -> dict[str, Any]:
        assert arguments == {"executionArn": "the-execution"}
        return {**arguments, **self._answers.pop(0)}


def a_report(
    counts: Mapping[str, int] = COUNTS, examples: Mapping[str, list[str]] = EXAMPLES
) -> dict[str, Any]:
    state = State(
        Run("execution", NOW),
        counts=dict(counts),
        examples=dict(examples),
        top_photos=[(77, "photo-z")],
    )
    return as_the_function_makes_it(state, NOW)


def made(*answers: dict[str, Any], stored: Mapping[str, Any] | None = None) -> ReportResult:
    stack = ReportSource(Bucket(stored or {}), StateMachine(answers), "machine", "reports")
    return make_report(stack, Console(file=io.StringIO()))


def succeeded(**output: Any) -> dict[str, Any]:
    state = {"date": "2026-11-21", "report": None, "skipped": None, "done": True, **output}
    return {"status": "SUCCEEDED", "output": json.dumps(state)}


def printed(shown: dict[str, Any]) -> str:
    file = io.StringIO()
    show(shown, Console(file=file, width=120))
    return file.getvalue()


def test_report_is_read_once_the_execution_has_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ops.daily_reports.time.sleep", lambda _: None)
    key = "reports/2026-11-21.json"
    running = {"status": "RUNNING"}
    answer = made(running, running, succeeded(report=key), stored={key: a_report()})
    assert answer.report == a_report()
    assert answer.is_new


def test_report_that_was_made_before_is_not_new():
    key = "reports/2026-11-21.json"
    answer = made(succeeded(skipped=f"{key} is there already"), stored={key: a_report()})
    assert answer.report == a_report()
    assert not answer.is_new


def test_report_that_another_execution_makes_is_not_there_yet():
    with pytest.raises(ReportError, match="2026-11-21: another execution is making the report"):
        made(succeeded(skipped="another execution is making the report of this date"))


@pytest.mark.parametrize(
    ("execution", "words"),
    [
        (
            {
                "status": "FAILED",
                "error": "ClientError",
                "cause": '{"errorMessage": "not authorized", "errorType": "ClientError"}',
            },
            "ended FAILED: ClientError: not authorized.",
        ),
        (
            {"status": "FAILED", "error": "States.Runtime", "cause": "no such path"},
            "ended FAILED: States.Runtime: no such path.",
        ),
        (
            {"status": "FAILED", "error": "States.TaskFailed", "cause": '["a list"]'},
            'ended FAILED: States.TaskFailed: ["a list"].',
        ),
        ({"status": "TIMED_OUT"}, "ended TIMED_OUT"),
        ({"status": "ABORTED"}, "ended ABORTED"),
    ],
)
def test_execution_that_did_not_succeed_is_reported_with_its_cause(
    execution: dict[str, Any], words: str
):
    with pytest.raises(ReportError) as raised:
        made(execution)
    assert words in str(raised.value)
    assert "the-execution" in str(raised.value)


def test_report_says_of_how_many_totals_an_incomplete_ranking_is():
    report = a_report() | {"ranking": {"complete": False, "entries": 10_080}}
    assert "The ranking ended after 10,080 totals" in printed(report)
    del report["ranking"]
    assert "The ranking ended" not in printed(report), "the report of an earlier release"


def test_report_is_printed_with_numbers_and_ids():
    output = printed(a_report())
    for text in (
        "The daily report of 2026-11-21",
        "1,200",
        "3.5 MB",
        "98,765",
        "views on 2026-11-20",
        "photo-z",
        "77",
        "photo-a",
        "photo-19",
        "… 3 more",
        "photo-b",
        "Failed: 5 poison records.",
    ):
        assert text in output, text
    assert "No findings" not in output


def test_empty_gallery_is_printed_as_zeros():
    output = printed(a_report({}, {}))
    assert "No findings" in output
    assert "Failed:" not in output


@pytest.mark.parametrize("prefix", [prefix for each in _HEADLINES.values() for prefix in each])
def test_every_count_of_a_headline_is_printed(prefix: str):
    known = [*report._FOUND, *(f"{name}.count" for name in report._WAITING)]
    names = [name for name in known if name.startswith(prefix)]
    assert names
    for name in names:
        assert "4,321" in printed(a_report({name: 4321}, {})), name


def test_last_reports_are_those_of_the_days_asked_for():
    days = [date(2026, 11, day).isoformat() for day in (1, 18, 19, 21)]
    stored = {f"reports/{day}.json": {"date": day} for day in days}
    stack = ReportSource(Bucket(stored), None, "machine", "reports")
    reports = last_reports(stack, 3, date(2026, 11, 21))
    assert [each["date"] for each in reports] == ["2026-11-19", "2026-11-21"]


@pytest.mark.parametrize(
    ("reports", "suffix", "begin"),
    [([], ".png", b"\x89PNG"), ([a_report()], ".svg", b"<?xml")],
)
def test_plot_is_drawn_for_any_number_of_reports(
    reports: Sequence[Report], suffix: str, begin: bytes, tmp_path: Path
):
    from ops.report_plot import plot  # matplotlib is slow to import

    file = tmp_path / f"days{suffix}"
    plot(reports, file)
    assert file.read_bytes().startswith(begin)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--plot", "days.pdf"], "expected .svg or .png"),
        (["--plot", "no/such/folder/days.svg"], "the folder 'no/such/folder' does not exist"),
        (["--days", "0"], "invalid number of days"),
        (["--days", "many"], "invalid number of days"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_started(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as raised:
        report.main(arguments)
    assert raised.value.code == 2
    assert words in capsys.readouterr().err
