"""The contents of a batch: size, window, payload, groups, and the shape of the event."""

import json

import pytest

from localcloud.event_sources.records import event, event_size
from localcloud.event_sources.shards import PAYLOAD_LIMIT
from localcloud.event_sources.tasks import BatchInvocation, Deliver
from tests.support.event_source_bench import (
    START,
    Bench,
    data_of,
    kinesis_mapping,
    step,
    table_mapping,
    throttled,
)


def test_batch_has_at_most_its_size():
    bench = Bench(batch_size=4)
    bench.put(*"abcdefghij")
    bench.run()
    assert bench.batches == [list("abcd"), list("efgh"), list("ij")]


def test_batch_without_a_window_is_sent_with_the_first_record():
    bench = Bench(batch_size=100)
    bench.put("a")
    bench.run()
    assert bench.batches == [["a"]]


def test_window_gathers_records_until_it_is_over():
    bench = Bench(batch_size=100, window_seconds=5)
    bench.run()
    bench.put("a")
    bench.run_for(2)
    bench.put("b")
    bench.run_for(2.9)
    assert bench.batches == []
    bench.run_for(0.1)
    assert bench.batches == [["a", "b"]]


def test_next_window_begins_when_the_invocation_before_is_over():
    bench = Bench(batch_size=100, window_seconds=5)
    bench.put("a")
    bench.run_for(5)
    bench.put("b")
    bench.run_for(4.9)
    assert bench.batches == [["a"]]
    bench.run_for(0.1)
    assert bench.batches == [["a"], ["b"]]


def test_full_batch_does_not_wait_for_its_window():
    bench = Bench(batch_size=2, window_seconds=300)
    bench.put("a", "b")
    bench.run()
    assert bench.batches == [["a", "b"]]


def test_blocked_shard_is_not_read_far_ahead():
    bench = Bench(throttled, batch_size=10, parallelization_factor=2)
    bench.put(*[f"r{n}" for n in range(200)])
    bench.run_for(10)
    assert bench.stream.read_records == 2 * 10 * 2


def test_payload_of_6_mb_does_not_wait_for_its_window_and_is_never_exceeded():
    bench = Bench(batch_size=10_000, window_seconds=300)
    for place in range(20):
        bench.put("x" * 700_000, key=f"{place}")
    bench.run()
    sizes = [len(json.dumps(each, separators=(",", ":"))) for each in bench.events]
    assert sizes, "the window would have held them back"
    assert all(PAYLOAD_LIMIT - 1_000_000 < size <= PAYLOAD_LIMIT for size in sizes)


def test_event_size_is_that_of_its_json():
    bench = Bench()
    for text in ("a", "ü", "b" * 100):
        bench.put(text, key=text)
    records = bench.stream.all["shardId-000000000000"].records
    for count in range(1, 4):
        assert event_size(records[:count]) == len(event(records[:count]).encode())


def lanes_at_work(bench: Bench) -> dict[int, BatchInvocation]:
    step(bench.engine, bench.engine.ready()[0])
    step(bench.engine, bench.engine.ready()[1])
    tasks = {
        unit.group: bench.engine.begin(unit)
        for unit in bench.engine.ready()
        if isinstance(unit, Deliver)
    }
    assert all(isinstance(task, BatchInvocation) for task in tasks.values())
    return tasks  # type: ignore[return-value] - asserted above


def test_parallelization_factor_batches_of_a_shard_are_in_flight_at_once():
    bench = Bench(parallelization_factor=10)
    bench.put(*[f"r{n}" for n in range(100)])
    assert len(lanes_at_work(bench)) == 10


def test_one_batch_at_a_time_without_parallelization():
    bench = Bench(batch_size=1)
    bench.put("a", "b")
    assert len(lanes_at_work(bench)) == 1
    assert not [unit for unit in bench.engine.ready() if isinstance(unit, Deliver)]


def test_records_of_a_key_share_a_key_group_and_keep_their_order():
    bench = Bench(parallelization_factor=10, batch_size=3)
    for place in range(100):
        bench.put(f"{place}", key=f"key {place % 7}")
    groups: dict[str, set[int]] = {}
    for group, task in lanes_at_work(bench).items():
        for record in json.loads(task.event)["Records"]:
            groups.setdefault(record["kinesis"]["partitionKey"], set()).add(group)
        bench.engine.finish(task, bench.engine.perform(task))
    assert all(len(each) == 1 for each in groups.values())
    assert len(set.union(*groups.values())) > 1
    bench.run()
    for key in range(7):
        seen = [
            int(data)
            for sent in bench.events
            for data, record in zip(data_of(sent), sent["Records"], strict=True)
            if record["kinesis"]["partitionKey"] == f"key {key}"
        ]
        assert seen == list(range(key, 100, 7))


def test_items_of_a_table_share_a_key_group_by_their_key():
    bench = Bench(mapping=table_mapping(parallelization_factor=10))
    for place in range(40):
        bench.stream.change({"id": {"S": f"item {place % 4}"}}, new={"n": {"N": str(place)}})
    groups: dict[str, set[int]] = {}
    for group, task in lanes_at_work(bench).items():
        for record in json.loads(task.event)["Records"]:
            groups.setdefault(record["dynamodb"]["Keys"]["id"]["S"], set()).add(group)
    assert all(len(each) == 1 for each in groups.values())


def test_checkpoint_waits_for_the_slowest_key_group_and_a_restart_repeats_what_others_did():
    bench = Bench(parallelization_factor=10)
    bench.put(*[f"r{n}" for n in range(20)])
    [slow, *others] = lanes_at_work(bench).values()
    first = json.loads(slow.event)["Records"][0]["kinesis"]["sequenceNumber"]
    for task in others:
        bench.engine.finish(task, bench.engine.perform(task))
    after = bench.engine.checkpoints()["shards"]["shardId-000000000000"]["after"]
    assert after is None or int(after) < int(first)
    done = {each for batch in bench.batches for each in batch}
    bench.restart()
    bench.events.clear()
    bench.run()
    again = {each for batch in bench.batches for each in batch}
    assert again >= set(data_of(json.loads(slow.event)))
    assert again & done, "the checkpoint is one sequence number a shard"


@pytest.mark.parametrize("factor", [0, 11])
def test_parallelization_factor_is_1_to_10(factor: int):
    with pytest.raises(ValueError, match="1 to 10"):
        kinesis_mapping(parallelization_factor=factor)


def test_kinesis_event_has_the_shape_of_lambdas():
    bench = Bench()
    bench.stream.put("k", b"Hello, this is a test.", arrived=1545084650.9871)
    bench.run()
    [sent] = bench.events
    number = bench.stream.all["shardId-000000000000"].records[0].sequence_number
    assert sent == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "k",
                    "sequenceNumber": number,
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::000000000000:role/counter",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/views",
            }
        ]
    }


def test_table_event_has_the_shape_of_lambdas():
    bench = Bench(mapping=table_mapping())
    image = {"id": {"S": "1"}, "data": {"B": b"\x00\x01"}, "set": {"BS": [b"\x02"]}}
    bench.stream.change({"id": {"S": "1"}}, new=image, old={"id": {"S": "1"}})
    bench.run()
    [record] = bench.events[0]["Records"]
    change = record.pop("dynamodb")
    assert isinstance(change["ApproximateCreationDateTime"], float)  # 1800000000.0
    assert record == {
        "eventID": change["SequenceNumber"],
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": table_mapping().source_arn,
    }
    assert change == {
        "ApproximateCreationDateTime": START,
        "Keys": {"id": {"S": "1"}},
        "NewImage": {"id": {"S": "1"}, "data": {"B": "AAE="}, "set": {"BS": ["Ag=="]}},
        "OldImage": {"id": {"S": "1"}},
        "SequenceNumber": change["SequenceNumber"],
        "SizeBytes": 100,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
