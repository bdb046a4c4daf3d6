"""Cursors: an opaque form of the id of the last photo of a page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from http import HTTPStatus
from uuid import UUID

from gallery_api.problems import ProblemError
from shared.photo_ids import is_photo_id


def encode_cursor(photo_id: str) -> str:
    """The cursor of the page that follows this photo."""
    return urlsafe_b64encode(bytes.fromhex(photo_id.replace("-", ""))).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The photo id in a cursor.

    Raises:
        ProblemError: the cursor is not one of `encode_cursor`.
    """
    try:
        photo_id = str(UUID(bytes=urlsafe_b64decode(f"{cursor}==")))
    except ValueError:
        photo_id = ""
    # base64 ignores foreign characters and unused bits, so encode the id again and compare.
    if not is_photo_id(photo_id) or encode_cursor(photo_id) != cursor:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "cursor must be one from an earlier answer")
    return photo_id
