"""How streams are read through their APIs: pages, iterators, closed shards, refusals."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.records import Shard, SourceError
from localcloud.event_sources.sources import DynamoDBSource, KinesisSource
from tests.support.event_source_bench import kinesis_mapping, table_mapping

ARRIVED = datetime(2026, 11, 21, tzinfo=UTC)


class TrimmedDataAccessException(ClientError):  # noqa: N818 - botocore's name
    pass


class FakeApi:
    """Answers what it was told to, in turn; iterators are named for what they start after."""

    class exceptions:  # noqa: N801 - as on a client
        TrimmedDataAccessException = TrimmedDataAccessException

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.denied: str | None = None

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.requests.append((operation, request))
            [answer, *rest] = self.answers.get(operation) or [{}]
            self.answers[operation] = rest or [answer]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    @contextlib.contextmanager
    def calling(self, _: str, failure: type[Exception]) -> Iterator[Any]:
        try:
            yield self
        except ClientError as error:
            raise failure(str(error)) from error

    def denial(self, _: Any) -> str | None:
        return self.denied

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [request for name, request in self.requests if name == operation]


def kinesis(api: FakeApi) -> KinesisSource:
    return KinesisSource(kinesis_mapping(), api)  # type: ignore[arg-type] - a fake


def table(api: FakeApi) -> DynamoDBSource:
    return DynamoDBSource(table_mapping(), api)  # type: ignore[arg-type] - a fake


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetRecords")


def page(*numbers: int, behind: int = 0, following: str | None = "next") -> dict[str, Any]:
    records = [
        {
            "SequenceNumber": str(number),
            "PartitionKey": "k",
            "Data": b"{}",
            "ApproximateArrivalTimestamp": ARRIVED,
        }
        for number in numbers
    ]
    answer = {"Records": records, "MillisBehindLatest": behind}
    return answer | ({"NextShardIterator": following} if following else {})


def test_shards_come_from_all_pages_with_their_parents():
    api = FakeApi(
        list_shards=[
            {"Shards": [{"ShardId": "0"}, {"ShardId": "1"}], "NextToken": "more"},
            {"Shards": [{"ShardId": "2", "ParentShardId": "0", "AdjacentParentShardId": "1"}]},
        ]
    )
    assert kinesis(api).shards() == [Shard("0"), Shard("1"), Shard("2", ("0", "1"))]
    assert api.asked("list_shards")[1] == {"NextToken": "more"}, "the API takes no ARN beside it"


def test_shards_of_a_table_come_from_all_pages():
    api = FakeApi(
        describe_stream=[
            {"StreamDescription": {"Shards": [{"ShardId": "0"}], "LastEvaluatedShardId": "0"}},
            {"StreamDescription": {"Shards": [{"ShardId": "1", "ParentShardId": "0"}]}},
        ]
    )
    assert table(api).shards() == [Shard("0"), Shard("1", ("0",))]


def test_reading_continues_with_the_iterator_of_the_last_page():
    api = FakeApi(get_shard_iterator=[{"ShardIterator": "first"}], get_records=[page(1, 2), page()])
    source = kinesis(api)
    assert [each.sequence_number for each in source.read("0", None, 10).records] == ["1", "2"]
    source.read("0", "2", 10)
    assert [each["ShardIterator"] for each in api.asked("get_records")] == ["first", "next"]


def test_reading_from_elsewhere_asks_for_another_iterator():
    api = FakeApi(get_shard_iterator=[{"ShardIterator": "any"}], get_records=[page(1, 2)])
    source = kinesis(api)
    source.read("0", None, 10)
    source.read("0", "1", 10)
    [first, second] = api.asked("get_shard_iterator")
    assert first["ShardIteratorType"] == "TRIM_HORIZON"
    assert second["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER"
    assert second["StartingSequenceNumber"] == "1"


def test_expired_iterator_is_replaced_at_once():
    api = FakeApi(
        get_shard_iterator=[{"ShardIterator": "old"}, {"ShardIterator": "new"}],
        get_records=[error("ExpiredIteratorException"), page(1)],
    )
    assert len(kinesis(api).read("0", None, 10).records) == 1
    assert [each["ShardIterator"] for each in api.asked("get_records")] == ["old", "new"]


def test_shard_without_a_next_iterator_is_closed():
    api = FakeApi(
        get_shard_iterator=[{"ShardIterator": "i"}],
        get_records=[page(1, behind=5), page(2, following=None)],
    )
    source = kinesis(api)
    first, last = source.read("0", None, 1), source.read("0", "1", 1)
    assert (first.more, first.closed) == (True, False)
    assert (last.more, last.closed) == (False, True)


def test_refusal_is_a_source_error_and_the_iterator_is_not_used_again():
    api = FakeApi(
        get_shard_iterator=[{"ShardIterator": "a"}, {"ShardIterator": "b"}],
        get_records=[error("AccessDeniedException"), page(1)],
    )
    source = kinesis(api)
    with pytest.raises(SourceError, match="AccessDenied"):
        source.read("0", None, 1)
    source.read("0", None, 1)
    assert [each["ShardIterator"] for each in api.asked("get_records")] == ["a", "b"]


def test_newest_reads_to_the_end():
    api = FakeApi(
        get_shard_iterator=[{"ShardIterator": "i"}],
        get_records=[page(1, behind=9), page(2, 3, behind=1), page()],
    )
    assert kinesis(api).newest("0") == "3"


def test_trimmed_position_of_a_table_continues_with_the_oldest_record():
    trimmed = TrimmedDataAccessException({"Error": {"Code": "Trimmed"}}, "GetShardIterator")
    api = FakeApi(
        get_shard_iterator=[trimmed, {"ShardIterator": "horizon"}],
        get_records=[{"Records": [], "NextShardIterator": "next"}],
    )
    assert table(api).read("0", "5", 10).records == []
    assert [each["ShardIteratorType"] for each in api.asked("get_shard_iterator")] == [
        "AFTER_SEQUENCE_NUMBER",
        "TRIM_HORIZON",
    ]


def test_table_stream_is_not_read_while_the_role_may_not():
    api = FakeApi(describe_stream=[{"StreamDescription": {"Shards": []}}])
    source = table(api)
    api.denied = "AccessDenied: dynamodb:GetRecords"
    with pytest.raises(SourceError, match="AccessDenied"):
        source.shards()
    with pytest.raises(SourceError, match="AccessDenied"):
        source.read("0", None, 1)
    api.denied = None
    assert source.shards() == []


SETTINGS: dict[str, Any] = {
    "UUID": "u",
    "EventSourceArn": kinesis_mapping().source_arn,
    "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:counter:live",
}


def test_settings_are_read_from_the_lambda_api():
    mapping = EventSourceMapping.from_api(
        {
            **SETTINGS,
            "BatchSize": 500,
            "MaximumBatchingWindowInSeconds": 5,
            "ParallelizationFactor": "2",  # a template's parameter, as ministack keeps it
            "StartingPosition": "AT_TIMESTAMP",
            "StartingPositionTimestamp": ARRIVED,
            "BisectBatchOnFunctionError": "true",
            "MaximumRetryAttempts": 0,
            "MaximumRecordAgeInSeconds": 3600,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": {"Filters": [{"Pattern": '{"data": {"a": [1]}}'}]},
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failed"}},
        },
        "arn:aws:iam::000000000000:role/counter",
    )
    assert mapping == EventSourceMapping(
        uuid="u",
        source_arn=SETTINGS["EventSourceArn"],
        function_arn=SETTINGS["FunctionArn"],
        role_arn="arn:aws:iam::000000000000:role/counter",
        batch_size=500,
        window_seconds=5,
        parallelization_factor=2,
        starting_position="AT_TIMESTAMP",
        starting_timestamp=ARRIVED.timestamp(),
        bisects=True,
        maximum_retries=0,
        maximum_age_seconds=3600,
        reports_item_failures=True,
        filters=('{"data": {"a": [1]}}',),
        destination="arn:aws:s3:::failed",
    )
    assert mapping.function_name == "counter"


def test_settings_that_are_not_there_are_awss_defaults():
    mapping = EventSourceMapping.from_api({**SETTINGS, "DestinationConfig": {}}, "role")
    assert (mapping.batch_size, mapping.window_seconds) == (100, 0)
    assert (mapping.maximum_retries, mapping.maximum_age_seconds) == (-1, -1)
    assert (mapping.bisects, mapping.reports_item_failures) == (False, False)
    assert (mapping.parallelization_factor, mapping.destination) == (1, None)


@pytest.mark.parametrize(
    "setting",
    [
        {"TumblingWindowInSeconds": 60},
        {"EventSourceArn": f"{SETTINGS['EventSourceArn']}/consumer/fast:1"},
        {"EventSourceArn": "arn:aws:mq:us-east-1:000000000000:broker:b"},
    ],
)
def test_settings_that_are_not_modelled_are_refused(setting: dict[str, Any]):
    with pytest.raises(ValueError, match=r"not modelled|not a Kinesis"):
        EventSourceMapping.from_api({**SETTINGS, **setting}, "role")
