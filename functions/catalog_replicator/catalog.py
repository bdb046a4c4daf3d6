"""Changes of photos in; rows of the catalog, and what the CDN must forget, out."""

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
_ABOUT: Final = ("photo_id", "version", "status", "correlation_id")


class Change(msgspec.Struct, frozen=True):
    """A row to write; `position` is its record's sequence number, `changed_at` in Unix seconds.

    `cached_paths` are what the CDN must forget of a deleted photo, once the row is written.
    """

    position: str
    changed_at: float
    row: "dict[str, AttributeValueTypeDef]"
    cached_paths: set[str]
    record: Mapping[str, Any]


def plan(event: Mapping[str, Any], now: datetime) -> list[Change | Poison]:
    """What to do about a batch, in the order of its records.

    Raises:
        KeyError: the event is no batch of a DynamoDB stream.
        BrokenReleaseError: the batch is to be tried again, by a better release.
    """
    steps: list[Change | Poison] = []
    unexpected: list[Exception] = []
    for record in event["Records"]:
        # A photo's record goes by its TTL alone, when its tombstone is about to go by its own.
        if record["eventName"] == "REMOVE":
            continue
        change = record["dynamodb"]
        position, changed_at = change["SequenceNumber"], change["ApproximateCreationDateTime"]
        new, old = change.get("NewImage", {}), change.get("OldImage", {})
        try:
            if row := catalog_row(from_item(new, Photo), now):
                paths = cached_paths(from_item(old | new, Photo))
                steps.append(Change(position, changed_at, to_item(row), paths, record))
        except msgspec.ValidationError as error:
            steps.append(Poison(FUNCTION, position, str(error), record))
        except Exception as error:  # noqa: BLE001
            unexpected.append(error)
            steps.append(Poison(FUNCTION, position, traceback.format_exc(), record))
    refuse_broken_release(unexpected)
    return steps


def about(step: Change | Poison) -> dict[str, str]:
    """What a log line says of the photo that a step is about, as far as its record does."""
    image = step.record["dynamodb"].get("NewImage", {})
    named = {name: value for name in _ABOUT for value in image.get(name, {}).values()}
    return {"position": step.position, **named}


def still_poison(event: Mapping[str, Any], steps: list[Change | Poison]) -> dict[str, int]:
    """What redrive is told: it must not delete what was put aside again."""
    return {"poison": sum(isinstance(s, Poison) for s in steps)} if "redrive" in event else {}


def cached_paths(photo: Photo) -> set[str]:
    """What the CDN may hold of a photo that is no more: its page and renditions."""
    if photo.status is not Status.DELETED:
        return set()
    # Quoted also because a star at the end would mean all that begins like it.
    keys = [rendition.key for rendition in photo.renditions.values()]
    return {f"/photo.html?id={quote(photo.photo_id)}", *(f"/{quote(key)}" for key in keys)}


def invalidation_batch(deletions: Sequence[Change]) -> "InvalidationBatchTypeDef":
    """One request for all; for the same records it is the same, and CloudFront takes it as one."""
    paths = sorted(set[str]().union(*(change.cached_paths for change in deletions)))
    identity = msgspec.json.encode([[change.position for change in deletions], paths])
    reference = hashlib.sha256(identity).hexdigest()
    return {"CallerReference": reference, "Paths": {"Quantity": len(paths), "Items": paths}}
