"""The catalog rows that a batch of changes leads to, and the CDN paths to invalidate."""

import hashlib
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from shared.catalog import catalog_row
from shared.dynamodb import from_item, to_item
from shared.photos import Photo, Status
from shared.quarantine import Poison, refuse_broken_release

if TYPE_CHECKING:
    from mypy_boto3_cloudfront.type_defs import InvalidationBatchTypeDef
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

FUNCTION: Final = "catalog_replicator"
_LOGGED: Final = ("photo_id", "version", "status", "correlation_id")


class Change(msgspec.Struct, frozen=True):
    """A row to write; `position` is its record's sequence number, `changed_at` is in Unix seconds.

    `cached_paths` are the CDN paths of a deleted photo. They are invalidated after the write.
    """

    position: str
    changed_at: float
    row: "dict[str, AttributeValueTypeDef]"
    cached_paths: set[str]
    record: Mapping[str, Any]


def plan(event: Mapping[str, Any], now: datetime) -> list[Change | Poison]:
    """The steps that a batch needs, in the order of its records.

    Raises:
        KeyError: the event is not a batch of a DynamoDB stream.
        BrokenReleaseError: too many records made the function's own code raise.
    """
    steps: list[Change | Poison] = []
    unexpected: list[Exception] = []
    for record in event["Records"]:
        # Only the TTL removes a photo's record. It removes the tombstone in the catalog as well.
        if record["eventName"] == "REMOVE":
            continue
        change = record["dynamodb"]
        position, changed_at = change["SequenceNumber"], change["ApproximateCreationDateTime"]
        new, old = change.get("NewImage", {}), change.get("OldImage", {})
        try:
            row = catalog_row(from_item(new, Photo), now)
            if row:
                paths = cached_paths(from_item(old | new, Photo))
                steps.append(Change(position, changed_at, to_item(row), paths, record))
        except msgspec.ValidationError as error:
            steps.append(Poison(FUNCTION, position, str(error), record))
        except Exception as error:  # noqa: BLE001
            unexpected.append(error)
            steps.append(Poison(FUNCTION, position, traceback.format_exc(), record))
    refuse_broken_release(unexpected)
    return steps


def log_fields(step: Change | Poison) -> dict[str, str]:
    """The log fields of a step: its position, and what its record says about the photo."""
    image = step.record["dynamodb"].get("NewImage", {})
    named = {name: value for name in _LOGGED for value in image.get(name, {}).values()}
    return {"position": step.position, **named}


def poison_count(event: Mapping[str, Any], steps: list[Change | Poison]) -> dict[str, int]:
    """The part of the answer that redrive reads: it must keep records that are poison again."""
    if "redrive" not in event:
        return {}
    return {"poison": sum(isinstance(step, Poison) for step in steps)}


def cached_paths(photo: Photo) -> set[str]:
    """The paths that the CDN may have cached of a deleted photo: its page and renditions."""
    if photo.status is not Status.DELETED:
        return set()
    # Quoted also because CloudFront takes a star at the end for a wildcard.
    keys = [rendition.key for rendition in photo.renditions.values()]
    return {f"/photo.html?id={quote(photo.photo_id)}", *(f"/{quote(key)}" for key in keys)}


def invalidation_batch(deletions: Sequence[Change]) -> "InvalidationBatchTypeDef":
    """One request for all deletions; CloudFront ignores a repeated one with the same reference."""
    paths = sorted(set[str]().union(*(change.cached_paths for change in deletions)))
    identity = msgspec.json.encode([[change.position for change in deletions], paths])
    reference = hashlib.sha256(identity).hexdigest()
    return {"CallerReference": reference, "Paths": {"Quantity": len(paths), "Items": paths}}
