"""The execution's steps, in AWS's local runner for durable functions."""

import json
from pathlib import Path

import pytest
from aws_durable_execution_sdk_python_testing.runner import (
    DurableFunctionTestResult,
    DurableFunctionTestRunner,
)

import ledger
import royalties

OCTOBER = (Path(__file__).parents[1] / "events" / "october.json").read_text()


class Ledger:
    """A ledger in memory, whose payments can fail."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.payments: list[str] = []
        self.closed: list[str] = []

    def shares(self, _: str) -> dict[str, int]:
        return {"bob": 100, "ann": 300}

    def pay(self, _: str, author: str, __: int) -> bool:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no connection")
        self.payments.append(author)
        return True

    def close(self, period: str) -> None:
        self.closed.append(period)


def run(monkeypatch: pytest.MonkeyPatch, fake: Ledger) -> DurableFunctionTestResult:
    for name in ("shares", "pay", "close"):
        monkeypatch.setattr(ledger, name, getattr(fake, name))
    with DurableFunctionTestRunner(handler=royalties.handler, poll_interval=0.05) as runner:
        result: DurableFunctionTestResult = runner.run(input=OCTOBER, timeout=60)
    return result


def test_authors_are_paid_and_the_period_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Ledger()
    result = run(monkeypatch, fake)
    assert result.status.value == "SUCCEEDED"
    assert json.loads(result.result or "") == {"period": "2026-10", "authors": 2, "cents": 400}
    assert (fake.payments, fake.closed) == (["ann", "bob"], ["2026-10"])
    assert result.get_wait("objections").status.value == "SUCCEEDED"


def test_step_that_fails_is_tried_again_and_the_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = Ledger(failures=2)
    assert run(monkeypatch, fake).status.value == "SUCCEEDED"
    assert fake.payments == ["ann", "bob"]


def test_step_that_fails_three_times_fails_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Ledger(failures=3)
    result = run(monkeypatch, fake)
    assert result.status.value == "FAILED"
    assert (fake.payments, fake.closed) == ([], [])
