"""The simulated shard: views are counted in batches, within what the settings allow."""

import dataclasses
from collections.abc import Sequence

import pytest

from bench.lag_simulation import BUSY_POLL_SECONDS, IDLE_POLL_SECONDS, Views, lags
from localcloud.event_sources.mappings import EventSourceMapping

MAPPING = EventSourceMapping(
    uuid="simulated",
    source_arn="arn:aws:kinesis:eu-central-1:123456789012:stream/views",
    function_arn="arn:aws:lambda:eu-central-1:123456789012:function:view_counter",
    role_arn="arn:aws:iam::123456789012:role/view_counter",
    batch_size=100,
    window_seconds=1,
    reports_item_failures=True,
)
WAITING = Views([0.0] * 1_000, [f"photo {number % 50}" for number in range(1_000)])


def one_second(_: Sequence[str]) -> float:
    return 1.0


def test_single_views_wait_for_a_poll_and_the_window():
    views = Views([float(10 * number) for number in range(20)], ["a photo"] * 20)
    found = list(lags(MAPPING, views, lambda _: 0.0, 300))
    assert len(found) == 20
    assert max(found) <= IDLE_POLL_SECONDS + MAPPING.window_seconds + 0.001


def test_a_backlog_is_counted_batch_by_batch():
    found = list(lags(MAPPING, WAITING, one_second, 300))
    assert len(found) == 1_000
    assert max(found) == pytest.approx(10.0, abs=BUSY_POLL_SECONDS)


def test_batches_at_once_share_a_backlog():
    at_once = dataclasses.replace(MAPPING, parallelization_factor=10)
    whole, shared = (max(lags(mapping, WAITING, one_second, 300)) for mapping in (MAPPING, at_once))
    assert shared < whole / 2


def test_the_views_of_one_photo_are_counted_one_batch_after_the_other():
    at_once = dataclasses.replace(MAPPING, parallelization_factor=10)
    views = Views(WAITING.arrived, ["the hottest"] * 1_000)
    assert max(lags(at_once, views, one_second, 300)) >= 10.0


def test_a_function_that_is_too_slow_counts_only_some_views_in_time():
    found = list(lags(MAPPING, WAITING, one_second, 5))
    assert 0 < len(found) <= 500
