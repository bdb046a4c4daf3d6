"""One step of the report: act on what the last one found, then read on while there is time."""

import heapq
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

import msgspec
from botocore.exceptions import ClientError

from daily_report import abandoned
from daily_report.reconciliation import REPLICATED, Drift, Record, drift, is_gone
from daily_report.report import make_report, report_key
from daily_report.state import MOST_VIEWED, Finding, Part, State
from shared.catalog import catalog_row, write_row
from shared.dynamodb import from_item, to_item
from shared.photos import MEDIA_PREFIX, UPLOAD_PREFIX, Photo, Status, upload_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef
    from mypy_boto3_sqs import SQSClient

LEASE: Final = timedelta(minutes=15)  # longer than a step takes with all its retries
# Of one reader: a page, unpaired records, and findings enough for a step. So what it hands on
# stays below the 256 KB that Step Functions takes.
_PAGE: Final = 200
_UNPAIRED: Final = 600
_ENOUGH: Final = 100
# By reader: bucket and prefix.
_LISTINGS: Final = {
    "uploads": ("uploads", UPLOAD_PREFIX),
    "renditions": ("media", MEDIA_PREFIX),
    "failed_batches": ("failed_batches", "aws/lambda/"),
    "quarantine": ("failed_batches", "quarantine/"),
}


class _View(msgspec.Struct, frozen=True):
    """A row of the views table: a photo's views in all, or of one minute."""

    photo_id: str
    period: str
    views: int


class _Wrong(msgspec.Struct, frozen=True):
    """What was found, and all that it was found by."""

    name: str
    photo_id: str
    photo: Photo | None
    row: Record | None
    upload: "HeadObjectOutputTypeDef | None"


class DailyReport(msgspec.Struct, frozen=True):
    """Makes one report a date, however often it is asked; `names` is the settings."""

    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    sqs: "SQSClient"
    names: dict[str, str]
    clock: Callable[[], datetime]
    log: Callable[..., None]

    def step(self, state: State, time_left: Callable[[], float]) -> None:
        """Move the state on while `time_left`, in seconds.

        Raises:
            BotoCoreError, ClientError: AWS failed. The step can be repeated from the same state.
        """
        key = report_key(state.date)
        if state.phase == "begin" and self._head("reports", key):
            state.skipped = f"{key} is there already"
        elif not self._claim(state):
            state.skipped = "another execution is making the report of this date"
        while state.todo and not state.done and time_left() > 0:
            self._act(*state.todo[0], state.run.started_at)
            del state.todo[0]
        while not (state.todo or state.done) and time_left() > 0:
            if state.phase == "report":
                self._report(state, key)
            elif not state.cursor:
                state.enter_next_phase()
            else:
                self._read_on(state, time_left)

    def _claim(self, state: State) -> bool:
        """Take the date for this execution, or keep it; the claim of one that died lapses."""
        now = self.clock()
        mine = {"id": f"daily_report#{state.date}", "execution": state.run.execution}
        try:
            self.dynamodb.put_item(
                TableName=self.names["idempotency_table"],
                Item=to_item({**mine, "expiration": int((now + LEASE).timestamp())}),
                ConditionExpression="attribute_not_exists(id) OR execution = :mine"
                " OR expiration < :now",
                ExpressionAttributeValues=to_item(
                    {":mine": mine["execution"], ":now": int(now.timestamp())}
                ),
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _report(self, state: State, key: str) -> None:
        asked: Any = ["ApproximateNumberOfMessages"]
        answer = self.sqs.get_queue_attributes(
            QueueUrl=self.names["failed_events_queue"], AttributeNames=asked
        )
        state.counts["failed_events.count"] = int(answer["Attributes"][asked[0]])
        report = make_report(state, self.clock())
        try:
            self.s3.put_object(
                Bucket=self.names["reports_bucket"],
                Key=key,
                Body=json.dumps(report, indent=2, sort_keys=True).encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            # It is there: this step was tried before, and its answer lost.
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
        state.report = key

    def _read_on(self, state: State, time_left: Callable[[], float]) -> None:
        read_page = {
            "photos": self._compare,
            "views": self._sum_views,
            "objects": self._list_objects,
        }[state.phase]

        def read(reader: str) -> Part:
            part = Part(dict(state.cursor[reader]))
            while part.positions and len(part.findings) < _ENOUGH and time_left() > 0:
                read_page(part, reader, state)
            part.findings += self._wrong(part.pairs.give_up(0), state.run.started_at)
            return part

        readers = list(state.cursor)
        with ThreadPoolExecutor(len(readers)) as pool:
            for reader, part in zip(readers, pool.map(read, readers), strict=True):
                state.take(reader, part)

    def _compare(self, part: Part, segment: str, state: State) -> None:
        """A page of the table that is behind."""
        now = state.run.started_at
        table = min(part.positions, key=lambda table: len(part.pairs.waiting[table]))
        for record in self._scan(part, table, segment, Record):
            if is_gone(record, now):
                continue
            if table == "photos":
                part.counts[f"photos.{record.status}"] += 1
                part.counts["photos.bytes"] += record.bytes * (record.status is Status.READY)
            if (
                table == "catalog"
                or abandoned.is_abandoned(record, now)
                or record.status in REPLICATED
            ):
                part.pairs.add(table, record)
        part.findings += self._wrong(part.pairs.give_up(_UNPAIRED), now)

    def _wrong(self, photo_ids: list[str], now: datetime) -> list[Finding]:
        """Nothing is believed but consistent reads, and few photos need any."""
        suspects = [wrong.photo_id for wrong in self._judge(photo_ids, now, consistent=False)]
        judged = self._judge(suspects, now, consistent=True)
        return [(wrong.name, wrong.photo_id) for wrong in judged]

    def _judge(self, photo_ids: list[str], now: datetime, *, consistent: bool) -> Iterator[_Wrong]:
        rows = self._get("catalog", photo_ids, Record, consistent=consistent)
        photos = self._get("photos", photo_ids, Photo, consistent=consistent)
        for photo_id in photo_ids:
            photo, row = photos.get(photo_id), rows.get(photo_id)
            if None in (photos.get(photo_id, ...), rows.get(photo_id, ...)):
                continue  # malformed
            if difference := drift(photo, row, now):
                yield _Wrong(difference, photo_id, photo, row, None)
            elif photo and abandoned.is_abandoned(photo, now):
                upload = self._head("uploads", upload_key(photo_id))
                if end := abandoned.fate(photo, upload and upload["LastModified"], now):
                    yield _Wrong(end, photo_id, photo, row, upload)

    def _sum_views(self, part: Part, segment: str, state: State) -> None:
        day = f"minute#{date.fromisoformat(state.date) - timedelta(days=1)}"
        wanted: Any = {
            "FilterExpression": "#period = :total OR begins_with(#period, :day)",
            "ExpressionAttributeValues": to_item({":total": "total", ":day": day}),
        }
        for row in self._scan(part, "views", segment, _View, **wanted):
            if row.period == "total":
                part.views = heapq.nlargest(MOST_VIEWED, [*part.views, (row.views, row.photo_id)])
            part.counts["views.total" if row.period == "total" else "views.day_before"] += row.views

    def _list_objects(self, part: Part, listing: str, state: State) -> None:
        bucket, prefix = _LISTINGS[listing]
        more: Any = {"StartAfter": after} if (after := part.positions.pop("objects")) else {}
        page = self.s3.list_objects_v2(
            Bucket=self.names[f"{bucket}_bucket"], Prefix=prefix, MaxKeys=_PAGE, **more
        )
        objects = page.get("Contents", [])
        if page["IsTruncated"]:
            part.positions["objects"] = objects[-1]["Key"]
        part.counts[f"{listing}.count"] += len(objects)
        part.counts[f"{listing}.bytes"] += sum(stored["Size"] for stored in objects)
        old = state.run.started_at - abandoned.ABANDONED_AFTER
        keys = [stored["Key"] for stored in objects if stored["LastModified"] < old]
        orphans = self._orphans(keys, consistent=False)
        part.findings += [(f"orphans.{listing}", key) for key in orphans]

    def _orphans(self, keys: list[str], *, consistent: bool) -> list[str]:
        owners = {key: owner for key in keys if (owner := abandoned.owner_of(key))}
        photos = self._get("photos", {*owners.values()}, Photo, consistent=consistent)
        malformed = {owner for owner, photo in photos.items() if photo is None}
        return [
            key
            for key, owner in owners.items()
            if owner not in malformed and abandoned.is_orphan(key, photos.get(owner))
        ]

    def _act(self, name: str, subject: str, now: datetime) -> None:
        """Make good what was found, as far as it is still so; done again, this changes nothing."""
        if name.startswith("orphans."):
            bucket = "uploads" if subject.startswith(UPLOAD_PREFIX) else "media"
            for key in self._orphans([subject], consistent=True):
                self.s3.delete_object(Bucket=self.names[f"{bucket}_bucket"], Key=key)
                self.log("acted on", finding=name, photo_id=abandoned.owner_of(key), key=key)
            return
        for wrong in self._judge([subject], now, consistent=True):
            if wrong.name.partition(".")[0] == name.partition(".")[0]:  # what else is not on record
                self._make_good(wrong)
                self.log("acted on", finding=wrong.name, photo_id=wrong.photo_id)

    def _make_good(self, wrong: _Wrong) -> None:
        photo, row, upload = wrong.photo, wrong.row, wrong.upload
        if row and wrong.name == Drift.EXTRA:
            with suppress(self.dynamodb.exceptions.ConditionalCheckFailedException):
                self.dynamodb.delete_item(
                    TableName=self.names["catalog_table"],
                    Key=to_item({"photo_id": row.photo_id}),
                    ConditionExpression="version = :seen",
                    ExpressionAttributeValues=to_item({":seen": row.version}),
                )
        if photo and (values := catalog_row(photo, self.clock())):
            write_row(self.dynamodb, self.names["catalog_table"], to_item(values))
        if photo and wrong.name == abandoned.Fate.FAILED:
            failed = msgspec.structs.replace(
                photo,
                version=photo.version + 1,
                status=Status.FAILED,
                error=abandoned.NEVER_UPLOADED,
            )
            write_row(self.dynamodb, self.names["photos_table"], to_item(failed))
        if upload and wrong.name == abandoned.Fate.TAKEN_UP:
            # Copied onto itself it is created anew, and S3 tells the thumbnailer. If it is not the
            # same any more the step fails, and when repeated finds what is true then.
            bucket, key = self.names["uploads_bucket"], upload_key(wrong.photo_id)
            self.s3.copy_object(
                Bucket=bucket,
                Key=key,
                CopySource={"Bucket": bucket, "Key": key},
                CopySourceIfMatch=upload["ETag"],
                MetadataDirective="REPLACE",  # S3 copies onto itself only what changes
                ContentType=upload["ContentType"],
            )

    def _scan[T: Record | _View](
        self, part: Part, table: str, segment: str, type_: type[T], **more: Any
    ) -> Iterator[T]:
        """A page; the part's position moves on, and what is malformed becomes a finding."""
        number, total = map(int, segment.split("/"))
        fields = type_.__struct_fields__
        if position := part.positions.pop(table):
            more["ExclusiveStartKey"] = json.loads(position)
        page = self.dynamodb.scan(
            TableName=self.names[f"{table}_table"],
            Segment=number,
            TotalSegments=total,
            Limit=_PAGE,
            ProjectionExpression=", ".join(f"#{name}" for name in fields),
            ExpressionAttributeNames={f"#{name}": name for name in fields},
            **more,
        )
        if "LastEvaluatedKey" in page:
            part.positions[table] = json.dumps(page["LastEvaluatedKey"])
        for item in page["Items"]:
            if row := _read(item, type_):
                yield row
            else:
                part.findings.append((f"malformed.{table}", item["photo_id"]["S"]))

    def _get[T](
        self, table: str, photo_ids: Iterable[str], type_: type[T], *, consistent: bool
    ) -> dict[str, T | None]:
        """Records by id; what is malformed is None."""
        name, found = self.names[f"{table}_table"], dict[str, T | None]()
        for ids in batched(photo_ids, 100, strict=False):
            keys = [to_item({"photo_id": photo_id}) for photo_id in ids]
            request: Any = {name: {"Keys": keys, "ConsistentRead": consistent}}
            while request:
                answer = self.dynamodb.batch_get_item(RequestItems=request)
                for item in answer["Responses"].get(name, []):
                    found[item["photo_id"]["S"]] = _read(item, type_)
                request = answer["UnprocessedKeys"]
        return found

    def _head(self, bucket: str, key: str) -> "HeadObjectOutputTypeDef | None":
        """What S3 knows of an object, if it is there."""
        try:
            return self.s3.head_object(Bucket=self.names[f"{bucket}_bucket"], Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return None
            raise


def _read[T](item: Any, type_: type[T]) -> T | None:
    with suppress(ValueError):
        return from_item(item, type_)
    return None
