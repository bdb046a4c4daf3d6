"""Make the renditions of an uploaded photo, and report a READY photo without its original."""

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.session import get_session

from shared.client_config import client_config
from shared.clients import make_client
from shared.logs import make_logger
from shared.settings import load_settings
from thumbnailer.notifications import RemovedObject, UploadedObject, objects_in
from thumbnailer.uploads import Thumbnailer, ThumbnailingError, UploadOutcome

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Settings(msgspec.Struct, frozen=True):
    """What template.yaml declares under Environment."""

    photos_table: str
    media_bucket: str


# A call that gets no answer ends after 24 s (three attempts of 7 s and the pauses). The function's
# timeout of 60 s is long enough for one such call, for decoding the largest photo, and for logging
# and raising the error. After several such calls, Lambda may end the invocation. It then repeats
# the event.
aws_config = client_config(connect=2, read=5, attempts=3)
logger = make_logger()  # before the session: libraries are quiet from here on
session = get_session()
metrics = Metrics()
thumbnailer = Thumbnailer(
    **msgspec.structs.asdict(load_settings(Settings, os.environ)),
    s3=make_client(session, "s3", aws_config),
    dynamodb=make_client(session, "dynamodb", aws_config),
    clock=lambda: datetime.now(UTC),
    found=lambda photo: logger.set_correlation_id(photo.correlation_id if photo else None),
)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> None:  # noqa: ARG001
    """Process every object of the notification; raise at the end if any of them failed."""
    for name in (*UploadOutcome, "OriginalsMissing"):
        metrics.add_metric(name, MetricUnit.Count, 0)
    objects = objects_in(event)
    faults: list[tuple[str, Exception]] = []
    for each in objects:
        with logger.append_context_keys(photo_id=each.photo_id, key=each.key, correlation_id=None):
            try:
                if isinstance(each, RemovedObject):
                    _check_removal(each)
                else:
                    _process_upload(each)
            except Exception as fault:
                is_removal = isinstance(each, RemovedObject)
                logger.exception("removal_check_failed" if is_removal else "upload_failed")
                faults.append((each.key, fault))
    if faults:
        # The failed-events queue gets the message of this exception group, but not the exceptions
        # in it. So the message lists them.
        causes = "; ".join(f"{key}: {fault}" for key, fault in faults)
        message = f"{len(faults)} of {len(objects)} objects failed: {causes}"
        raise ThumbnailingError(message, [fault for _, fault in faults])


def _process_upload(upload: UploadedObject) -> None:
    result = thumbnailer.process(upload)
    log = logger.warning if result.outcome is UploadOutcome.FAILED else logger.info
    log("upload_processed", outcome=result.outcome, reason=result.reason)
    metrics.add_metric(result.outcome, MetricUnit.Count, 1)
    if result.outcome is UploadOutcome.READY:
        age = (thumbnailer.clock() - upload.uploaded_at) / timedelta(milliseconds=1)
        metrics.add_metric("ThumbnailAge", MetricUnit.Milliseconds, age)


def _check_removal(removed: RemovedObject) -> None:
    if thumbnailer.is_missing(removed):
        logger.error("original_missing", removed_by=removed.removed_by)
        metrics.add_metric("OriginalsMissing", MetricUnit.Count, 1)
