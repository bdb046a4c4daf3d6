from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.event_sources.engine import Counters
from localcloud.logs import Deliveries

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
