"""What happens to a batch that fails: partial answers, retries, bisecting, age, throttling."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.event_sources.answers import Answer
from tests.support.event_source_bench import (
    START,
    Bench,
    data_of,
    failing_on,
    failures,
    reporting,
    sequence_numbers,
    step,
    throttled,
    unhandled,
)


def test_any_answer_but_an_error_is_success_without_reporting():
    bench = Bench(lambda _: failures("whatever"), batch_size=2)
    bench.put("a", "b", "c")
    bench.run()
    assert bench.batches == [["a", "b"], ["c"]]


def test_lowest_reported_record_is_the_checkpoint_and_all_later_ones_are_delivered_again():
    bench = Bench(reports_item_failures=True)
    numbers = bench.put(*"abcdef")
    bench.function = lambda _: failures(numbers[4], numbers[2], numbers[5])
    bench.run()
    after = bench.engine.checkpoints()["shards"]["shardId-000000000000"]["after"]
    assert after == numbers[1]
    bench.function = lambda _: failures()
    bench.put("g")
    bench.run_for(2)
    assert bench.batches == [list("abcdef"), list("cdef"), ["g"]]


@pytest.mark.parametrize(
    "answer",
    [None, "", [], {}, {"batchItemFailures": None}, {"batchItemFailures": []}, {"other": 1}],
)
def test_empty_or_missing_report_is_success(answer: Any):
    bench = Bench(lambda _: answer, reports_item_failures=True)
    bench.put("a", "b")
    bench.run_for(10)
    assert bench.batches == [["a", "b"]]
    assert bench.engine.counters.processed == 2


@pytest.mark.parametrize(
    "answer",
    [
        failures(""),
        failures(None),
        failures("12345"),
        failures(7),
        {"batchItemFailures": [{"itemIdentifer": "1"}]},
        {"batchItemFailures": ["1"]},
        {"batchItemFailures": "1"},
        ["1"],
        "fine",
        True,
    ],
)
def test_report_that_cannot_be_read_fails_the_batch_as_a_whole(answer: Any):
    bench = Bench(lambda _: answer, reports_item_failures=True, maximum_retries=1)
    bench.put("a", "b")
    bench.run_for(10)
    assert bench.batches == [["a", "b"]] * 2
    assert bench.discarded == [["a", "b"]]


def test_one_unknown_record_among_good_ones_fails_the_batch_as_a_whole():
    bench = Bench(reports_item_failures=True, maximum_retries=0)
    numbers = bench.put("a", "b")
    bench.function = lambda _: failures(numbers[1], "")
    bench.run_for(10)
    assert bench.discarded == [["a", "b"]]


def test_failed_batch_is_delivered_again_unchanged_and_blocks_its_shard():
    bench = Bench(unhandled, batch_size=2)
    bench.put("a", "b", "c")
    bench.run_for(10)
    assert len(bench.batches) > 5
    assert set(map(tuple, bench.batches)) == {("a", "b")}


def test_retries_are_unlimited_by_default():
    bench = Bench(unhandled)
    bench.put("a")
    bench.run_for(400)
    assert len(bench.batches) > 200
    assert not bench.kept


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_batch_is_discarded_after_its_retries_and_the_shard_continues(retries: int):
    bench = Bench(failing_on("a"), batch_size=2, maximum_retries=retries)
    bench.put("a", "b", "c")
    bench.run_for(60)
    assert bench.batches == [["a", "b"]] * (1 + retries) + [["c"]]
    assert bench.discarded == [["a", "b"]]
    assert bench.kept[0].condition == "RetryAttemptsExhausted"
    assert bench.kept[0].invocations == 1 + retries


@pytest.mark.parametrize("bisects", [False, True])
def test_rest_after_a_new_checkpoint_has_all_its_retries(bisects: bool):
    bench = Bench(
        reporting("b", "c"), reports_item_failures=True, maximum_retries=1, bisects=bisects
    )
    bench.put(*"abc")
    bench.run_for(60)
    assert bench.batches == [list("abc"), list("bc"), list("bc")]
    assert bench.discarded == [list("bc")]
    assert bench.kept[0].invocations == 2


def test_answer_without_a_new_checkpoint_uses_up_a_retry():
    bench = Bench(reports_item_failures=True, maximum_retries=2)
    first, second = bench.put("a", "b")
    answers = iter([failures("unknown"), failures(first)])
    bench.function = lambda _: next(answers, failures(second))
    bench.run_for(60)
    assert bench.batches == [["a", "b"]] * 3 + [["b"]] * 3
    assert bench.discarded == [["b"]]


@settings(max_examples=100, deadline=None)
@given(
    records=st.integers(1, 6),
    retries=st.integers(0, 3),
    answers=st.lists(st.sampled_from(["raises", "unknown", *range(6)]), max_size=30),
)
def test_deliveries_of_a_batch_never_exceed_its_records_times_its_attempts(
    records: int, retries: int, answers: list[str | int]
):
    bench = Bench(reports_item_failures=True, maximum_retries=retries, batch_size=records)
    bench.put(*[f"{place}" for place in range(records)], key="one key")

    def fail(batch: list[Any]) -> Any:
        answer = answers[len(bench.batches) % len(answers)] if answers else "raises"
        if answer == "raises":
            return unhandled(batch)
        if answer == "unknown":
            return failures("unknown")
        return failures(sequence_numbers(batch)[int(answer) % len(batch)])

    bench.function = fail
    bench.run_for(records * (retries + 1) + 1)
    assert len(bench.batches) <= records * (retries + 1)
    assert bench.discarded
    assert bench.engine.drained_since() is not None


def test_bisecting_halves_a_batch_after_an_exception():
    bench = Bench(failing_on("c"), bisects=True, maximum_retries=0)
    bench.put(*"abcd")
    bench.run_for(60)
    assert bench.batches == [list("abcd"), list("ab"), list("cd"), ["c"], ["d"]]
    assert bench.discarded == [["c"]]


def test_splitting_uses_up_no_retry():
    bench = Bench(failing_on("h"), bisects=True, maximum_retries=2)
    bench.put(*"abcdefgh")
    bench.run_for(60)
    assert bench.batches.count(["h"]) == 3
    assert bench.discarded == [["h"]]
    assert bench.engine.counters.retries == 2
    assert bench.engine.counters.splits == 3


def test_halves_are_in_order_and_the_second_waits_for_the_first():
    bench = Bench(unhandled, bisects=True)
    bench.put("a", "b", key="k")
    bench.run_for(30)
    assert bench.batches[0] == ["a", "b"]
    assert set(map(tuple, bench.batches[1:])) == {("a",)}


def test_bisecting_splits_at_the_checkpoint_of_a_partial_answer():
    bench = Bench(reporting("c"), reports_item_failures=True, bisects=True, maximum_retries=0)
    bench.put(*"abcdef")
    bench.run_for(60)
    assert bench.batches == [list("abcdef"), list("cdef")]


def test_record_that_always_fails_is_discarded_with_the_later_records_of_its_batch():
    bench = Bench(reporting("c"), reports_item_failures=True, bisects=True, maximum_retries=2)
    bench.put(*"abcdef")
    bench.run_for(60)
    assert bench.batches == [list("abcdef")] + [list("cdef")] * 3
    assert bench.discarded == [list("cdef")]
    assert bench.engine.counters.retries == 2


def test_exception_bisects_with_reporting_too():
    bench = Bench(failing_on("a"), reports_item_failures=True, bisects=True, maximum_retries=0)
    bench.put(*"ab")
    bench.run_for(60)
    assert bench.batches == [["a", "b"], ["a"], ["b"]]


def test_throttling_uses_up_no_retry():
    bench = Bench(throttled, maximum_retries=0)
    bench.put("a")
    bench.run_for(100)
    assert len(bench.batches) > 50
    assert not bench.kept
    assert bench.engine.counters.invocations == 0
    bench.function = lambda _: None
    bench.run_for(2)
    assert bench.engine.counters.processed == 1


def test_throttled_batch_is_not_bisected():
    bench = Bench(throttled, bisects=True)
    bench.put("a", "b")
    bench.run_for(5)
    assert set(map(tuple, bench.batches)) == {("a", "b")}


def test_throttling_is_bounded_by_age():
    bench = Bench(throttled, maximum_age_seconds=60)
    bench.put("a")
    bench.run_for(100)
    assert 50 < len(bench.batches) < 65
    assert bench.discarded == [["a"]]
    assert bench.kept[0].condition == "RecordAgeExceeded"


def test_records_are_never_too_old_by_default():
    bench = Bench()
    bench.stream.put("a", b'"a"', arrived=0)
    bench.run()
    assert bench.batches == [["a"]]


def test_old_record_is_discarded_without_an_invocation():
    bench = Bench(maximum_age_seconds=60)
    bench.stream.put("a", b'"old"', arrived=START - 61)
    bench.stream.put("b", b'"as old as allowed"', arrived=START - 60)
    bench.run()
    assert bench.batches == [["as old as allowed"]]
    assert bench.discarded == [["old"]]
    assert (bench.kept[0].condition, bench.kept[0].invocations) == ("RecordAgeExceeded", 0)


def test_age_is_checked_between_attempts():
    bench = Bench(unhandled, maximum_age_seconds=60, batch_size=10)
    bench.put("a")
    bench.now += 30
    bench.put("b")
    bench.run_for(45)
    assert bench.discarded == [["a"]]
    assert bench.batches[0] == ["a", "b"]
    assert bench.batches[-1] == ["b"]
    bench.run_for(30)
    assert bench.discarded == [["a"], ["b"]]
    assert all(each.condition == "RecordAgeExceeded" for each in bench.kept)


def test_retries_stop_an_old_batch_before_its_age_does():
    bench = Bench(unhandled, maximum_age_seconds=60, maximum_retries=1)
    bench.put("a")
    bench.run_for(10)
    assert bench.kept[0].condition == "RetryAttemptsExhausted"


def test_error_of_the_runtime_counts_as_a_failure():
    bench = Bench(lambda _: Answer({"errorMessage": "timed out"}, "Unhandled"), maximum_retries=0)
    bench.put("a")
    bench.run()
    assert bench.discarded == [["a"]]


def test_destination_that_cannot_be_written_blocks_the_shard_and_loses_nothing():
    bench = Bench(failing_on("a"), batch_size=1, maximum_retries=0)
    bench.put("a", "b")
    bench.destination_error = "AccessDenied"
    bench.run_for(10)
    assert bench.batches == [["a"]]
    assert bench.engine.checkpoints()["shards"]["shardId-000000000000"]["after"] is None
    assert "AccessDenied" in bench.reports[-1]
    bench.destination_error = None
    bench.run_for(2)
    assert bench.discarded == [["a"]]
    assert bench.batches == [["a"], ["b"]]


def test_crash_between_discard_and_checkpoint_delivers_again():
    bench = Bench(failing_on("a"), maximum_retries=0)
    bench.put("a")
    before = bench.engine.checkpoints()
    bench.run()
    assert bench.discarded == [["a"]]
    bench.engine = bench._engine(before)
    bench.run()
    assert bench.discarded == [["a"], ["a"]]


def test_discarded_records_without_a_destination_are_lost():
    bench = Bench(failing_on("a"), maximum_retries=0, batch_size=1)
    bench.engine._destination = None
    bench.put("a", "b")
    bench.run_for(2)
    assert bench.engine.counters.discarded == 1
    assert bench.batches == [["a"], ["b"]]


def test_other_key_groups_continue_while_one_is_blocked():
    stuck = "r0"
    bench = Bench(failing_on(stuck), parallelization_factor=10)
    bench.put(*[f"r{n}" for n in range(50)])
    bench.run_for(10)
    [group] = {tuple(batch) for batch in bench.batches if stuck in batch}
    others = [each for batch in bench.batches if stuck not in batch for each in batch]
    assert sorted([*group, *others]) == sorted(f"r{n}" for n in range(50))


def test_answers_may_come_in_any_order_and_keep_each_key_group_in_order():
    bench = Bench(parallelization_factor=5, batch_size=2)
    for place in range(30):
        bench.put(f"{place}", key=f"key {place % 6}")
    step(bench.engine, bench.engine.ready()[0])
    step(bench.engine, bench.engine.ready()[1])
    tasks = [bench.engine.begin(unit) for unit in bench.engine.ready()[1:]]
    results = [(task, bench.engine.perform(task)) for task in tasks]
    for task, result in reversed(results):
        bench.engine.finish(task, result)
    bench.run()
    for key in range(6):
        seen = [int(d) for e in bench.events for d in data_of(e) if int(d) % 6 == key]
        assert seen == list(range(key, 30, 6))


def test_unit_that_is_not_ready_is_refused():
    bench = Bench()
    bench.put("a")
    [unit, *_] = bench.engine.ready()
    bench.engine.begin(unit)
    with pytest.raises(ValueError, match="not ready"):
        bench.engine.begin(unit)
