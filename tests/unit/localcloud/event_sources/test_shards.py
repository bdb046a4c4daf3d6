"""Which records are read when: shards and their children, starting positions, checkpoints."""

import pytest

from localcloud.event_sources.tasks import Read
from tests.support.event_source_bench import START, Bench, table_mapping, throttled, unhandled


def test_every_shard_is_read_and_a_batch_has_records_of_one_shard():
    bench = Bench(shards=3)
    bench.put(*[f"r{n}" for n in range(30)])
    bench.run()
    assert len(bench.batches) == 3
    assert sorted(each for batch in bench.batches for each in batch) == sorted(
        f"r{n}" for n in range(30)
    )


def test_failing_shard_delays_no_other():
    bench = Bench(
        lambda records: unhandled(records) if "000000000000:" in records[0]["eventID"] else None,
        shards=2,
    )
    bench.put(*[f"r{n}" for n in range(20)])
    bench.run_for(60)
    after = {name: saved["after"] for name, saved in bench.engine.checkpoints()["shards"].items()}
    assert after["shardId-000000000000"] is None
    assert after["shardId-000000000001"] is not None
    assert bench.engine.counters.processed == len(bench.stream.all["shardId-000000000001"].records)


def test_child_shards_wait_until_their_parent_is_processed_and_not_only_read():
    bench = Bench(throttled)
    bench.put("before", key="k")
    bench.run()
    children = bench.stream.split("shardId-000000000000")
    bench.put("after", key="k")
    bench.run_for(30)
    assert set(map(tuple, bench.batches)) == {("before",)}
    assert not any(Read(child) in bench.engine.ready() for child in children)
    bench.function = lambda _: None
    bench.run_for(30)
    assert bench.batches[-2:] == [["before"], ["after"]]


def test_merged_shard_waits_for_both_parents():
    bench = Bench(throttled, shards=2)
    low, high = bench.stream.all
    for key in "abcdefgh":
        bench.put(f"before {key}", key=key)
    merged = bench.stream.merge(low, high)
    bench.put("after", key="a")
    bench.run()
    bench.function = lambda records: throttled(records) if high in records[0]["eventID"] else None
    bench.run_for(10)
    assert Read(merged) not in bench.engine.ready()
    bench.function = lambda _: None
    bench.run_for(10)
    assert bench.batches[-1] == ["after"]


def test_parents_that_the_stream_no_longer_has_are_not_awaited():
    bench = Bench()
    bench.put("lost", key="k")
    bench.stream.split("shardId-000000000000")
    bench.put("after", key="k")
    bench.stream.remove_shard("shardId-000000000000")
    bench.run()
    assert bench.batches == [["after"]]


def test_shard_that_disappears_while_its_records_are_processed_is_finished_first():
    bench = Bench(throttled)
    bench.put("before", key="k")
    bench.run()
    bench.stream.split("shardId-000000000000")
    bench.put("after", key="k")
    bench.stream.remove_shard("shardId-000000000000")
    bench.run()
    bench.function = lambda _: None
    bench.run_for(5)
    assert bench.batches[-2:] == [["before"], ["after"]]
    assert "shardId-000000000000" not in bench.engine.checkpoints()["shards"]


def test_trim_horizon_begins_with_the_oldest_record():
    bench = Bench(starting_position="TRIM_HORIZON")
    bench.put("old")
    bench.run()
    assert bench.batches == [["old"]]


def test_latest_begins_with_records_after_the_first_read():
    bench = Bench(starting_position="LATEST", shards=2)
    bench.put("old", "older", "oldest")
    bench.run()
    bench.put("new")
    bench.run()
    assert bench.batches == [["new"]]


def test_latest_is_decided_once_and_survives_a_restart():
    bench = Bench(starting_position="LATEST")
    bench.put("old")
    bench.run()
    bench.put("while away")
    bench.restart()
    bench.run()
    assert bench.batches == [["while away"]]


def test_shards_that_come_later_are_read_from_their_beginning_with_latest_too():
    bench = Bench(starting_position="LATEST")
    bench.run()
    bench.stream.split("shardId-000000000000")
    bench.put("first of the child")
    bench.run()
    assert bench.batches == [["first of the child"]]


def test_at_timestamp_skips_records_that_arrived_before():
    bench = Bench(starting_position="AT_TIMESTAMP", starting_timestamp=START - 10)
    bench.stream.put("a", b'"before"', arrived=START - 10.001)
    bench.stream.put("b", b'"at it"', arrived=START - 10)
    bench.stream.put("c", b'"after"', arrived=START - 9)
    bench.run()
    assert bench.batches == [["at it", "after"]]


def test_at_timestamp_is_refused_for_a_table():
    with pytest.raises(ValueError, match="AT_TIMESTAMP"):
        table_mapping(starting_position="AT_TIMESTAMP", starting_timestamp=START)


def test_checkpoint_stops_at_the_first_record_that_is_not_processed():
    bench = Bench(throttled, batch_size=1)
    [first, second, _] = bench.put("a", "b", "c", key="k")
    bench.run()
    assert bench.engine.checkpoints()["shards"]["shardId-000000000000"]["after"] is None
    answers = iter([None, None])
    bench.function = lambda records: (
        next(answers, None)
        or (throttled(records) if records[0]["kinesis"]["sequenceNumber"] > second else None)
    )
    bench.run_for(5)
    assert bench.engine.checkpoints()["shards"]["shardId-000000000000"]["after"] == second
    assert first < second


def test_restarted_engine_delivers_again_what_was_not_checkpointed_and_nothing_else():
    bench = Bench(batch_size=2)
    bench.put("a", "b")
    bench.run()
    bench.put("c", "d")
    bench.function = unhandled
    bench.run()
    bench.function = lambda _: None
    bench.restart()
    bench.run()
    assert bench.batches == [["a", "b"], ["c", "d"], ["c", "d"]]


def test_stream_that_cannot_be_read_is_reported_and_tried_again():
    bench = Bench()
    bench.put("a")
    bench.run()
    bench.put("b")
    bench.stream.failing = "ProvisionedThroughputExceededException"
    bench.run()
    assert "ProvisionedThroughputExceededException" in bench.reports[-1]
    assert bench.engine.drained_since() is None
    bench.stream.failing = None
    bench.run()
    assert bench.batches == [["a"]], "not before the pause is over"
    bench.run_for(2)
    assert bench.batches == [["a"], ["b"]]


def test_drained_since_is_when_the_read_began_that_found_nothing():
    bench = Bench()
    bench.put("a")
    assert bench.engine.drained_since() is None
    bench.now += 5
    bench.run()
    assert bench.engine.drained_since() == START + 5
    bench.put("b")
    bench.function = throttled
    bench.run()
    assert bench.engine.drained_since() is None
