"""The cost of each way of a view, for 1.01 views a second, computed by hand."""

import pytest

from ops.cost.prices import load_prices
from ops.cost.view_paths import PATHS, ViewPath, monthly
from tests.unit.ops.cost.small_gallery import STACK, figures, small_gallery

MILLIONS = 1.01 * 2_628_000 / 1e6  # views in a month
LAMBDA = 0.20 + (0.005 * 1769 / 512 + 0.011) * 0.5 * 13.3334  # requests and duration
LOGS = 1400 / 1e3 * 0.50
TRACES = 0.05 * 5
CDN = 1.0
READS = 0.5 * 0.125  # the photo
COUNTS = 0.5 * 0.125
KINESIS = 0.014
BY_HAND = {
    "REST API, Lambda (the default)": CDN
    + 3.50
    + LAMBDA
    + LOGS
    + TRACES
    + READS
    + COUNTS
    + KINESIS,
    "REST API, Kinesis without Lambda": CDN + 3.50 + READS + KINESIS,
    "HTTP API, Lambda": CDN + 1.00 + LAMBDA + LOGS + TRACES + READS + COUNTS + KINESIS,
    "HTTP API, Kinesis without Lambda": CDN + 1.00 + READS + KINESIS,
    "function URL behind CloudFront (`ViewsApi=function-url`)": CDN
    + LAMBDA
    + LOGS
    + READS
    + COUNTS
    + KINESIS,
    "REST API, Lambda, 5 views in a request": (CDN + 3.50 + LAMBDA + LOGS + TRACES) / 5
    + READS
    + COUNTS
    + KINESIS,
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_cost_of_each_way_equals_the_sum_by_hand(path: ViewPath):
    found = monthly(path, small_gallery(), STACK, figures(), load_prices())
    assert found == pytest.approx(BY_HAND[path.name] * MILLIONS, rel=2e-3)
