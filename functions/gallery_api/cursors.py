"""Cursors: where a page of photos ended. They hold a photo's id and nothing that is ours to say."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from http import HTTPStatus
from uuid import UUID

from gallery_api.problems import ProblemError
from shared.photo_ids import is_photo_id


def encode_cursor(photo_id: str) -> str:
    """The cursor that goes on behind this photo."""
    return urlsafe_b64encode(UUID(photo_id).bytes).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The photo id in a cursor.

    Raises:
        ProblemError: `encode_cursor` did not write it.
    """
    try:
        photo_id = str(UUID(bytes=urlsafe_b64decode(f"{cursor}==")))
    except ValueError:
        photo_id = ""
    # base64 overlooks foreign characters and loose bits.
    if not is_photo_id(photo_id) or encode_cursor(photo_id) != cursor:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "cursor must be one from an earlier answer")
    return photo_id
