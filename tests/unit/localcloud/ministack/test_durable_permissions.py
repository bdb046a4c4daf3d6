"""Which action of IAM a call about a durable execution needs, and on which resource."""

from urllib.parse import quote

import pytest

from localcloud.ministack.durable_permissions import action_and_execution

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/name/id"


@pytest.mark.parametrize("written", [ARN, quote(ARN, safe="")])
@pytest.mark.parametrize(
    ("call", "action"),
    [
        ("", "GetDurableExecution"),
        ("/checkpoint", "CheckpointDurableExecution"),
        ("/history", "GetDurableExecutionHistory"),
        ("/state", "GetDurableExecutionState"),
        ("/stop", "StopDurableExecution"),
    ],
)
def test_call_about_an_execution_has_an_action_and_a_resource(written: str, call: str, action: str):
    path = f"/2025-12-01/durable-executions/{written}{call}"
    assert action_and_execution(path) == (action, ARN)


@pytest.mark.parametrize(
    "path", ["/2015-03-31/functions/f/invocations", "/2025-12-01/functions/f/durable-executions"]
)
def test_other_calls_are_left_to_ministack(path: str):
    assert action_and_execution(path) == (None, None)
