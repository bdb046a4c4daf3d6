"""The catalog rows to write for a batch of stream records, and the cache tags to invalidate."""

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


class CatalogWrite(msgspec.Struct, frozen=True):
    """A row to write to the catalog, and the stream record that it was made from.

    `position` is the sequence number of the record. `changed_at` is the time of the photo's change
    in Unix seconds. `deleted_tag` is the cache tag of a deleted photo: it is invalidated after the
    write.
    """

    position: str
    changed_at: float
    row: "dict[str, AttributeValueTypeDef]"
    deleted_tag: str | None
    record: Mapping[str, Any]


class _Moment(msgspec.Struct):
    seconds: float = msgspec.field(name="ApproximateCreationDateTime")


class _StreamRecord(msgspec.Struct, rename="pascal"):
    sequence_number: str


class _Record(msgspec.Struct):
    event_name: str = msgspec.field(name="eventName")
    dynamodb: _StreamRecord


class _Batch(msgspec.Struct, rename="pascal"):
    records: list[_Record]


def plan(event: Mapping[str, Any], now: datetime) -> list[CatalogWrite | Poison]:
    """What to write and what to quarantine for a batch, in the order of its records.

    Raises:
        UnexpectedEventError: the event is not a batch of a DynamoDB stream.
        BrokenReleaseError: too many records made the function's own code raise.
    """
    check_event(FUNCTION, "a batch of a DynamoDB stream", event, _Batch)
    steps: list[CatalogWrite | Poison] = []
    unexpected: list[Exception] = []
    for record in event["Records"]:
        # Only the TTL removes a photo's record. The catalog's tombstone has a TTL of its own.
        if record["eventName"] == "REMOVE":
            continue
        stream_record = record["dynamodb"]
        position = stream_record["SequenceNumber"]
        try:
            changed_at = msgspec.convert(stream_record, _Moment).seconds
            photo = from_item(stream_record.get("NewImage", {}), Photo)
            row = catalog_row(photo, now)
            if row:
                tag = photo_tag(photo.photo_id) if photo.status is Status.DELETED else None
                steps.append(CatalogWrite(position, changed_at, to_item(row), tag, record))
        except msgspec.ValidationError as error:
            steps.append(Poison(FUNCTION, position, str(error), record))
        except Exception as error:  # noqa: BLE001
            unexpected.append(error)
            steps.append(Poison(FUNCTION, position, traceback.format_exc(), record))
    refuse_broken_release(unexpected)
    return steps


def log_fields(step: CatalogWrite | Poison) -> dict[str, str]:
    """The log fields of a step: its position, and the attributes in `_LOGGED` of its photo."""
    fields = {"position": step.position}
    image = step.record["dynamodb"].get("NewImage")
    if isinstance(image, Mapping):
        for name in _LOGGED:
            text = _text(image.get(name))
            if text is not None:
                fields[name] = text
    return fields


def _text(value: Any) -> str | None:
    """The text of an attribute in DynamoDB's form, such as `{"S": "text"}`; None without one."""
    if not isinstance(value, Mapping):
        return None
    return next((text for text in value.values() if isinstance(text, str)), None)


def poison_count(event: Mapping[str, Any], steps: list[CatalogWrite | Poison]) -> dict[str, int]:
    """For a redrive, the number of records that are still poison; empty for a batch of the stream.

    The event of a redrive has `Records` like a batch, and an empty `redrive` beside it.

    `make redrive` keeps a quarantined record that is still poison. It deletes a failed batch after
    its replay even if some of its records are poison: they are in quarantine by then.
    """
    if "redrive" not in event:
        return {}
    return {"poison": sum(isinstance(step, Poison) for step in steps)}


def invalidation_batch(deletions: Sequence[CatalogWrite]) -> "InvalidationBatchTypeDef":
    """One request for all deletions; CloudFront ignores a repeated one with the same reference."""
    paths = sorted({f"#{deletion.deleted_tag}" for deletion in deletions})
    identity = msgspec.json.encode([[deletion.position for deletion in deletions], paths])
    reference = hashlib.sha256(identity).hexdigest()
    return {"CallerReference": reference, "Paths": {"Quantity": len(paths), "Items": paths}}
