"""Records of the views stream as Kinesis delivers them, and the counts in the views table."""

import base64
import dataclasses
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from fakes.tables import Tables
from shared.timestamps import iso_milliseconds
from shared.view_rows import unpack_minutes
from view_counter.counting import CountResult, ViewCounter
from view_counter.segments import minute_period
from view_counter.view_records import read_batch

NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
SHARD = "shardId-000000000000"
TABLE = "Views"
# As long as Kinesis' sequence numbers; tests add small numbers to it.
FIRST_SEQUENCE = 49_668_899_999_999_999_999_999_999_999_999_999_999_999_999_999_999_999_999

type Record = dict[str, Any]


def photo(number: int) -> str:
    """The photo id for a number."""
    return f"019a9fb2-0c7b-7c3e-9a52-{number:012x}"


def record(
    sequence: int,
    photo_id: str = photo(0),
    *,
    viewed_at: datetime = NOW,
    arrived: datetime = NOW,
    key: str | None = None,
    data: bytes | str | None = None,
    shard: str = SHARD,
    viewer: str | None = None,
) -> Record:
    """A record as in https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html.

    `data` is what was sent if it is no view: bytes to be encoded, or text as it is to stand there.
    """
    view = {"photo_id": photo_id, "viewed_at": iso_milliseconds(viewed_at)}
    if viewer is not None:
        view["viewer"] = viewer
    if data is None:
        data = json.dumps(view).encode()
    number = str(FIRST_SEQUENCE + sequence)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": photo_id if key is None else key,
            "sequenceNumber": number,
            "data": base64.b64encode(data).decode() if isinstance(data, bytes) else data,
            "approximateArrivalTimestamp": arrived.timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/views",
        "awsRegion": "eu-central-1",
        "eventSourceARN": "arn:aws:kinesis:eu-central-1:123456789012:stream/views",
    }


def poison(sequence: int, photo_id: str = photo(0)) -> Record:
    """A record that can never be counted."""
    return record(sequence, photo_id, data=b"not JSON")


def sequences(records: Iterable[Record]) -> list[int]:
    """The small numbers from which the records were made."""
    return [int(each["kinesis"]["sequenceNumber"]) - FIRST_SEQUENCE for each in records]


class Clock:
    """A clock that advances only by its pauses, or by hand."""

    def __init__(self, seconds: float = 50) -> None:
        self.left = seconds
        self.pauses: list[float] = []

    def time_left(self) -> float:
        return self.left

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.left -= seconds


@dataclasses.dataclass
class Context:
    """The attributes of Lambda's context that the function and Powertools read."""

    clock: Clock
    function_name: str = "view_counter"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:view_counter"
    aws_request_id: str = "7d3c0b4e-1f57-4c5e-9d6a-2f0f4b8f6a11"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.clock.left * 1000)


class Counting:
    """A view counter on tables in memory."""

    def __init__(self) -> None:
        self.tables = Tables(**{TABLE: ("photo_id", "period")})
        self.clock = Clock()
        client: Any = self.tables
        self.counter = ViewCounter(client, TABLE, lambda: NOW, self.clock.pause)

    def deliver(self, *records: Record) -> CountResult:
        return self.counter.count(read_batch(records).views, self.clock.time_left)

    def replay(self, *records: Record) -> CountResult:
        return self.counter.count(read_batch(records).views, self.clock.time_left, replay=True)

    @property
    def totals(self) -> dict[str, int]:
        return totals(self.tables.items(TABLE))

    def assert_counted(self, *records: Record) -> None:
        """Assert that exactly these are counted once, in the totals and in the minutes."""
        views = {view.sequence: view for view in read_batch(records).views}.values()
        assert self.totals == Counter(view.photo_id for view in views)
        counted = Counter((view.photo_id, minute_period(view.minute)) for view in views)
        assert minutes(self.tables.items(TABLE)) == counted
        last_hour = minute_period(int(NOW.timestamp()) // 60 - 60)
        assert recent(self.tables.items(TABLE), last_hour) == {
            row: number for row, number in counted.items() if row[1] > last_hour
        }


def totals(items: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Totals by photo: the sums of its partition keys."""
    found: Counter[str] = Counter()
    for item in items:
        if item["period"]["S"].startswith("total"):
            found[item["photo_id"]["S"]] += int(item["views"]["N"])
    return found


def recent(items: Iterable[dict[str, Any]], before: str) -> dict[tuple[str, str], int]:
    """Counts by photo and minute key, after the minute `before`, of which the totals know."""
    found: Counter[tuple[str, str]] = Counter()
    for item in items:
        for minute, views in unpack_minutes(item.get("recent", {"S": ""})["S"]).items():
            found[item["photo_id"]["S"], minute_period(minute)] += views
    return {row: views for row, views in found.items() if views and row[1] > before}


def minutes(items: Iterable[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """Counts by photo and minute key: the sums of the photo's partition keys."""
    found: Counter[tuple[str, str]] = Counter()
    for item in items:
        minute, z, _ = item["period"]["S"].partition("Z")
        if z:
            found[item["photo_id"]["S"], minute + z] += int(item["views"]["N"])
    return found
