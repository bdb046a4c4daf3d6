from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.event_sources.engine import Counters
from localcloud.logs import Deliveries, follow

SOURCE = "arn:aws:kinesis:us-east-1:000000000000:stream/views"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:view_counter"


@pytest.mark.parametrize(
    ("counters", "line"),
    [
        (
            Counters(processed=1, invocations=1, retries=1, discarded=1),
            "1 record, 1 invocation, 1 retry, 1 discarded",
        ),
        (
            Counters(processed=2000, invocations=3),
            "2,000 records, 3 invocations, 0 retries, 0 discarded",
        ),
    ],
)
def test_deliveries_are_counted_in_singular_and_plural(counters: Counters, line: str):
    event_sources: Any = SimpleNamespace(counters=lambda: {(SOURCE, ARN): counters})
    deliveries = Deliveries(event_sources, {"view_counter": "ViewCounterFunction"})
    assert deliveries.news() == [f"event source → ViewCounterFunction {line}"]
    assert deliveries.news() == []


class Logs:
    """CloudWatch Logs with one event in each stream: the stream's name."""

    STREAMS = (
        ("shared", "2026/11/30/orders-Scan-1[$LATEST]0a"),
        ("shared", "2026/11/30/orders-Label-1[7]0b"),
        ("shared", "2026/11/30/of-another-stack[$LATEST]0c"),
        ("/aws/lambda/orders-Own-1", "2026/11/30/[$LATEST]0d"),
    )

    def client(self, _: str) -> "Logs":
        return self

    def get_paginator(self, _: str) -> "Logs":
        return self

    def paginate(self, *, logGroupName: str) -> list[Any]:  # noqa: N803 - boto3's name
        streams = [stream for group, stream in self.STREAMS if group == logGroupName]
        return [{"logStreams": [{"logStreamName": each} for each in streams]}]

    def get_log_events(self, *, logStreamName: str, **_: object) -> dict[str, Any]:  # noqa: N803
        event = {"timestamp": 1, "message": logStreamName}
        return {"events": [event], "nextForwardToken": "f/1"}


def test_functions_that_share_a_log_group_are_told_apart():
    functions = {"orders-Scan-1": "Scan", "orders-Label-1": "Label"}
    groups = {"shared": functions, "/aws/lambda/orders-Own-1": {"orders-Own-1": "Own"}}
    laptop: Any = Logs()
    assert [function for function, _ in next(follow(laptop, lambda: groups))] == [
        "Scan",
        "Label",
        "Own",
    ]
    one = {"shared": {"orders-Label-1": "Label"}}
    assert [function for function, _ in next(follow(laptop, lambda: one))] == ["Label"]
