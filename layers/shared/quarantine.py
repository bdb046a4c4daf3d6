"""Where a stream record goes that can never be processed: kept whole, for a person to replay.

Unless so many of a batch cannot be that the release is what is wrong.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

QUARANTINE_PREFIX: Final = "quarantine/"
MOST_UNEXPECTED: Final = 10


class BrokenReleaseError(ExceptionGroup[Exception]):
    """Our own code raised on so many records of a batch that it is to blame, and not they."""


class Poison(msgspec.Struct, frozen=True):
    """A record as the event had it, and why it cannot be processed."""

    function: str
    position: str
    reason: str
    record: Mapping[str, Any]


def refuse_broken_release(unexpected: Sequence[Exception]) -> None:
    """Accept what our own code raised on records of a batch, if the records may be to blame.

    Raises:
        BrokenReleaseError: on more than `MOST_UNEXPECTED`; a better release is to try the batch.
    """
    if len(unexpected) > MOST_UNEXPECTED:
        raise BrokenReleaseError(f"the function raised on {len(unexpected)} records", unexpected)


def quarantine_key(function: str, position: str) -> str:
    """The same record goes to the same key, however often it is delivered."""
    return f"{QUARANTINE_PREFIX}{function}/{position}.json"


def put_aside(s3: "S3Client", bucket: str, poison: Poison) -> None:
    """Keep the poison in the failed-batches bucket.

    `position` is the record's in its stream: shard and sequence number with a slash between them,
    or the sequence number alone, which is all that an event of DynamoDB tells.

    Raises:
        BotoCoreError, ClientError: it is not kept; the record must be delivered again.
    """
    s3.put_object(
        Bucket=bucket,
        Key=quarantine_key(poison.function, poison.position),
        Body=msgspec.json.encode(poison),
        ContentType="application/json",
    )
