"""The parts of DynamoDB and S3 that the daily report calls, in memory, and a gallery in them.

Scans return items in the order of the keys' hashes, as DynamoDB does, and read units are counted as
DynamoDB bills them.
"""

import bisect
import hashlib
import io
import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from fakes.tables import ConditionalCheckFailedError, Item, Tables, holds, updated
from shared.view_rows import TOTALS

NOW = datetime(2026, 11, 21, 3, 4, 12, 345000, tzinfo=UTC)
KEYS = {
    "photos": ("photo_id",),
    "catalog": ("photo_id",),
    "views": ("photo_id", "period"),
    "idempotency": ("id",),
}
NAMES = {f"{table}_table": table for table in KEYS} | {
    "uploads_bucket": "uploads-bucket",
    "media_bucket": "media-bucket",
    "reports_bucket": "reports-bucket",
    "failed_batches_bucket": "failed-batches-bucket",
    "failed_events_queue": "failed-events-queue",
}


def size(item: Item) -> int:
    """The size in bytes by DynamoDB's rule."""

    def of(value: dict[str, Any]) -> int:
        [(type_, content)] = value.items()
        match type_:
            case "N":
                return math.ceil(len(content) / 2) + 1
            case "M":
                return 3 + sum(1 + len(name) + of(inner) for name, inner in content.items())
            case "BS":
                return sum(map(len, content))
            case _:
                return len(content)

    return sum(len(name) + of(value) for name, value in item.items())


class ScannedTables(Tables):
    """Tables that can be scanned; with `salts`, each table in a different order.

    Only with `bills` are the sizes of items computed, and so the cost of reads.
    """

    def __init__(self, *, salts: dict[str, str] | None = None, bills: bool = False) -> None:
        super().__init__(**KEYS)
        self._size: Callable[[Item], int] = size if bills else lambda _: 300
        self._salts = salts or {}
        self._order: dict[str, list[tuple[int, tuple[str, ...]]]] = {table: [] for table in KEYS}
        self._sizes: dict[tuple[str, tuple[str, ...]], int] = {}
        self._unsorted: set[str] = set()
        self._ranked: dict[str, list[tuple[int, tuple[str, ...]]]] | None = None
        self._lock = threading.Lock()
        self.read_units: Counter[str] = Counter()
        self.writes: Counter[tuple[str, str]] = Counter()

    def scan(self, **request: Any) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            table = request["TableName"]
            with self._lock:
                if table in self._unsorted:
                    self._order[table].sort()
                    self._unsorted.remove(table)
            order, items = self._order[table], self._items[table]
            share = 2**32 // request["TotalSegments"]
            first, last = (request["Segment"] + at for at in (0, 1))
            start = bisect.bisect_left(order, (first * share, ()))
            end = bisect.bisect_left(order, (last * share, ()))
            if after := request.get("ExclusiveStartKey"):
                key = tuple(after[name]["S"] for name in KEYS[table])
                start = bisect.bisect_right(order, (self._hash(table, key), key))
            page, read, found = request.get("Limit", 100_000), 0, []
            while start < end and len(found) < page and read < 2**20:
                found.append(order[start][1])
                read += self._sizes[table, found[-1]]
                start += 1
            self._spend(table, 0.5 * math.ceil(read / 4096))
            answer: dict[str, Any] = {
                "Items": [projected(request, items[key]) for key in found if fits(request, key)]
            }
            if start < end or (found and len(found) == page):
                answer["LastEvaluatedKey"] = {
                    name: {"S": part} for name, part in zip(KEYS[table], found[-1], strict=True)
                }
            return answer

        return self._call("Scan", request, act)

    def query(self, **request: Any) -> dict[str, Any]:
        """Query the index `ranking`, or the totals of a photo."""

        def act() -> dict[str, Any]:
            table, values = request["TableName"], request["ExpressionAttributeValues"]
            if "IndexName" in request:
                return self._query_ranking(request, values[":group"]["S"])
            items = [self._items[table].get((values[":photo_id"]["S"], each)) for each in TOTALS]
            self._spend(table, 0.5)
            return {"Items": [projected(request, item) for item in items if item]}

        return self._call("Query", request, act)

    def _query_ranking(self, request: dict[str, Any], group: str) -> dict[str, Any]:
        table = request["TableName"]
        with self._lock:
            if self._ranked is None:
                self._ranked = {}
                for key, item in self._items[table].items():
                    if "magnitude" in item:
                        ranked = self._ranked.setdefault(item["rank_group"]["S"], [])
                        ranked.append((-int(item["magnitude"]["N"]), key))
                for ranked in self._ranked.values():
                    ranked.sort()
            ranked = self._ranked.get(group, [])
        start = 0
        if after := request.get("ExclusiveStartKey"):
            key = tuple(after[name]["S"] for name in KEYS[table])
            start = bisect.bisect_right(ranked, (-int(after["magnitude"]["N"]), key))
        page = ranked[start : start + request["Limit"]]
        self._spend(table, 0.5 * max(1, math.ceil(100 * len(page) / 4096)))
        names = (*KEYS[table], "rank_group", "magnitude")
        found = [{name: self._items[table][key][name] for name in names} for _, key in page]
        return {"Items": found} | (
            {"LastEvaluatedKey": found[-1]} if len(page) == request["Limit"] else {}
        )

    def describe_table(self, **request: Any) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            return {"Table": {"ItemCount": len(self._items[request["TableName"]])}}

        return self._call("DescribeTable", request, act)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            responses: dict[str, list[Item]] = {}
            for table, asked in request["RequestItems"].items():
                assert 0 < len(asked["Keys"]) <= 100
                responses[table] = []
                for key in asked["Keys"]:
                    whole = (*(key[name]["S"] for name in KEYS[table]),)
                    units = max(1, math.ceil(self._sizes.get((table, whole), 1) / 4096))
                    self._spend(table, units * (1 if asked["ConsistentRead"] else 0.5))
                    if item := self._items[table].get(whole):
                        responses[table].append(dict(item))
            return {"Responses": responses, "UnprocessedKeys": {}}

        return self._call("BatchGetItem", request, act)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            key = self._key(request)
            item = self._items[request["TableName"]].get(key, {})
            if not holds(request, item):
                refused: Any = {"Error": {"Code": "ConditionalCheckFailedException"}}
                raise ConditionalCheckFailedError(refused, "DeleteItem")
            self.remove(request["TableName"], key)
            self.writes[request["TableName"], key[0]] += 1
            return {}

        return self._call("DeleteItem", request, act)

    def copy_from(self, other: "ScannedTables") -> None:
        """Copy all items of the other; items are never changed in place."""
        self._items = {table: dict(items) for table, items in other._items.items()}
        self._order = {table: list(order) for table, order in other._order.items()}
        self._sizes = dict(other._sizes)
        self._unsorted = set(KEYS)
        self._ranked = None

    def remove(self, table: str, key: tuple[str, ...]) -> None:
        """Delete an item without a condition."""
        del self._items[table][key]
        if table == "views":
            self._ranked = None
        if table in self._unsorted:
            self._order[table].sort()
            self._unsorted.remove(table)
        del self._order[table][
            bisect.bisect_left(self._order[table], (self._hash(table, key), key))
        ]

    def put(self, table: str, item: Item) -> None:
        """Put an item without a condition."""
        self._store(table, item)

    def _apply(self, action: Item) -> None:
        table, key = action["TableName"], self._key(action)
        old = self._items[table].get(key)
        item = action["Item"] if "Item" in action else updated(action, old or action["Key"])
        self._store(table, item)
        self.writes[action["TableName"], self._key(action)[0]] += 1

    def _store(self, table: str, item: Item) -> None:
        key = tuple(item[name]["S"] for name in KEYS[table])
        if key not in self._items[table]:
            self._order[table].append((self._hash(table, key), key))
            self._unsorted.add(table)
        self._items[table][key] = dict(item)
        if table == "views":
            self._ranked = None
        self._sizes[table, key] = self._size(item)

    def _hash(self, table: str, key: tuple[str, ...]) -> int:
        text = self._salts.get(table, "") + key[0]
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest())

    def _spend(self, table: str, units: float) -> None:
        with self._lock:
            self.read_units[table] += units  # type: ignore[assignment]


def projected(request: dict[str, Any], item: Item) -> Item:
    """The attributes of the projection."""
    names = request["ExpressionAttributeNames"].values()
    return {name: item[name] for name in names if name in item}


def fits(request: dict[str, Any], key: tuple[str, ...]) -> bool:
    """The report's only filter, on periods."""
    if "FilterExpression" not in request:
        return True
    values = request["ExpressionAttributeValues"]
    return key[1].startswith((values[":total"]["S"], values[":day"]["S"]))


class Buckets:
    """S3 in which every bucket exists."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._objects: dict[str, dict[str, dict[str, Any]]] = {}
        self._order: dict[str, list[str]] = {}
        self.before: Callable[[str, dict[str, Any]], None] = lambda *_: None
        self.after: Callable[[str, dict[str, Any]], None] = lambda *_: None
        self.writes: Counter[tuple[str, str]] = Counter()

    def store(self, bucket: str, key: str, at: datetime, body: bytes = b"") -> None:
        """Put an object with this time of modification."""
        if key not in self._objects.setdefault(bucket, {}):
            bisect.insort(self._order.setdefault(bucket, []), key)
        self._objects[bucket][key] = {
            "LastModified": at,
            "Body": body,
            "ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"',
            "ContentType": "image/jpeg",
        }

    def copy_from(self, other: "Buckets") -> None:
        """Copy all objects of the other."""
        self._objects = {bucket: dict(stored) for bucket, stored in other._objects.items()}
        self._order = {bucket: list(keys) for bucket, keys in other._order.items()}

    def keys(self, bucket: str) -> list[str]:
        return list(self._order.get(bucket, []))

    def body(self, bucket: str, key: str) -> bytes:
        return bytes(self._objects[bucket][key]["Body"])

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            keys = self._order.get(request["Bucket"], [])
            start = bisect.bisect_left(keys, request["Prefix"])
            if after := request.get("StartAfter"):
                start = max(start, bisect.bisect_right(keys, after))
            most = request.get("MaxKeys", 1000)
            page = keys[start : start + most + 1]
            page = [key for key in page if key.startswith(request["Prefix"])]
            stored = self._objects.get(request["Bucket"], {})
            contents = [
                {
                    "Key": key,
                    "Size": len(stored[key]["Body"]),
                    "LastModified": stored[key]["LastModified"],
                }
                for key in page[:most]
            ]
            return {"Contents": contents, "IsTruncated": len(page) > most}

        return self._call("ListObjectsV2", request, act)

    def head_object(self, **request: Any) -> dict[str, Any]:
        return self._call("HeadObject", request, lambda: dict(self._stored(request)))

    def get_object(self, **request: Any) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            return {"Body": io.BytesIO(self._stored(request, "NoSuchKey")["Body"])}

        return self._call("GetObject", request, act)

    def put_object(self, **request: Any) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            bucket, key = request["Bucket"], request["Key"]
            if request.get("IfNoneMatch") == "*" and key in self._objects.get(bucket, {}):
                raise refused("PreconditionFailed")
            self.store(bucket, key, self._clock(), request["Body"])
            self.writes[bucket, key] += 1
            return {}

        return self._call("PutObject", request, act)

    def copy_object(self, **request: Any) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            bucket, key = request["Bucket"], request["Key"]
            stored = self._stored(request["CopySource"], "NoSuchKey")
            if stored["ETag"] != request["CopySourceIfMatch"]:
                raise refused("PreconditionFailed")
            self.store(bucket, key, self._clock(), stored["Body"])
            self.writes[bucket, key] += 1
            return {}

        return self._call("CopyObject", request, act)

    def delete_object(self, **request: Any) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            bucket, key = request["Bucket"], request["Key"]
            if self._objects[bucket].pop(key, None):
                self._order[bucket].remove(key)
                self.writes[bucket, key] += 1
            return {}

        return self._call("DeleteObject", request, act)

    def _stored(self, request: dict[str, Any], code: str = "404") -> dict[str, Any]:
        try:
            return self._objects[request["Bucket"]][request["Key"]]
        except KeyError:
            raise refused(code) from None

    def _call(
        self, operation: str, request: dict[str, Any], act: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        self.before(operation, request)
        answer = act()
        self.after(operation, request)
        return answer


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, "Operation")


def queue(messages: int) -> Any:
    """An SQS client whose queue has this number of messages."""
    attributes = {"ApproximateNumberOfMessages": str(messages)}
    return SimpleNamespace(get_queue_attributes=lambda **_: {"Attributes": attributes})


def photo_id(number: int) -> str:
    """The photo id for a number."""
    return f"019a9fb2-0c7b-7c3e-9a52-{number:012x}"


def ago(**delta: float) -> str:
    """The timestamp of a moment before NOW, as in records."""
    moment = NOW - timedelta(**delta)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def steps(
    step: Callable[[dict[str, Any]], dict[str, Any]], event: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Run all steps like the state machine; yields every state, the last one is done."""
    while not event.get("done"):
        text = json.dumps(step(event))
        assert len(text) < 256 * 1024, "larger than the payload limit of Step Functions"
        event = json.loads(text)
        yield event
        if event["phase"] == "shares":
            for share in event["shares"]:
                child = {"run": event["run"], "scheduled_at": event["scheduled_at"]}
                yield from steps(step, {**child, "share": share})
