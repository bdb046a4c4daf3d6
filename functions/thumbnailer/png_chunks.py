"""The chunks of a PNG file that matter for its pixels.

Viewers show a PNG file whose other chunks are broken.
"""

import zlib
from collections.abc import Iterator
from typing import Final

_SIGNATURE_BYTES: Final = 8
_OVERHEAD: Final = 12  # length, type and checksum
_MAX_CHUNKS: Final = 100_000  # IDAT chunks have 8 kB and more, so 25 MB have about 3,000
_ANCILLARY: Final = 0x20  # the bit that makes the first letter of a type lower case
# Transparency, colour profile, colour code points, and orientation.
_KEPT: Final = {b"tRNS", b"iCCP", b"cICP", b"eXIf"}


class TooManyChunksError(Exception):
    """The file has more chunks than any program writes."""


def essential_chunks(data: bytes) -> bytes:
    """The file without ancillary chunks that are broken or that we do not use.

    A file that has none is returned itself, because a copy of it takes memory.

    Raises:
        TooManyChunksError: each chunk costs Pillow some microseconds.
    """
    kept: list[bytes | memoryview] = [data[:_SIGNATURE_BYTES]]
    for chunk in _chunks(data):
        name = bytes(chunk[4:8])
        is_critical_or_cut = len(name) < 4 or not name[0] & _ANCILLARY
        if is_critical_or_cut or (name in _KEPT and _intact(chunk)):
            kept.append(chunk)
    return data if sum(map(len, kept)) == len(data) else b"".join(kept)


def color_code_points(data: bytes) -> tuple[int | None, int | None]:
    """Primaries and transfer of the `cICP` chunk, for RGB of full range; others are not used."""
    for chunk in _chunks(data):
        name = bytes(chunk[4:8])
        if name == b"cICP" and len(chunk) == _OVERHEAD + 4:
            primaries, transfer, matrix, full_range = chunk[8:12]
            return (primaries, transfer) if (matrix, full_range) == (0, 1) else (None, None)
        if name == b"IDAT":
            break
    return None, None


def _chunks(data: bytes) -> Iterator[memoryview]:
    """Each chunk up to the end of the image; the last one may be cut off."""
    view = memoryview(data)
    at = _SIGNATURE_BYTES
    for _ in range(_MAX_CHUNKS):
        end = at + _OVERHEAD + int.from_bytes(data[at : at + 4])
        yield view[at:end]
        if data[at + 4 : at + 8] == b"IEND" or end >= len(data):
            return
        at = end
    raise TooManyChunksError


def _intact(chunk: memoryview) -> bool:
    name, content, checksum = bytes(chunk[4:8]), bytes(chunk[8:-4]), chunk[-4:]
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
