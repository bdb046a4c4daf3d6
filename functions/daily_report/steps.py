"""One step of the report: repair what the last step found, then continue reading."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from botocore.exceptions import ClientError

from daily_report import abandoned
from daily_report.judging import Judge
from daily_report.reading import Reader
from daily_report.reconciliation import REPLICATED, ScannedRecord, is_expired
from daily_report.repairing import Repairer
from daily_report.report import make_report, report_key
from daily_report.settings import Settings
from daily_report.state import Part, State
from shared.dynamodb import to_item
from shared.photos import MEDIA_PREFIX, UPLOAD_PREFIX, Status
from shared.view_rows import TOTAL, day_prefix

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

LEASE: Final = timedelta(minutes=15)  # longer than a step takes with all its retries
# Limits of one reader in one step. They keep the state below the 256 KB that Step Functions takes.
_MOST_UNPAIRED: Final = 600
_MOST_FINDINGS: Final = 100
_QUEUE_LENGTH: Final = "ApproximateNumberOfMessages"


class _ViewRow(msgspec.Struct, frozen=True):
    """A row of the views table: the total of a partition key, or its views in one minute."""

    photo_id: str
    period: str
    views: int
    expires_at: int | None = None  # a total has it if its photo is deleted


class DailyReport:
    """Makes one report per date, however often it is invoked.

    `clock` gives the current time. `log` takes an event name and its fields.
    """

    def __init__(
        self,
        *,
        dynamodb: "DynamoDBClient",
        s3: "S3Client",
        sqs: "SQSClient",
        settings: Settings,
        clock: Callable[[], datetime],
        log: Callable[..., None],
    ) -> None:
        self._dynamodb = dynamodb
        self._s3 = s3
        self._sqs = sqs
        self._settings = settings
        self._clock = clock
        self._reader = Reader(dynamodb, s3)
        self._judge = Judge(self._reader, settings)
        self._repairer = Repairer(self._judge, dynamodb, s3, settings, clock, log)
        self._listings = {  # bucket and prefix
            "uploads": (settings.uploads_bucket, UPLOAD_PREFIX),
            "renditions": (settings.media_bucket, MEDIA_PREFIX),
            "failed_batches": (settings.failed_batches_bucket, "aws/lambda/"),
            "quarantine": (settings.failed_batches_bucket, "quarantine/"),
        }

    def step(self, state: State, time_left: Callable[[], float]) -> None:
        """Advance the state while `time_left`, in seconds, is above 0.

        Raises:
            BotoCoreError, ClientError: AWS failed. The step can be repeated from the same state.
        """
        key = report_key(state.date)
        is_first = state.phase == "begin"
        if is_first and self._reader.head_object(self._settings.reports_bucket, key):
            state.skipped = f"{key} exists already"
        elif not self._claim(state):
            state.skipped = "another execution is making the report of this date"
        while state.todo and not state.done and time_left() > 0:
            self._repairer.repair(state.todo[0], state.run.started_at)
            del state.todo[0]
        while not (state.todo or state.done) and time_left() > 0:
            if state.phase == "report":
                self._publish(state, key)
            elif not state.cursor:
                state.enter_next_phase()
            else:
                self._continue_reading(state, time_left)

    def _claim(self, state: State) -> bool:
        """Claim the date for this execution, or renew the claim.

        The claim of an execution that has stopped expires after `LEASE`.
        """
        now = self._clock()
        claim = {
            "id": f"daily_report#{state.date}",
            "execution": state.run.execution,
            "expiration": int((now + LEASE).timestamp()),
        }
        values = {":execution": state.run.execution, ":now": int(now.timestamp())}
        try:
            self._dynamodb.put_item(
                TableName=self._settings.idempotency_table,
                Item=to_item(claim),
                ConditionExpression="attribute_not_exists(id) OR execution = :execution"
                " OR expiration < :now",
                ExpressionAttributeValues=to_item(values),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _publish(self, state: State, key: str) -> None:
        queue = self._sqs.get_queue_attributes(
            QueueUrl=self._settings.failed_events_queue, AttributeNames=[_QUEUE_LENGTH]
        )
        state.counts["failed_events.count"] = int(queue["Attributes"][_QUEUE_LENGTH])
        report = make_report(state, self._clock())
        try:
            self._s3.put_object(
                Bucket=self._settings.reports_bucket,
                Key=key,
                Body=json.dumps(report, indent=2, sort_keys=True).encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            # An earlier attempt of this step has written the report, and its answer was lost.
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
        state.report = key

    def _continue_reading(self, state: State, time_left: Callable[[], float]) -> None:
        """Run the phase's readers in parallel, each until it has enough findings or no time."""
        read_page = {
            "photos": self._compare_tables,
            "views": self._sum_views,
            "objects": self._list_objects,
        }[state.phase]

        def read(reader: str) -> Part:
            part = Part(dict(state.cursor[reader]), last_total=state.last_totals.get(reader))
            while part.positions and len(part.findings) < _MOST_FINDINGS and time_left() > 0:
                read_page(part, reader, state)
            part.findings += self._judge.findings(part.pairs.give_up(0), state.run.started_at)
            return part

        readers = list(state.cursor)
        with ThreadPoolExecutor(len(readers)) as pool:
            for reader, part in zip(readers, pool.map(read, readers), strict=True):
                state.take(reader, part)

    def _scan[T: msgspec.Struct](
        self, part: Part, table: str, segment: str, row_type: type[T], **options: Any
    ) -> list[T]:
        """Rows of the next page; moves the part's position, and adds malformed rows as findings."""
        name = {
            "photos": self._settings.photos_table,
            "catalog": self._settings.catalog_table,
            "views": self._settings.views_table,
        }[table]
        page = self._reader.scan(name, segment, part.positions[table], row_type, **options)
        part.move(table, page.next_position)
        part.findings += [(f"malformed.{table}", photo_id) for photo_id in page.malformed_ids]
        return page.rows

    def _compare_tables(self, part: Part, segment: str, state: State) -> None:
        """Read a page of the table that is behind, and judge records that wait too long."""
        now = state.run.started_at
        table = min(part.positions, key=lambda table: len(part.pairs.waiting[table]))
        for record in self._scan(part, table, segment, ScannedRecord):
            if is_expired(record, now):
                continue
            if table == "photos":
                part.counts[f"photos.{record.status}"] += 1
                ready_bytes = record.bytes if record.status is Status.READY else 0
                part.counts["photos.bytes"] += ready_bytes
                is_compared = record.status in REPLICATED or abandoned.is_abandoned(record, now)
            else:
                is_compared = True
            if is_compared:
                part.pairs.add(table, record)
        part.findings += self._judge.findings(part.pairs.give_up(_MOST_UNPAIRED), now)

    def _sum_views(self, part: Part, segment: str, state: State) -> None:
        """Add a page of totals, and of the minutes of the day before the report."""
        day_before = day_prefix(date.fromisoformat(state.date) - timedelta(days=1))
        rows = self._scan(
            part,
            "views",
            segment,
            _ViewRow,
            FilterExpression="begins_with(#period, :total) OR begins_with(#period, :day)",
            ExpressionAttributeValues=to_item({":total": TOTAL, ":day": day_before}),
        )
        for row in rows:
            if not row.period.startswith(TOTAL):
                part.counts["views.day_before"] += row.views
            elif row.expires_at is None:
                part.counts["views.total"] += row.views
                part.add_total(row.views, row.photo_id)

    def _list_objects(self, part: Part, listing: str, state: State) -> None:
        """Count a page of objects, and find those that no record needs."""
        bucket, prefix = self._listings[listing]
        page = self._reader.list_objects(bucket, prefix, part.positions["objects"])
        part.move("objects", page.next_position)
        part.counts[f"{listing}.count"] += len(page.objects)
        part.counts[f"{listing}.bytes"] += sum(stored["Size"] for stored in page.objects)
        before = state.run.started_at - abandoned.ABANDONED_AFTER
        keys = [stored["Key"] for stored in page.objects if stored["LastModified"] < before]
        orphans = self._judge.orphans(keys, consistent=False)
        part.findings += [(f"orphans.{listing}", key) for key in orphans]
