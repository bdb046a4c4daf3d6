"""Quarantine: a stream record that this version cannot process is kept whole, for a redrive.

If many records of a batch make the function's own code raise, the release is broken.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

QUARANTINE_PREFIX: Final = "quarantine/"
MAX_UNEXPECTED: Final = 10


class BrokenReleaseError(ExceptionGroup[Exception]):
    """The function's own code raised on more than `MAX_UNEXPECTED` records of a batch."""


class Poison(msgspec.Struct, frozen=True):
    """A record as in the event, and why the function cannot process it."""

    function: str
    position: str
    reason: str
    record: Mapping[str, Any]


def refuse_broken_release(unexpected: Sequence[Exception]) -> None:
    """Raise if the function's own code raised on more than a few records of a batch.

    A few are treated as poison, because the records may be at fault.

    Raises:
        BrokenReleaseError: there are more than `MAX_UNEXPECTED`. Lambda delivers the batch again.
    """
    if len(unexpected) > MAX_UNEXPECTED:
        raise BrokenReleaseError(f"the function raised on {len(unexpected)} records", unexpected)


def quarantine_key(function: str, position: str) -> str:
    """The key of a record: the same one however often the record is delivered."""
    return f"{QUARANTINE_PREFIX}{function}/{position}.json"


def quarantine(s3: "S3Client", bucket: str, poison: Poison) -> None:
    """Store the record in the failed-batches bucket.

    `position` is the record's place in its stream: `shard/sequence number` for Kinesis, and the
    sequence number alone for DynamoDB, whose events do not name the shard.

    Raises:
        BotoCoreError, ClientError: the record is not stored and must be delivered again.
    """
    s3.put_object(
        Bucket=bucket,
        Key=quarantine_key(poison.function, poison.position),
        Body=msgspec.json.encode(poison),
        ContentType="application/json",
    )
