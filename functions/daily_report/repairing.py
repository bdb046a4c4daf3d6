"""Repairs of what an earlier step has found."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from daily_report import abandoned
from daily_report.judging import Discrepancy, Judge
from daily_report.reconciliation import Drift
from daily_report.settings import Settings
from daily_report.state import Finding
from shared.catalog import catalog_row, write_row
from shared.dynamodb import to_item
from shared.photos import UPLOAD_PREFIX, Status, upload_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


class Repairer(msgspec.Struct, frozen=True):
    """Repairs findings that are still true; a repair that is repeated changes nothing."""

    judge: Judge
    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    settings: Settings
    clock: Callable[[], datetime]
    log: Callable[..., None]

    def repair(self, finding: Finding, now: datetime) -> None:
        """Judge again with consistent reads, and repair the finding if it is still true.

        Raises:
            BotoCoreError, ClientError: AWS failed. The repair can be repeated.
        """
        name, subject = finding
        if name.startswith("orphans."):
            self._remove_orphan(name, subject)
            return
        for found in self.judge.discrepancies([subject], now, consistent=True):
            # Another kind of discrepancy has not been counted yet, so it waits for the next report.
            if found.name.partition(".")[0] == name.partition(".")[0]:
                self._repair(found)
                self.log("finding_repaired", finding=found.name, photo_id=found.photo_id)

    def _remove_orphan(self, name: str, key: str) -> None:
        settings = self.settings
        is_upload = key.startswith(UPLOAD_PREFIX)
        bucket = settings.uploads_bucket if is_upload else settings.media_bucket
        if self.judge.orphans([key], consistent=True):
            self.s3.delete_object(Bucket=bucket, Key=key)
            photo_id = abandoned.photo_id_of(key)
            self.log("finding_repaired", finding=name, photo_id=photo_id, key=key)

    def _repair(self, found: Discrepancy) -> None:
        photo = found.photo
        if found.row and found.name == Drift.EXTRA:
            self._delete_row(found.photo_id, found.row.version)
        if photo:
            row = catalog_row(photo, self.clock())
            if row:
                write_row(self.dynamodb, self.settings.catalog_table, to_item(row))
        if photo and found.name == abandoned.AbandonedOutcome.FAILED:
            failed = msgspec.structs.replace(
                photo,
                version=photo.version + 1,
                status=Status.FAILED,
                error=abandoned.NEVER_UPLOADED,
            )
            write_row(self.dynamodb, self.settings.photos_table, to_item(failed))
        if found.upload and found.name == abandoned.AbandonedOutcome.RESENT:
            self._notify_again(found.photo_id, found.upload["ETag"], found.upload["ContentType"])

    def _delete_row(self, photo_id: str, version: int) -> None:
        with suppress(self.dynamodb.exceptions.ConditionalCheckFailedException):
            self.dynamodb.delete_item(
                TableName=self.settings.catalog_table,
                Key=to_item({"photo_id": photo_id}),
                ConditionExpression="version = :seen",
                ExpressionAttributeValues=to_item({":seen": version}),
            )

    def _notify_again(self, photo_id: str, etag: str, content_type: str) -> None:
        """Copy the upload onto itself: S3 then notifies the thumbnailer again.

        If the upload has changed meanwhile the copy fails. The repeated step judges again.
        """
        bucket, key = self.settings.uploads_bucket, upload_key(photo_id)
        self.s3.copy_object(
            Bucket=bucket,
            Key=key,
            CopySource={"Bucket": bucket, "Key": key},
            CopySourceIfMatch=etag,
            MetadataDirective="REPLACE",  # without it, S3 refuses a copy onto itself
            ContentType=content_type,
        )
