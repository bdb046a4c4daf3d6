"""The changes of an existing views stream that `make preflight` accepts and blocks."""

from typing import Any

import pytest

from ops.preflight.findings import CheckResult, Finding
from ops.preflight.stream import check_stream
from ops.preflight.target import DeployedTarget
from ops.stacks import find_stack, read_stage
from tests.integration.ops.recorded_account import RecordedAccount

PROD = read_stage("prod")


def stream(shards: int, mode: str = "PROVISIONED") -> dict[str, Any]:
    return {
        "StreamName": "lambda-gallery-ViewsStream-1",
        "StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/lambda-gallery-ViewsStream-1",
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": mode},
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": "2026-10-01T08:00:00Z",
        "EnhancedMonitoring": [],
        "OpenShardCount": shards,
    }


def found(shards: int, mode: str = "PROVISIONED", **given: str) -> Finding:
    """For a stack that was deployed with ViewsShardCount=2."""
    recorded = RecordedAccount("complete")
    answer = {"StreamDescriptionSummary": stream(shards, mode)}
    recorded.replace("kinesis.DescribeStreamSummary", answer=answer)
    account = recorded.account
    target = DeployedTarget(account, PROD, PROD.stack, given, find_stack(account, PROD.stack))
    [finding] = check_stream(target)
    return finding


def test_too_large_change_is_blocked_with_the_possible_steps():
    finding = found(2, ViewsShardCount="16")
    assert finding.result is CheckResult.BLOCKED
    assert "ViewsShardCount=4 first, then 8, then 16" in finding.sentence


@pytest.mark.parametrize("wanted", ["1", "2", "3", "4"])
def test_changes_up_to_half_and_double_are_accepted(wanted: str):
    assert found(2, ViewsShardCount=wanted).result is CheckResult.READY


def test_step_starts_at_the_shards_that_are_open_and_not_at_the_last_parameter():
    assert found(8, ViewsShardCount="4").result is CheckResult.READY
    assert "ViewsShardCount=4 first, then 3" in found(8, ViewsShardCount="3").sentence


def test_stream_resharded_by_hand_is_a_warning_since_cloudformation_sees_no_change():
    finding = found(8)
    assert finding.result is CheckResult.WARNING
    assert "Pass ViewsShardCount=8" in finding.sentence


def test_more_shards_than_the_account_has_are_refused():
    finding = found(600, ViewsShardCount="1200")
    assert finding.result is CheckResult.BLOCKED
    assert "498 of the account's 500 are free" in finding.sentence


def test_change_to_on_demand_is_possible_twice_a_day():
    finding = found(2, ViewsStreamMode="ON_DEMAND")
    assert finding.result is CheckResult.WARNING
    assert "two changes of the mode in 24 hours" in finding.sentence
    assert found(4, "ON_DEMAND", ViewsStreamMode="ON_DEMAND").result is CheckResult.READY


@pytest.mark.parametrize(
    ("shards", "wanted", "result"),
    [(4, "4", CheckResult.WARNING), (4, "2", CheckResult.WARNING), (4, "1", CheckResult.BLOCKED)],
)
def test_change_to_provisioned_keeps_the_shards_that_are_there(
    shards: int, wanted: str, result: CheckResult
):
    finding = found(shards, "ON_DEMAND", ViewsStreamMode="PROVISIONED", ViewsShardCount=wanted)
    assert finding.result is result
    assert (f"ViewsShardCount={shards}" in finding.sentence) is (wanted != "4")
