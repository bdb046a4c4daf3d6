"""The wall clock of a laptop jumps: at a suspension, and when it is set."""

import pytest

from tests.support.event_source_bench import Bench, failing_on, reporting

HOUR = 3600.0


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_retry_is_due_after_its_pause_also_if_the_wall_clock_has_jumped(jump: float):
    bench = Bench(reporting("a"), reports_item_failures=True)
    bench.put("a")
    bench.run()
    bench.jump += jump
    bench.function = reporting()
    bench.run_for(1)
    assert bench.batches == [["a"], ["a"]]


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_batching_window_ends_in_time_also_if_the_wall_clock_has_jumped(jump: float):
    bench = Bench(window_seconds=5)
    bench.put("a")
    bench.run()
    bench.jump += jump
    bench.run_for(4)
    assert bench.batches == []
    bench.run_for(1)
    assert bench.batches == [["a"]]


def test_record_that_a_suspension_makes_too_old_is_kept_whole():
    bench = Bench(failing_on("a"), maximum_age_seconds=60)
    bench.put("a")
    bench.run()
    bench.jump += HOUR
    bench.run_for(1)
    assert bench.discarded == [["a"]]
    [kept] = bench.kept
    assert kept.condition == "RecordAgeExceeded"


def test_record_put_before_the_clock_was_set_back_is_delivered():
    bench = Bench(maximum_age_seconds=60)
    bench.put("a")
    bench.jump -= HOUR
    bench.put("b")
    bench.run()
    assert sorted(each for batch in bench.batches for each in batch) == ["a", "b"]
    assert not bench.kept
