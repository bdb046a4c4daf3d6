"""AWS's JSON of discarded records, and its key in a bucket."""

import json

from localcloud.event_sources.answers import Answer
from localcloud.event_sources.failures import DestinationError, Discarded
from tests.support.event_source_bench import (
    START,
    Bench,
    failing_on,
    kinesis_mapping,
    reporting,
    table_mapping,
    unhandled,
)


def bench_with_one_discard() -> Bench:
    bench = Bench(failing_on("a"), maximum_retries=1)
    bench.put("a", "b")
    bench.run_for(10)
    return bench


def test_queue_or_topic_gets_metadata_only():
    [discarded] = bench_with_one_discard().kept
    first, last = discarded.records
    assert discarded.document() == {
        "requestContext": {
            "requestId": discarded.answer.request_id if discarded.answer else None,
            "functionArn": kinesis_mapping().function_arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2027-01-15T08:00:01.000Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": "2027-01-15T08:00:00.000Z",
            "approximateArrivalOfLastRecord": "2027-01-15T08:00:00.000Z",
            "batchSize": 2,
            "streamArn": kinesis_mapping().source_arn,
        },
    }


def test_bucket_gets_the_whole_event_as_a_string_besides():
    bench = bench_with_one_discard()
    [discarded] = bench.kept
    document = discarded.document_with_payload()
    assert json.loads(document.pop("payload")) == bench.events[-1]
    assert document == discarded.document()


def test_key_in_a_bucket_is_named_as_by_lambda():
    [discarded] = bench_with_one_discard().kept
    assert discarded.object_key() == (
        "aws/lambda/0a1b2c3d-0000-4000-8000-000000000001/shardId-000000000000/2027/01/15/"
        f"2027-01-15T08.00.01-{discarded.identifier}"
    )
    assert len(discarded.identifier) == 36


def test_batch_of_a_table_has_its_own_name_and_seconds():
    bench = Bench(unhandled, mapping=table_mapping(maximum_retries=0))
    bench.now = START + 0.25
    bench.stream.change({"id": {"S": "1"}}, new={"id": {"S": "1"}})
    bench.run()
    document = bench.kept[0].document()
    assert "KinesisBatchInfo" not in document
    info = document["DDBStreamBatchInfo"]
    assert info["approximateArrivalOfFirstRecord"] == "2027-01-15T08:00:00Z"
    assert info["streamArn"] == table_mapping().source_arn


def test_partial_answer_is_not_a_function_error():
    bench = Bench(reporting("a"), reports_item_failures=True, maximum_retries=0)
    bench.put("a")
    bench.run()
    document = bench.kept[0].document()
    assert document["responseContext"]["functionError"] is None
    assert document["requestContext"]["requestId"] == "request-1"


def test_document_of_a_record_that_is_too_old_has_no_response():
    bench = Bench(unhandled, maximum_age_seconds=60)
    bench.stream.put("a", b'"a"', arrived=START - 100)
    bench.run()
    bench.put("b")
    bench.run_for(100)
    before_any, after_retries = (kept.document() for kept in bench.kept)
    assert "responseContext" not in before_any
    assert before_any["requestContext"]["condition"] == "RecordAgeExceeded"
    assert before_any["requestContext"]["approximateInvokeCount"] == 1
    assert "responseContext" not in after_retries
    assert after_retries["requestContext"]["condition"] == "RecordAgeExceeded"
    assert after_retries["requestContext"]["approximateInvokeCount"] == len(bench.batches) == 61


def test_version_that_ran_is_named():
    bench = Bench(lambda _: Answer(None, "Unhandled", executed_version="7"), maximum_retries=0)
    bench.put("a")
    bench.run()
    assert bench.kept[0].document()["responseContext"]["executedVersion"] == "7"


def test_repeated_write_of_a_discarded_batch_uses_the_same_key():
    bench = Bench(unhandled, maximum_retries=0)
    bench.put("a")
    attempts: list[Discarded] = []

    def lose_two_answers(discarded: Discarded) -> None:
        attempts.append(discarded)
        if len(attempts) < 3:
            raise DestinationError("the answer was lost")

    bench.engine._destination = lose_two_answers
    bench.run_for(10)
    assert [each.object_key() for each in attempts] == [attempts[0].object_key()] * 3
