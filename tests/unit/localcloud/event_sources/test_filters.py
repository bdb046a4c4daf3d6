"""Filter criteria, by the rules that Lambda documents."""

import json
from typing import Any

import pytest

from localcloud.event_sources.filters import matcher
from localcloud.event_sources.records import dynamodb_record
from tests.support.event_source_bench import START, Bench, kinesis_mapping, table_mapping

RECORD: dict[str, Any] = {
    "text": "Hello",
    "empty": "",
    "nothing": None,
    "number": 5,
    "flag": True,
    "tags": ["a", "b"],
    "deep": {"er": {"still": "here"}},
    "items": [{"id": 1}, {"id": 2}],
}


def passes(pattern: dict[str, Any], data: Any = RECORD) -> bool:
    mapping = kinesis_mapping(filters=(json.dumps({"data": pattern}),))
    bench = Bench()
    return matcher(mapping)(bench.stream.put("k", json.dumps(data).encode()))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"text": ["Hello"]}, True),
        ({"text": ["hello"]}, False),
        ({"text": ["Hi", "Hello"]}, True),
        ({"number": [5]}, True),
        ({"number": ["5"]}, False),
        ({"flag": [True]}, True),
        ({"flag": [1]}, False),
        ({"nothing": [None]}, True),
        ({"missing": [None]}, False),
        ({"empty": [""]}, True),
        ({"text": [""]}, False),
        ({"text": [{"equals-ignore-case": "hELLO"}]}, True),
        ({"text": [{"prefix": "He"}]}, True),
        ({"text": [{"prefix": "lo"}]}, False),
        ({"text": [{"suffix": "lo"}]}, True),
        ({"text": [{"anything-but": ["Hi", "Bye"]}]}, True),
        ({"text": [{"anything-but": "Hello"}]}, False),
        ({"missing": [{"anything-but": ["Hi"]}]}, False),
        ({"number": [{"numeric": ["=", 5]}]}, True),
        ({"number": [{"numeric": [">", 1, "<=", 5]}]}, True),
        ({"number": [{"numeric": [">", 5]}]}, False),
        ({"text": [{"numeric": [">", 0]}]}, False),
        ({"flag": [{"numeric": [">=", 1]}]}, False),
        ({"text": [{"exists": True}]}, True),
        ({"missing": [{"exists": True}]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"nothing": [{"exists": True}]}, True),
        ({"deep": [{"exists": True}]}, False),
        ({"deep": {"er": {"still": ["here"]}}}, True),
        ({"deep": {"er": {"still": ["gone"]}}}, False),
        ({"deep": {"missing": {"still": [{"exists": False}]}}}, True),
        ({"tags": ["b"]}, True),
        ({"tags": ["c"]}, False),
        ({"items": {"id": [2]}}, True),
        ({"text": ["Hello"], "number": [6]}, False),
        ({"$or": [{"text": ["Hi"]}, {"number": [5]}]}, True),
        ({"$or": [{"text": ["Hi"]}, {"number": [6]}]}, False),
        ({"text": ["Hello"], "$or": [{"number": [6]}, {"flag": [False]}]}, False),
    ],
)
def test_operator_of_a_filter_pattern(pattern: dict[str, Any], *, expected: bool):
    assert passes(pattern) is expected


@pytest.mark.parametrize("data", [b"not JSON", b"\xff\xfe", b""])
def test_kinesis_record_that_is_not_json_is_dropped(data: bytes):
    bench = Bench(filters=('{"data": {"text": [{"exists": false}]}}',))
    bench.stream.put("k", data)
    bench.run()
    assert bench.batches == []
    assert bench.engine.counters.filtered == 1


def test_json_that_is_not_an_object_has_no_fields():
    assert not passes({"text": [{"exists": True}]}, data=[1, 2])
    assert not passes({"text": ["Hello"]}, data="Hello")


def test_one_of_several_patterns_is_enough():
    bench = Bench(filters=('{"data": {"a": [1]}}', '{"data": {"b": [1]}}'))
    for data in ({"a": 1}, {"b": 1}, {"c": 1}):
        bench.stream.put("k", json.dumps(data).encode())
    bench.run()
    assert bench.batches == [[{"a": 1}, {"b": 1}]]


def test_records_that_do_not_match_count_as_processed():
    bench = Bench(filters=('{"data": {"wanted": [true]}}',))
    for place in range(3):
        last = bench.stream.put(f"{place}", b'{"wanted": false}')
    bench.run()
    after = bench.engine.checkpoints()["shards"]["shardId-000000000000"]["after"]
    assert after == last.sequence_number
    assert bench.engine.drained_since() is not None
    assert bench.batches == []


def change(**fields: Any) -> Any:
    answer: dict[str, Any] = {
        "eventID": "1",
        "eventName": "MODIFY",
        "dynamodb": {
            "ApproximateCreationDateTime": START,
            "Keys": {"id": {"S": "1"}},
            "NewImage": {"status": {"S": "READY"}, "version": {"N": "3"}},
            "SequenceNumber": "1",
        },
        **fields,
    }
    return dynamodb_record(table_mapping(), answer)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"dynamodb": {"NewImage": {"status": {"S": ["READY", "DELETED"]}}}}, True),
        ({"dynamodb": {"NewImage": {"status": {"S": ["PENDING"]}}}}, False),
        ({"dynamodb": {"NewImage": {"version": {"N": ["3"]}}}}, True),
        ({"dynamodb": {"NewImage": {"version": {"N": [{"numeric": ["=", 3]}]}}}}, False),
        ({"dynamodb": {"OldImage": {"status": {"S": [{"exists": False}]}}}}, True),
        ({"eventName": ["MODIFY"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"userIdentity": {"type": ["Service"]}}, False),
    ],
)
def test_table_record_is_matched_as_the_function_would_see_it(
    pattern: dict[str, Any], *, expected: bool
):
    assert matcher(table_mapping(filters=(json.dumps(pattern),)))(change()) is expected


def test_deletion_by_time_to_live_is_recognised_in_a_filter_and_in_the_event():
    pattern = {"userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}}
    identity = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}  # boto3's names
    record = change(userIdentity=identity)
    assert matcher(table_mapping(filters=(json.dumps(pattern),)))(record)
    assert json.loads(record.body)["userIdentity"] == {
        "type": "Service",
        "principalId": "dynamodb.amazonaws.com",
    }


@pytest.mark.parametrize(
    "pattern",
    [
        {"data": {"a": [{"wildcard": "*"}]}},
        {"data": {"a": [{"prefix": "a", "suffix": "b"}]}},
        {"data": {"a": [["nested"]]}},
        {"data": {"a": "not in a list"}},
        {"data": {"a": []}},
        {"data": {}},
        {},
        {"partitionKey": ["1"]},
    ],
)
def test_pattern_that_lambda_does_not_document_is_refused(pattern: dict[str, Any]):
    with pytest.raises(ValueError, match=r"filter"):
        matcher(kinesis_mapping(filters=(json.dumps(pattern),)))
