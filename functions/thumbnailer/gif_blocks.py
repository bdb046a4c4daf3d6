"""The blocks of a GIF file before its first image; only the first image is rendered."""

from typing import Final

_HEADER_BYTES: Final = 13
_HAS_PALETTE: Final = 0x80
_MAX_BLOCKS: Final = 100_000  # a megabyte of metadata has about 4,000
_EXTENSION, _IMAGE, _END = b"!", b",", b";"


def has_too_many_blocks(data: bytes) -> bool:
    """Whether more blocks precede the first image than any program writes.

    Pillow reads each of them in Python, and keeps those of comments in memory.
    """
    at = _HEADER_BYTES
    if data[10:11] and data[10] & _HAS_PALETTE:
        at += 3 << (data[10] & 7) + 1
    in_extension = False
    for _ in range(_MAX_BLOCKS):
        first = data[at : at + 1]
        if not first or (not in_extension and first in {_IMAGE, _END}):
            return False
        if in_extension:
            in_extension = first != b"\0"
            at += 1 + first[0]
        elif first == _EXTENSION:
            in_extension = True
            at += 2
        else:  # Pillow skips a byte that begins no block
            at += 1
    return True
