"""Sorts each file of meter readings that arrives in the bucket, by meter and time."""

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import boto3

from external_sort import sort_lines

SORTED_BUCKET = os.environ["SORTED_BUCKET"]
TMP_BYTES = int(os.environ["TMP_MEGABYTES"]) * 2**20
RUN_BYTES = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) * 2**20 // 8
# In /tmp: Lambda keeps it for later invocations of the same environment.
FOLDER = Path(tempfile.gettempdir()) / "readings"

logger = logging.getLogger()
s3 = boto3.client("s3")


class TooLargeError(Exception):
    """The file needs more storage than /tmp has."""


def handler(event: dict[str, Any], _context: object) -> None:
    """Sort the uploaded files; an exception lets Lambda try again, and then keep the event."""
    for record in event["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
        size = record["s3"]["object"]["size"]
        if 2 * size > TMP_BYTES:
            raise TooLargeError(
                f"{key} has {size / 2**20:,.0f} MB, and sorting it needs twice as much in /tmp,"
                f" which has {TMP_BYTES / 2**20:,.0f} MB. Raise TmpMegabytes, and send the event"
                " again."
            )
        lines = sort_object(bucket, key)
        logger.info("sorted", extra={"key": key, "lines": lines, "bytes": size})


def sort_object(bucket: str, key: str) -> int:
    """Sort one object into the other bucket, under the same key, and return its lines.

    The folder is emptied before too: an invocation that timed out has not emptied it.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    try:
        source, target = FOLDER / "source", FOLDER / "sorted"
        s3.download_file(bucket, key, str(source))
        lines = sort_lines(source, target, RUN_BYTES)
        s3.upload_file(str(target), SORTED_BUCKET, key)
    finally:
        shutil.rmtree(FOLDER)
    return lines
