"""The catalog rows that a batch of changes leads to, and the cache tags to invalidate."""

import hashlib
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shared.cache_tags import photo_tag
from shared.catalog import catalog_row
from shared.dynamodb import from_item, to_item
from shared.events import check_event
from shared.photos import Photo, Status
from shared.quarantine import Poison, refuse_broken_release

if TYPE_CHECKING:
    from mypy_boto3_cloudfront.type_defs import InvalidationBatchTypeDef
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

FUNCTION: Final = "catalog_replicator"
_LOGGED: Final = ("photo_id", "version", "status", "correlation_id")


class Change(msgspec.Struct, frozen=True):
    """A row to write; `position` is its record's sequence number, `changed_at` is in Unix seconds.

    `deleted_tag` is the cache tag of a deleted photo. It is invalidated after the write.
    """

    position: str
    changed_at: float
    row: "dict[str, AttributeValueTypeDef]"
    deleted_tag: str | None
    record: Mapping[str, Any]


class _Moment(msgspec.Struct):
    seconds: float = msgspec.field(name="ApproximateCreationDateTime")


class _Change(msgspec.Struct, rename="pascal"):
    sequence_number: str


class _StreamRecord(msgspec.Struct):
    event_name: str = msgspec.field(name="eventName")
    dynamodb: _Change


class _Batch(msgspec.Struct, rename="pascal"):
    records: list[_StreamRecord]


def plan(event: Mapping[str, Any], now: datetime) -> list[Change | Poison]:
    """The steps that a batch needs, in the order of its records.

    Raises:
        UnexpectedEventError: the event is not a batch of a DynamoDB stream.
        BrokenReleaseError: too many records made the function's own code raise.
    """
    check_event(FUNCTION, "a batch of a DynamoDB stream", event, _Batch)
    steps: list[Change | Poison] = []
    unexpected: list[Exception] = []
    for record in event["Records"]:
        # Only the TTL removes a photo's record. It removes the tombstone in the catalog as well.
        if record["eventName"] == "REMOVE":
            continue
        change = record["dynamodb"]
        position = change["SequenceNumber"]
        try:
            changed_at = msgspec.convert(change, _Moment).seconds
            photo = from_item(change.get("NewImage", {}), Photo)
            row = catalog_row(photo, now)
            if row:
                tag = photo_tag(photo.photo_id) if photo.status is Status.DELETED else None
                steps.append(Change(position, changed_at, to_item(row), tag, record))
        except msgspec.ValidationError as error:
            steps.append(Poison(FUNCTION, position, str(error), record))
        except Exception as error:  # noqa: BLE001
            unexpected.append(error)
            steps.append(Poison(FUNCTION, position, traceback.format_exc(), record))
    refuse_broken_release(unexpected)
    return steps


def log_fields(step: Change | Poison) -> dict[str, str]:
    """The log fields of a step: its position, and what its record says about the photo."""
    image = step.record["dynamodb"].get("NewImage")
    named = {
        name: text
        for name in (_LOGGED if isinstance(image, Mapping) else ())
        for text in _texts(image.get(name))
    }
    return {"position": step.position, **named}


def _texts(value: Any) -> list[str]:
    """The text of an attribute that has one, as a list of at most one."""
    if not isinstance(value, Mapping):
        return []
    return [text for text in value.values() if isinstance(text, str)][:1]


def poison_count(event: Mapping[str, Any], steps: list[Change | Poison]) -> dict[str, int]:
    """The part of the answer that redrive reads: it must keep records that are poison again."""
    if "redrive" not in event:
        return {}
    return {"poison": sum(isinstance(step, Poison) for step in steps)}


def invalidation_batch(deletions: Sequence[Change]) -> "InvalidationBatchTypeDef":
    """One request for all deletions; CloudFront ignores a repeated one with the same reference."""
    paths = sorted({f"#{change.deleted_tag}" for change in deletions})
    identity = msgspec.json.encode([[change.position for change in deletions], paths])
    reference = hashlib.sha256(identity).hexdigest()
    return {"CallerReference": reference, "Paths": {"Quantity": len(paths), "Items": paths}}
