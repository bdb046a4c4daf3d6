"""A photo's record, as the photos table has it."""

import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


def new_photo_id() -> str:
    """A UUIDv7, which begins with the time."""
    text = f"{time.time_ns() // 1_000_000:012x}7{secrets.randbits(12):03x}"
    text += f"{0x8000 | secrets.randbits(14):04x}{secrets.randbits(48):012x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def now() -> str:
    """ISO 8601 with milliseconds, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pending(photo_id: str) -> "dict[str, AttributeValueTypeDef]":
    """The record of a photo that is announced and not uploaded yet."""
    return {
        "photo_id": {"S": photo_id},
        "version": {"N": "1"},
        "status": {"S": "PENDING"},
        "owner": {"S": "somebody"},
        "title": {"S": "Harbour at dawn"},
        "content_type": {"S": "image/png"},
        "bytes": {"N": "1000"},
        "created_at": {"S": now()},
    }


def ready(photo_id: str) -> "dict[str, AttributeValueTypeDef]":
    """The record of a photo that has its renditions."""
    key = f"photos/{photo_id}/abc/large.webp"
    large = {"key": {"S": key}, "width": {"N": "4"}, "height": {"N": "3"}, "bytes": {"N": "99"}}
    return {
        **pending(photo_id),
        "version": {"N": "2"},
        "status": {"S": "READY"},
        "width": {"N": "4"},
        "height": {"N": "3"},
        "color": {"S": "#336699"},
        "etag": {"S": "abc"},
        "renditions": {"M": {"large": {"M": large}}},
        "uploaded_at": {"S": now()},
        "ready_at": {"S": now()},
    }
