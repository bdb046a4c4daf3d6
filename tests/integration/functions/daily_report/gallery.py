"""The gallery as the daily report finds it, in moto."""

import dataclasses
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shared.catalog import catalog_row
from shared.dynamodb import from_item, to_item
from shared.photos import Photo, Rendition, Status, upload_key
from shared.timestamps import iso_milliseconds
from shared.view_rows import TOTAL, magnitude
from tests.support.moto_stack import MotoStack

type Event = dict[str, Any]


@dataclasses.dataclass
class LambdaContext:
    """The attributes of Lambda's context that Powertools and the handler read."""

    function_name: str = "daily_report"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:daily_report"
    aws_request_id: str = "7d3c0b4e-1f57-4c5e-9d6a-2f0f4b8f6a11"
    milliseconds: Callable[[], int] = lambda: 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds()


class Gallery:
    """Its tables and buckets; the clock is the real one, for moto dates objects by it.

    What is to be a day old is made by a report that begins a day from now.
    """

    def __init__(self, stack: MotoStack, step: Callable[[Event], Event]) -> None:
        self.stack = stack
        self.step = step
        self._ids = (f"019a9fb2-0c7b-7c3e-9a52-{n:012x}" for n in itertools.count(1))

    @staticmethod
    def event(*, begins_in: timedelta = timedelta(0), **more: Any) -> Event:
        """The first step, as the state machine asks for it."""
        started_at = iso_milliseconds(datetime.now(UTC) + begins_in)
        return {"run": {"execution": "one", "started_at": started_at}, **more}

    def report(self, event: Event | None = None) -> dict[str, Any]:
        """Step until it is done; the report."""
        state = self.run(event or self.event())
        answer = self.stack.s3.get_object(Bucket=self._name("ReportsBucket"), Key=state["report"])
        assert answer["ContentType"] == "application/json"
        return dict(json.loads(answer["Body"].read()))

    def run(self, event: Event) -> Event:
        """Step until it is done; the last state."""
        for _ in range(100):
            event = json.loads(json.dumps(self.step(event)))
            if event["done"]:
                return event
        raise AssertionError("a hundred steps have not been enough")

    def put_photo(
        self, status: Status = Status.READY, *, days_old: float = 9, **more: Any
    ) -> Photo:
        """A record whose times are this number of days ago."""
        then = datetime.now(UTC) - timedelta(days=days_old)
        values: dict[str, Any] = {
            "photo_id": next(self._ids),
            "version": 2,
            "status": status,
            "owner": "maria",
            "title": "Harbour at dusk",
            "content_type": "image/jpeg",
            "bytes": 1000,
            "created_at": iso_milliseconds(then),
        }
        match status:
            case Status.PENDING:
                values["version"] = 1
            case Status.READY:
                values["ready_at"] = iso_milliseconds(then)
            case Status.DELETED:
                values |= {"version": 3, "expires_at": int((then + timedelta(days=30)).timestamp())}
        photo = Photo(**values | more)
        self._put("PhotosTable", to_item(photo))
        return photo

    def put_row(self, photo: Photo, **changes: Any) -> None:
        """The photo's row in the catalog, as the replicator writes it, or with changes."""
        row = catalog_row(msgspec.structs.replace(photo, **changes), datetime.now(UTC))
        assert row
        self._put("CatalogTable", to_item(row))

    def put_malformed(self, table: str, photo_id: str) -> None:
        """Put an item that has another shape."""
        self._put(table, to_item({"photo_id": photo_id, "version": "two", "status": "READY"}))

    def put_views(self, photo_id: str, period: str, views: int, **more: object) -> None:
        """A row of the views table, as view_counter and the deletion of photos write it."""
        row = {"photo_id": photo_id, "period": period, "views": views, **more}
        if period.startswith(TOTAL) and "expires_at" not in more:
            row |= {"rank_group": photo_id[-1], "magnitude": magnitude(views)}
        self._put("ViewsTable", to_item(row))

    def upload(self, photo: Photo | str, data: bytes = b"photo") -> None:
        photo_id = photo if isinstance(photo, str) else photo.photo_id
        self.put_object("UploadsBucket", upload_key(photo_id), data)

    def put_rendition(self, photo_id: str, etag: str = "abc") -> Rendition:
        key = f"photos/{photo_id}/{etag}/thumb.webp"
        self.put_object("MediaBucket", key, b"webp")
        return Rendition(key=key, width=1, height=1, bytes=4)

    def put_object(self, bucket: str, key: str, data: bytes) -> None:
        self.stack.s3.put_object(
            Bucket=self._name(bucket), Key=key, Body=data, ContentType="image/jpeg"
        )

    def send_failed_event(self) -> None:
        self.stack.sqs.send_message(QueueUrl=self._name("FailedEventsQueue"), MessageBody="{}")

    def photo(self, photo_id: str) -> Photo:
        [photo] = [each for each in self._items("PhotosTable") if each["photo_id"] == photo_id]
        return msgspec.convert(photo, Photo)

    def rows(self) -> dict[str, dict[str, Any]]:
        """The catalog by id, without the time of replication."""
        rows = self._items("CatalogTable")
        return {
            row["photo_id"]: {name: row[name] for name in row if name != "replicated_at"}
            for row in rows
        }

    def keys(self, bucket: str) -> list[str]:
        listed = self.stack.s3.list_objects_v2(Bucket=self._name(bucket)).get("Contents", [])
        return [stored["Key"] for stored in listed]

    def uploaded_at(self, photo: Photo) -> datetime:
        return self.stack.s3.head_object(
            Bucket=self._name("UploadsBucket"), Key=upload_key(photo.photo_id)
        )["LastModified"]

    def clear_claim(self) -> None:
        """As if no report had been begun."""
        for item in self._items("IdempotencyTable"):
            self.stack.dynamodb.delete_item(
                TableName=self._name("IdempotencyTable"), Key=to_item({"id": item["id"]})
            )

    def clear(self) -> None:
        """All tables, buckets and queues that the report reads."""
        queue = self._name("FailedEventsQueue")
        while messages := self.stack.sqs.receive_message(QueueUrl=queue).get("Messages"):
            for message in messages:
                self.stack.sqs.delete_message(
                    QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"]
                )
        keys = {
            "PhotosTable": ["photo_id"],
            "CatalogTable": ["photo_id"],
            "ViewsTable": ["photo_id", "period"],
            "IdempotencyTable": ["id"],
        }
        for table, names in keys.items():
            for item in self._items(table):
                self.stack.dynamodb.delete_item(
                    TableName=self._name(table), Key=to_item({name: item[name] for name in names})
                )
        for bucket in ("UploadsBucket", "MediaBucket", "ReportsBucket", "FailedBatchesBucket"):
            for key in self.keys(bucket):
                self.stack.s3.delete_object(Bucket=self._name(bucket), Key=key)

    def _put(self, table: str, item: dict[str, Any]) -> None:
        self.stack.dynamodb.put_item(TableName=self._name(table), Item=item)

    def _items(self, table: str) -> list[dict[str, Any]]:
        items = self.stack.dynamodb.scan(TableName=self._name(table))["Items"]
        return [from_item(item, dict) for item in items]

    def _name(self, resource: str) -> str:
        return self.stack.names[resource]
