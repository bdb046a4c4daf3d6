"""Reads Kinesis and DynamoDB streams through their APIs, under the function's role."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.records import (
    Page,
    Record,
    Shard,
    Source,
    SourceError,
    dynamodb_record,
    kinesis_record,
)
from localcloud.event_sources.role_clients import RoleClients

_KINESIS_LIMIT: Final = 10_000
_DYNAMODB_LIMIT: Final = 1_000
_DYNAMODB_ACTIONS: Final = (
    "dynamodb:DescribeStream",
    "dynamodb:GetShardIterator",
    "dynamodb:GetRecords",
)


def source(mapping: EventSourceMapping, clients: RoleClients) -> Source:
    """The stream of a mapping."""
    if mapping.service == "kinesis":
        return KinesisSource(mapping, clients)
    return DynamoDBSource(mapping, clients)


class _Iterators:
    """Shard iterators by shard, each of which continues after the last read."""

    def __init__(self, new: Callable[[Any, str, str | None], str], **request: str) -> None:
        self._new = new
        self._request = request  # further arguments of GetRecords
        self._known: dict[str, tuple[str | None, str]] = {}

    def get_records(
        self, client: Any, shard_id: str, after: str | None, limit: int
    ) -> dict[str, Any]:
        position, iterator = self._known.pop(shard_id, (None, ""))
        if not iterator or position != after:
            iterator = self._new(client, shard_id, after)
        try:
            return dict(client.get_records(ShardIterator=iterator, Limit=limit, **self._request))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExpiredIteratorException":
                raise
            iterator = self._new(client, shard_id, after)
            return dict(client.get_records(ShardIterator=iterator, Limit=limit, **self._request))

    def keep(self, shard_id: str, position: str | None, iterator: str) -> None:
        self._known[shard_id] = (position, iterator)


class KinesisSource:
    """A Kinesis stream, read by shard iterators as a consumer with shared throughput."""

    def __init__(self, mapping: EventSourceMapping, clients: RoleClients) -> None:
        self._mapping = mapping
        self._clients = clients
        self._iterators = _Iterators(self._iterator, StreamARN=mapping.source_arn)
        self._described = False

    def shards(self) -> Sequence[Shard]:
        found: list[Shard] = []
        request: dict[str, str] = {"StreamARN": self._mapping.source_arn}
        with self._clients.calling("kinesis", SourceError) as client:
            if not self._described:  # Lambda needs these permissions, too
                client.describe_stream(**request, Limit=1)
                client.describe_stream_summary(**request)
                self._described = True
            while request:
                answer = client.list_shards(**request)
                found += [_shard(each) for each in answer["Shards"]]
                token = answer.get("NextToken")
                request = {"NextToken": token} if token else {}
        return found

    def read(self, shard_id: str, after: str | None, limit: int) -> Page:
        with self._clients.calling("kinesis", SourceError) as client:
            answer = self._iterators.get_records(
                client, shard_id, after, min(limit, _KINESIS_LIMIT)
            )
        records = [self._record(shard_id, each) for each in answer["Records"]]
        following = answer.get("NextShardIterator")
        if following:
            self._iterators.keep(shard_id, _last(records, after), following)
        return Page(records, more=answer["MillisBehindLatest"] > 0, closed=not following)

    def newest(self, shard_id: str) -> str | None:
        return _newest(self, shard_id, _KINESIS_LIMIT)

    def _record(self, shard_id: str, answer: dict[str, Any]) -> Record:
        return kinesis_record(
            self._mapping,
            shard_id,
            sequence_number=answer["SequenceNumber"],
            partition_key=answer["PartitionKey"],
            data=answer["Data"],
            arrived=answer["ApproximateArrivalTimestamp"].timestamp(),
        )

    def _iterator(self, client: Any, shard_id: str, after: str | None) -> str:
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if after:
            start = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": after,
            }
        answer = client.get_shard_iterator(
            StreamARN=self._mapping.source_arn, ShardId=shard_id, **start
        )
        return str(answer["ShardIterator"])


class DynamoDBSource:
    """The stream of a DynamoDB table."""

    def __init__(self, mapping: EventSourceMapping, clients: RoleClients) -> None:
        self._mapping = mapping
        self._clients = clients
        self._iterators = _Iterators(self._iterator)
        self._refused: str | None = None

    def shards(self) -> Sequence[Shard]:
        found: list[Shard] = []
        start: dict[str, str] = {}
        self._refused = self._clients.denial(_DYNAMODB_ACTIONS)
        self._raise_if_refused()
        with self._clients.calling("dynamodbstreams", SourceError) as client:
            while True:
                answer = client.describe_stream(StreamArn=self._mapping.source_arn, **start)
                found += [_shard(each) for each in answer["StreamDescription"]["Shards"]]
                last = answer["StreamDescription"].get("LastEvaluatedShardId")
                if not last:
                    return found
                start = {"ExclusiveStartShardId": last}

    def read(self, shard_id: str, after: str | None, limit: int) -> Page:
        self._raise_if_refused()
        with self._clients.calling("dynamodbstreams", SourceError) as client:
            answer = self._iterators.get_records(
                client, shard_id, after, min(limit, _DYNAMODB_LIMIT)
            )
        records = [dynamodb_record(self._mapping, each) for each in answer["Records"]]
        following = answer.get("NextShardIterator")
        if following:
            self._iterators.keep(shard_id, _last(records, after), following)
        return Page(records, more=bool(records), closed=not following)

    def newest(self, shard_id: str) -> str | None:
        return _newest(self, shard_id, _DYNAMODB_LIMIT)

    def _raise_if_refused(self) -> None:
        if self._refused:
            raise SourceError(self._refused)

    def _iterator(self, client: Any, shard_id: str, after: str | None) -> str:
        stream = {"StreamArn": self._mapping.source_arn, "ShardId": shard_id}
        if after:
            try:
                answer = client.get_shard_iterator(
                    **stream, ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=after
                )
                return str(answer["ShardIterator"])
            except client.exceptions.TrimmedDataAccessException:
                pass  # later records may still exist
        answer = client.get_shard_iterator(**stream, ShardIteratorType="TRIM_HORIZON")
        return str(answer["ShardIterator"])


def _shard(answer: dict[str, Any]) -> Shard:
    parents = [answer.get("ParentShardId"), answer.get("AdjacentParentShardId")]
    return Shard(answer["ShardId"], tuple(each for each in parents if each))


def _last(records: Sequence[Record], after: str | None) -> str | None:
    return records[-1].sequence_number if records else after


def _newest(stream: Source, shard_id: str, limit: int) -> str | None:
    """No API returns the newest sequence number, so this reads to the end."""
    last = None
    while True:
        page = stream.read(shard_id, last, limit)
        last = _last(page.records, last)
        if page.closed or not page.more:
            return last
