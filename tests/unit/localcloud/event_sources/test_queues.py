"""Mappings of SQS queues: batches, visibility timeouts, partial answers, groups, concurrency."""

import json
from typing import Any

import pytest

from localcloud.event_sources.tasks import Deliver, Read
from tests.support.event_source_bench import failures, throttled, unhandled
from tests.support.queue_bench import QueueBench, queue_mapping


def reporting(*bodies: str) -> Any:
    """Reports the messages with one of these bodies."""

    def function(records: list[Any]) -> Any:
        return failures(*[each["messageId"] for each in records if each["body"] in bodies])

    return function


def test_message_has_the_shape_of_lambdas():
    bench = QueueBench()
    value = {"DataType": "Binary", "BinaryValue": b"\x00\x01"}
    message_id = bench.queue.send("hello", None, Data=value)
    bench.run()
    [record] = bench.events[0]["Records"]
    assert record == {
        "messageId": message_id,
        "receiptHandle": "receipt-0-1",
        "body": "hello",
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1800000000000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1800000000001",
        },
        "messageAttributes": {
            "Data": {
                "binaryValue": "AAE=",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            }
        },
        "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
        "md5OfMessageAttributes": record["md5OfMessageAttributes"],
        "eventSource": "aws:sqs",
        "eventSourceARN": bench.mapping.source_arn,
        "awsRegion": "us-east-1",
    }
    assert len(record["md5OfMessageAttributes"]) == 32


def test_batch_without_a_window_is_sent_with_the_first_message():
    bench = QueueBench()
    bench.send("a")
    bench.run()
    bench.send("b", "c")
    bench.run()
    assert bench.batches == [["a"], ["b", "c"]]


def test_batch_has_at_most_its_size():
    bench = QueueBench(BatchSize=2)
    bench.send("a", "b", "c")
    bench.run()
    assert bench.batches == [["a", "b"], ["c"]]


def test_window_gathers_messages_from_the_first_one_until_it_is_over():
    bench = QueueBench(MaximumBatchingWindowInSeconds=5)
    bench.run_for(10)
    bench.send("a")
    bench.run_for(3)
    bench.send("b")
    bench.run_for(1)
    assert bench.batches == []
    bench.run_for(1)
    assert bench.batches == [["a", "b"]]


def test_full_batch_does_not_wait_for_its_window():
    bench = QueueBench(BatchSize=25, MaximumBatchingWindowInSeconds=60, visibility_timeout=120)
    bench.send(*[f"{place}" for place in range(30)])
    bench.run()
    assert [len(batch) for batch in bench.batches] == [25]
    bench.run_for(60)
    assert [len(batch) for batch in bench.batches] == [25, 5]


def test_payload_of_6_mb_does_not_wait_for_its_window_and_is_never_exceeded():
    bench = QueueBench(BatchSize=100, MaximumBatchingWindowInSeconds=60)
    bench.send(*["x" * 1_000_000 for _ in range(8)])
    bench.run()
    assert [len(batch) for batch in bench.batches] == [6]
    assert len(json.dumps(bench.events[0])) <= 6 * 1024 * 1024


def test_processed_messages_are_deleted():
    bench = QueueBench(lambda _: "any answer")
    bench.send("a", "b")
    bench.run()
    assert bench.queue.stored == []
    assert bench.engine.counters.processed == 2
    assert bench.engine.drained_since() is not None


def test_messages_of_a_failed_batch_are_delivered_again_after_the_visibility_timeout():
    bench = QueueBench(unhandled, visibility_timeout=30)
    bench.send("a", "b")
    bench.run_for(65)
    assert bench.batches == [["a", "b"]] * 3
    assert bench.seconds == [0, 30, 60]
    counts = [event["Records"][0]["attributes"] for event in bench.events]
    assert [each["ApproximateReceiveCount"] for each in counts] == ["1", "2", "3"]
    assert bench.engine.drained_since() is None
    assert "visibility timeout" in bench.reports[0]


def test_queue_moves_a_message_to_its_dead_letter_queue_after_maximum_receives():
    bench = QueueBench(unhandled, visibility_timeout=5, maximum_receives=2)
    bench.send("a")
    bench.run_for(60)
    assert bench.batches == [["a"]] * 2
    assert bench.queue.dead == ["a"]


def test_only_reported_messages_are_delivered_again():
    bench = QueueBench(
        reporting("b", "d"),
        visibility_timeout=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    bench.send(*"abcd")
    bench.run_for(10)
    assert bench.batches == [list("abcd"), ["b", "d"]]
    assert [each.body for each in bench.queue.stored] == ["b", "d"]


@pytest.mark.parametrize(
    "answer",
    [None, "", [], {}, {"batchItemFailures": None}, {"batchItemFailures": []}, {"other": 1}],
)
def test_empty_or_missing_report_of_messages_is_success(answer: Any):
    bench = QueueBench(lambda _: answer, FunctionResponseTypes=["ReportBatchItemFailures"])
    bench.send("a", "b")
    bench.run()
    assert bench.queue.stored == []


@pytest.mark.parametrize(
    "answer",
    [
        failures(""),
        failures(None),
        failures("unknown"),
        failures("message-0", "unknown"),
        {"batchItemFailures": [{"foo": "message-0"}]},
        {"batchItemFailures": "message-0"},
        "no object",
    ],
)
def test_report_of_messages_that_cannot_be_read_fails_the_whole_batch(answer: Any):
    bench = QueueBench(lambda _: answer, FunctionResponseTypes=["ReportBatchItemFailures"])
    bench.send("a", "b")
    bench.run()
    assert [each.body for each in bench.queue.stored] == ["a", "b"]


def test_report_without_the_setting_is_success():
    bench = QueueBench(reporting("a"))
    bench.send("a")
    bench.run()
    assert bench.queue.stored == []


def test_throttled_batch_is_tried_again_and_its_messages_count_one_receive():
    bench = QueueBench(throttled, visibility_timeout=30)
    bench.send("a")
    bench.run_for(10)
    bench.function = lambda _: None
    bench.run_for(1)
    assert bench.queue.stored == []
    counts = {each["Records"][0]["attributes"]["ApproximateReceiveCount"] for each in bench.events}
    assert counts == {"1"}
    assert bench.engine.counters.not_invoked == len(bench.events) - 1 > 5


def test_throttled_batch_is_left_to_the_queue_when_its_visibility_timeout_is_over():
    bench = QueueBench(throttled, visibility_timeout=5, maximum_receives=2)
    bench.send("a")
    bench.run_for(30)
    counts = [each["Records"][0]["attributes"]["ApproximateReceiveCount"] for each in bench.events]
    assert set(counts) == {"1", "2"}
    assert bench.queue.dead == ["a"]


def start_all(bench: QueueBench) -> list[Any]:
    """Receive and start batches until nothing more can start; no invocation ends."""
    tasks: list[Any] = []
    moved = True
    while moved:
        moved = False
        for unit in bench.engine.ready():
            if isinstance(unit, Read):
                moved |= bench.step(unit)
            elif unit in bench.engine.ready():
                tasks.append(bench.engine.begin(unit))
                moved = True
    return tasks


def test_five_batches_of_a_standard_queue_are_processed_at_once():
    bench = QueueBench(BatchSize=1)
    bench.send(*[f"{place}" for place in range(10)])
    assert len(start_all(bench)) == 5
    assert sum(each.receives for each in bench.queue.stored) == 5


def test_all_units_that_are_ready_can_begin_together():
    scaling = {"MaximumConcurrency": 2}
    bench = QueueBench(MaximumBatchingWindowInSeconds=1, ScalingConfig=scaling)
    for body in ("first", "second"):
        bench.send(body)
        bench.step(Read("invoices"))
        bench.now += 1
        tasks = [bench.engine.begin(unit) for unit in bench.engine.ready()]
        assert [json.loads(task.event)["Records"][0]["body"] for task in tasks] == [body]


def test_maximum_concurrency_limits_the_batches_processed_at_once():
    bench = QueueBench(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    bench.send(*[f"{place}" for place in range(10)])
    tasks = start_all(bench)
    assert len(tasks) == 2
    bench.engine.finish(tasks[0], bench.engine.perform(tasks[0]))
    [deletion, *more] = start_all(bench)
    assert not more
    bench.engine.finish(deletion, bench.engine.perform(deletion))
    assert len(start_all(bench)) == 1


def test_messages_of_a_group_are_processed_in_order_and_groups_at_once():
    bench = QueueBench(fifo=True, BatchSize=1)
    bench.send("a1", "a2", group="a")
    bench.send("b1", group="b")
    assert [json.loads(task.event)["Records"][0]["body"] for task in start_all(bench)] == [
        "a1",
        "b1",
    ]


def test_failed_message_of_a_group_delays_the_later_ones_of_its_group_only():
    bench = QueueBench(
        reporting("a1"),
        fifo=True,
        BatchSize=1,
        visibility_timeout=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    bench.send("a1", "a2", group="a")
    bench.send("b1", "b2", group="b")
    bench.run_for(5)
    assert bench.batches == [["a1"], ["b1"], ["b2"]]
    bench.function = lambda _: None
    bench.run_for(10)
    assert bench.batches == [["a1"], ["b1"], ["b2"], ["a1"], ["a2"]]
    attributes = bench.events[0]["Records"][0]["attributes"]
    assert attributes["MessageGroupId"] == "a"
    assert attributes["MessageDeduplicationId"] == "dedup-0"
    assert attributes["SequenceNumber"] == "00000000000000000000"


def test_messages_that_do_not_match_are_deleted_even_if_the_others_fail():
    pattern = json.dumps({"body": {"kind": ["wanted"]}})
    bench = QueueBench(unhandled, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    bench.send('{"kind": "wanted"}', '{"kind": "other"}', "no JSON")
    bench.run()
    assert bench.batches == [['{"kind": "wanted"}']]
    assert [each.body for each in bench.queue.stored] == ['{"kind": "wanted"}']
    assert bench.engine.counters.filtered == 2


@pytest.mark.parametrize(
    ("pattern", "body", "matches"),
    [
        ({"body": {"n": [{"numeric": [">", 1]}]}}, '{"n": 2}', True),
        ({"body": {"n": [1]}}, "text", False),
        ({"body": ["text"]}, "text", True),
        ({"body": ["text"]}, "other", False),
        ({"body": [{"prefix": "{"}]}, '{"n": 2}', False),
        ({"attributes": {"ApproximateReceiveCount": ["1"]}}, "text", True),
    ],
)
def test_message_is_filtered_as_json_by_json_and_as_text_by_text(
    pattern: Any, body: str, matches: bool
):
    bench = QueueBench(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    bench.send(body)
    bench.run()
    assert bool(bench.batches) is matches


def test_deletion_that_fails_is_repeated_and_then_left_to_the_queue():
    bench = QueueBench(visibility_timeout=5)
    bench.send("a")
    bench.step(Read("invoices"))
    bench.step(Deliver("invoices", 0))
    bench.queue.failing = "AccessDenied: sqs:DeleteMessage"
    bench.run_for(3)
    assert "cannot be deleted: AccessDenied" in "".join(bench.reports)
    bench.queue.failing = None
    bench.run_for(1)
    assert bench.queue.stored == []
    assert bench.batches == [["a"]]


def test_queue_that_cannot_be_read_is_reported_and_read_again():
    bench = QueueBench()
    bench.queue.failing = "AccessDenied: sqs:ReceiveMessage"
    bench.send("a")
    bench.run_for(3)
    assert bench.reports[0] == "invoices cannot be read: AccessDenied: sqs:ReceiveMessage"
    assert bench.engine.drained_since() is None
    bench.queue.failing = None
    bench.run_for(2)
    assert bench.batches == [["a"]]


def test_unit_of_a_queue_that_is_not_ready_is_refused():
    bench = QueueBench()
    with pytest.raises(ValueError, match="not ready"):
        bench.engine.begin(Deliver("invoices", 0))


@pytest.mark.parametrize(
    ("arn", "settings"),
    [
        ("arn:aws:sqs:us-east-1:000000000000:a.fifo", {"MaximumBatchingWindowInSeconds": 1}),
        ("arn:aws:sqs:us-east-1:000000000000:a.fifo", {"BatchSize": 11}),
        ("arn:aws:sqs:us-east-1:000000000000:a", {"BatchSize": 11}),
    ],
)
def test_settings_that_lambda_refuses_for_a_queue_are_refused(arn: str, settings: dict[str, Any]):
    with pytest.raises(ValueError, match="batching window"):
        queue_mapping(arn, **settings)


def test_batch_of_a_queue_has_ten_messages_by_default():
    assert queue_mapping().batch_size == 10
