"""The chunks of a PNG file that matter for its pixels.

Viewers show a PNG file whose other chunks are broken.
"""

import zlib
from typing import Final

_SIGNATURE_BYTES: Final = 8
_OVERHEAD: Final = 12  # length, type and checksum
_MOST_CHUNKS: Final = 100_000  # IDAT chunks have 8 kB and more, so 25 MB have some thousand
_ANCILLARY: Final = 0x20  # the bit that makes the first letter of a type lower case
# Transparency, colour profile, and orientation.
_KEPT: Final = {b"tRNS", b"iCCP", b"eXIf"}


class TooManyChunksError(Exception):
    """The file has more chunks than any program writes."""


def essential_chunks(data: bytes) -> bytes:
    """The file without ancillary chunks that are broken or that we do not use.

    Raises:
        TooManyChunksError: each chunk costs Pillow some microseconds.
    """
    kept = [data[:_SIGNATURE_BYTES]]
    at = _SIGNATURE_BYTES
    for _ in range(_MOST_CHUNKS):
        name = data[at + 4 : at + 8]
        end = at + _OVERHEAD + int.from_bytes(data[at : at + 4])
        chunk = data[at:end]
        if len(name) < 4:
            return b"".join([*kept, chunk])
        if not name[0] & _ANCILLARY or (name in _KEPT and _intact(chunk)):
            kept.append(chunk)
        if name == b"IEND" or end >= len(data):
            return b"".join(kept)
        at = end
    raise TooManyChunksError


def _intact(chunk: bytes) -> bool:
    name, content, checksum = chunk[4:8], chunk[8:-4], chunk[-4:]
    if zlib.crc32(name + content) != int.from_bytes(checksum):
        return False
    if name != b"iCCP":
        return True
    try:
        compressed = content[content.index(b"\0") + 2 :]
        zlib.decompressobj().decompress(compressed, len(content))
    except (ValueError, zlib.error):
        return False
    return True
