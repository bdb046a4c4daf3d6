"""Changes of photos in, rows of the catalog out."""

import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shared.dynamodb import from_item, to_item
from shared.photos import FEED, Photo, Status
from shared.quarantine import Poison
from shared.timestamps import iso_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

FUNCTION: Final = "catalog_replicator"
MOST_UNEXPECTED: Final = 10

# Named one by one: a new attribute of photos is private until somebody puts it here.
_IDENTITY: Final = ("photo_id", "version", "status")
_AS_ANNOUNCED: Final = ("title", "content_type", "bytes", "created_at")
_AS_FOUND: Final = ("width", "height", "color", "renditions", "uploaded_at", "ready_at")
_ATTRIBUTES: Final = {
    Status.READY: (*_IDENTITY, *_AS_ANNOUNCED, *_AS_FOUND),
    Status.DELETED: (*_IDENTITY, "expires_at"),
}


class BrokenReleaseError(ExceptionGroup[Exception]):
    """Our own code raised on more than `MOST_UNEXPECTED` records: they are not what is wrong."""


class Change(msgspec.Struct, frozen=True):
    """A row to write; `position` is its record's sequence number, `changed_at` in Unix seconds."""

    position: str
    changed_at: float
    row: "dict[str, AttributeValueTypeDef]"


class _StreamRecord(msgspec.Struct, rename="pascal"):
    sequence_number: str
    approximate_creation_date_time: float
    new_image: dict[str, Any] = {}


class _Record(msgspec.Struct, rename="camel"):
    event_name: str
    dynamodb: _StreamRecord


class _Batch(msgspec.Struct, rename="pascal"):
    records: list[_Record]


def plan(event: Mapping[str, Any], now: datetime) -> list[Change | Poison]:
    """What to do about a batch, in the order of its records.

    Raises:
        msgspec.ValidationError: the event is no batch of a DynamoDB stream.
        BrokenReleaseError: the batch is to be tried again, by a better release.
    """
    steps: list[Change | Poison] = []
    unexpected: list[Exception] = []
    for record, whole in zip(msgspec.convert(event, _Batch).records, event["Records"], strict=True):
        # A photo's record goes by its TTL alone, when its tombstone is about to go by its own.
        if record.event_name == "REMOVE":
            continue
        change = record.dynamodb
        try:
            if row := catalog_row(from_item(change.new_image, Photo), now):
                changed_at = change.approximate_creation_date_time
                steps.append(Change(change.sequence_number, changed_at, to_item(row)))
        except msgspec.ValidationError as error:
            steps.append(Poison(FUNCTION, change.sequence_number, str(error), whole))
        except Exception as error:  # noqa: BLE001
            unexpected.append(error)
            reason = traceback.format_exc()
            steps.append(Poison(FUNCTION, change.sequence_number, reason, whole))
    if len(unexpected) > MOST_UNEXPECTED:
        raise BrokenReleaseError("too many to be the records' fault", unexpected)
    return steps


def still_poison(event: Mapping[str, Any], steps: list[Change | Poison]) -> dict[str, int]:
    """What redrive is told: it must not delete what was put aside again."""
    return {"poison": sum(isinstance(s, Poison) for s in steps)} if "redrive" in event else {}


def catalog_row(photo: Photo, now: datetime) -> dict[str, Any] | None:
    """The photo's row or tombstone; None while there is nothing for the public to see."""
    if photo.status not in _ATTRIBUTES:
        return None
    values = msgspec.to_builtins(photo)
    row = {name: values[name] for name in _ATTRIBUTES[photo.status] if name in values}
    row["replicated_at"] = iso_milliseconds(now)
    if photo.status is Status.READY:
        row["feed"] = FEED
    return row
