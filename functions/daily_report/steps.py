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
from daily_report.ranking import RANKING, RankedPage, Ranking, Total
from daily_report.reading import Storage
from daily_report.reconciliation import REPLICATED, ScannedRecord, is_expired
from daily_report.repairing import Repairer
from daily_report.report import make_report, part_key, report_key
from daily_report.settings import Settings
from daily_report.shares import Share, make_shares
from daily_report.state import Found, Progress, State
from shared.dynamodb import to_item
from shared.photo_ids import created_at, is_photo_id
from shared.photos import MEDIA_PREFIX, UPLOAD_PREFIX, Photo, Status
from shared.view_rows import TOTAL, day_prefix

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

LEASE: Final = timedelta(minutes=15)  # longer than a step takes with all its retries
# Limits of one reader in one step. They keep the state below the 256 KB that Step Functions takes.
_MAX_UNPAIRED: Final = 600
_MAX_FINDINGS: Final = 100
VIEWS_PAGE_SIZE: Final = 5000  # most rows are old minutes, which the filter leaves out
_READ_AT_ONCE: Final = 10  # parts, or rank groups: botocore keeps ten connections
ROWS_OF_VIEWS: Final = 30
"""Rows of views that take about as long to read as a photo with its row and objects."""
_QUEUE_LENGTH: Final = "ApproximateNumberOfMessages"


class _ViewRow(msgspec.Struct, frozen=True):
    """A row of the views table: the total of a key of the stream, or its views in one minute."""

    photo_id: str
    period: str
    views: int
    expires_at: int | None = None  # a total has it if its photo is deleted


# msgspec 0.22 prepares a type when it is first used. If two threads do that at the same time, the
# process crashes, so the types that the threads below use are prepared here.
READ_BY_THREADS: Final = (ScannedRecord, Photo, _ViewRow, Total, Found)
for _type in READ_BY_THREADS:
    msgspec.json.Decoder(_type)


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
        self._storage = Storage(dynamodb, s3)
        self._ranking = Ranking(dynamodb, settings.views_table)
        self._judge = Judge(self._storage, settings)
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
        is_first = state.phase == "begin" and not state.share
        if is_first and self._storage.head_object(self._settings.reports_bucket, key):
            state.skipped = f"{key} exists already"
        elif not self._claim(state):
            state.skipped = "another execution is making the report of this date"
        elif state.phase == "shares":
            self._merge_parts(state)
        elif is_first:
            state.shares = self._shares(state)
            if state.shares:
                state.phase = "shares"
                return
        while state.todo and not state.done and time_left() > 0:
            self._repairer.repair(state.todo[0], state.run.started_at)
            del state.todo[0]
        while not (state.todo or state.done) and time_left() > 0:
            if state.phase == "report":
                self._publish(state, key)
            elif state.phase == "part" and state.share:
                self._store_part(state, state.share)
            elif not state.cursor:
                state.enter_next_phase()
            elif state.phase == RANKING:
                self._rank(state)
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

    def _shares(self, state: State) -> list[Share]:
        """The shares to read in parallel; none if one execution can read the tables alone."""
        photos = self._storage.number_of_rows(self._settings.photos_table)
        rows = self._storage.number_of_rows(self._settings.views_table)
        bucket, prefix = self._listings["uploads"]
        first = self._storage.oldest_object(bucket, prefix)
        photo_id = abandoned.photo_id_of(first) if first else None
        newest = state.run.started_at
        oldest = created_at(photo_id) if photo_id and is_photo_id(photo_id) else newest
        return make_shares(
            max(photos, rows // ROWS_OF_VIEWS), state.photos_per_share, oldest, newest
        )

    def _store_part(self, state: State, share: Share) -> None:
        key = part_key(state.date, share.number)
        found = Found(state.run.execution, state.counts, state.examples)
        self._s3.put_object(
            Bucket=self._settings.reports_bucket,
            Key=key,
            Body=msgspec.json.encode(found),
            ContentType="application/json",
        )
        state.part = key

    def _merge_parts(self, state: State) -> None:
        """Add what all shares have found.

        Raises:
            RuntimeError: a part is of another execution.
        """

        def part(share: Share) -> Found:
            key = part_key(state.date, share.number)
            answer = self._s3.get_object(Bucket=self._settings.reports_bucket, Key=key)
            found = msgspec.json.decode(answer["Body"].read(), type=Found)
            if found.execution != state.run.execution:
                raise RuntimeError(
                    f"{key} is of the execution {found.execution}: start a new execution"
                )
            return found

        with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
            for found in pool.map(part, state.shares):
                state.merge(found)
        state.shares = []
        state.enter_next_phase()

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

        def read(reader: str) -> Progress:
            progress = Progress(dict(state.cursor[reader]))
            while progress.positions and len(progress.findings) < _MAX_FINDINGS and time_left() > 0:
                read_page(progress, reader, state)
            unpaired = progress.pairs.give_up(0)
            progress.findings += self._judge.findings(unpaired, state.run.started_at)
            return progress

        readers = list(state.cursor)
        with ThreadPoolExecutor(len(readers)) as pool:
            for reader, progress in zip(readers, pool.map(read, readers), strict=True):
                state.take(reader, progress)

    def _scan[T: msgspec.Struct](
        self, progress: Progress, table: str, segment: str, row_type: type[T], **options: Any
    ) -> list[T]:
        """Rows of the next page; moves the position, and adds malformed rows as findings."""
        name = {
            "photos": self._settings.photos_table,
            "catalog": self._settings.catalog_table,
            "views": self._settings.views_table,
        }[table]
        page = self._storage.scan(name, segment, progress.positions[table], row_type, **options)
        progress.move(table, page.next_position)
        progress.findings += [(f"malformed.{table}", photo_id) for photo_id in page.malformed_ids]
        return page.rows

    def _compare_tables(self, progress: Progress, segment: str, state: State) -> None:
        """Read a page of the table that is behind; judge records if too many have no pair yet."""
        now = state.run.started_at
        table = min(progress.positions, key=lambda table: len(progress.pairs.waiting[table]))
        for record in self._scan(progress, table, segment, ScannedRecord):
            if is_expired(record, now):
                continue
            if table == "photos":
                progress.counts[f"photos.{record.status}"] += 1
                ready_bytes = record.bytes if record.status is Status.READY else 0
                progress.counts["photos.bytes"] += ready_bytes
                is_compared = record.status in REPLICATED or abandoned.is_abandoned(record, now)
            else:
                is_compared = True
            if is_compared:
                progress.pairs.add(table, record)
        progress.findings += self._judge.findings(progress.pairs.give_up(_MAX_UNPAIRED), now)

    def _sum_views(self, progress: Progress, segment: str, state: State) -> None:
        """Add a page of totals, and of the minutes of the day before the report."""
        day_before = day_prefix(date.fromisoformat(state.date) - timedelta(days=1))
        rows = self._scan(
            progress,
            "views",
            segment,
            _ViewRow,
            Limit=VIEWS_PAGE_SIZE,
            FilterExpression="begins_with(#period, :total) OR begins_with(#period, :day)",
            ExpressionAttributeValues=to_item({":total": TOTAL, ":day": day_before}),
        )
        for row in rows:
            if not row.period.startswith(TOTAL):
                progress.counts["views.day_before"] += row.views
            elif row.expires_at is None:
                progress.counts["views.total"] += row.views

    def _rank(self, state: State) -> None:
        """Rank the photos of a page of each rank group."""

        def read(group: str) -> RankedPage:
            return self._ranking.page(group, state.cursor[group][RANKING])

        groups = list(state.cursor)
        with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
            state.rank(dict(zip(groups, pool.map(read, groups), strict=True)))

    def _list_objects(self, progress: Progress, listing: str, state: State) -> None:
        """Count a page of objects, and find those that no record needs."""
        bucket, prefix = self._listings[listing]
        end = (state.share or Share()).end_of(listing)
        page = self._storage.list_objects(bucket, prefix, progress.positions["objects"], end)
        objects, next_position = page.objects, page.next_position
        before = state.run.started_at - abandoned.ABANDONED_AFTER
        keys = [stored["Key"] for stored in objects if stored["LastModified"] < before]
        orphans = self._judge.orphans(keys, consistent=False)
        if len(orphans) > _MAX_FINDINGS:
            orphans = orphans[:_MAX_FINDINGS]
            next_position = orphans[-1]
            objects = [stored for stored in objects if stored["Key"] <= next_position]
        progress.move("objects", next_position)
        progress.counts[f"{listing}.count"] += len(objects)
        progress.counts[f"{listing}.bytes"] += sum(stored["Size"] for stored in objects)
        progress.findings += [(f"orphans.{listing}", key) for key in orphans]
