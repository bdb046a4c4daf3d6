"""The canonical path of every object. S3 decodes other spellings of it to the same object."""

import re

PHOTO_ID = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_RENDITION = re.compile(rf"/photos/({PHOTO_ID})/[0-9A-Za-z-]+/(?:large|small|thumb)\.webp")
# A file of the page, or the root. No character has to be encoded, and no segment begins with a dot.
_FILE = re.compile(r"/|(?:/[0-9A-Za-z_-][0-9A-Za-z._-]*)+")


def photo_of_rendition(path: str) -> str | None:
    """The photo's id if `path` is the canonical path of a rendition, otherwise None."""
    found = _RENDITION.fullmatch(path)
    return found[1] if found else None


def is_file(path: str) -> bool:
    """Whether `path` is the canonical path of an object that is not below `/photos/`."""
    return _FILE.fullmatch(path) is not None and not path.startswith("/photos/")
