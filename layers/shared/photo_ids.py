"""Photo ids: UUIDv7 (RFC 9562), which sort by the time of their creation."""

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Final

PHOTO_ID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_EPOCH = datetime.fromtimestamp(0, UTC)


def new_photo_id(moment: datetime) -> str:
    """An id that cannot be guessed, for a photo created at `moment`."""
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    octets = bytearray(milliseconds.to_bytes(6) + os.urandom(10))
    octets[6] = 0x70 | octets[6] & 0x0F
    octets[8] = 0x80 | octets[8] & 0x3F
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def id_prefix(moment: datetime) -> str:
    """A prefix that sorts after all ids that were created before `moment`."""
    digits = f"{(moment - _EPOCH) // timedelta(milliseconds=1):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def created_at(photo_id: str) -> datetime:
    """When a photo with this id was created; it must be a photo's id."""
    return _EPOCH + timedelta(milliseconds=int(photo_id[:8] + photo_id[9:13], 16))


def is_photo_id(text: str) -> bool:
    """Whether `text` has the form that `new_photo_id` writes."""
    return PHOTO_ID.fullmatch(text) is not None
