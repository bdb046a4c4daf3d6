"""The boxes of AVIF and HEIC files that name the coding of the image and its colour space.

ISO/IEC 14496-12 (boxes), 23008-12 (items and properties), 23091-2 (code points of colours).
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

_MAX_BOXES: Final = 10_000


class HeifImage(msgspec.Struct, frozen=True):
    """The types of all items of the file, and the colour code points of the primary image."""

    item_types: frozenset[bytes]
    primaries: int | None
    transfer: int | None


def read_heif(data: bytes) -> HeifImage:
    """The primary image as the boxes describe it, as far as they can be read."""
    item_types: set[bytes] = set()
    colors: tuple[int | None, int | None] = (None, None)
    try:
        meta = dict(_boxes(data, 0, len(data))).get(b"meta")
        if meta is not None:
            inside = dict(_boxes(data, meta[0] + 4, meta[1]))
            item_types = set(_item_types(data, inside))
            colors = _colors(data, inside)
    except (struct.error, IndexError):
        pass  # the decoder decides whether the file can be used
    return HeifImage(frozenset(item_types), *colors)


type _Place = tuple[int, int]


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, _Place]]:
    """Type and content of each box from `start` to `end`."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, content)
            content += 8
        stop = end if size == 0 else min(start + size, end)
        if stop < content:
            return
        yield name, (content, stop)
        start = stop


def _item_types(data: bytes, meta: dict[bytes, _Place]) -> Iterator[bytes]:
    start, end = meta.get(b"iinf", (0, 0))
    if start == end:
        return
    count_bytes = 2 if data[start] == 0 else 4
    for name, (content, _) in _boxes(data, start + 4 + count_bytes, end):
        if name == b"infe" and data[content] >= 2:
            at = content + 4 + (2 if data[content] == 2 else 4) + 2
            yield data[at : at + 4]


def _colors(data: bytes, meta: dict[bytes, _Place]) -> tuple[int | None, int | None]:
    """Primaries and transfer of the primary item; if it has none, the first in the file."""
    inside = dict(_boxes(data, *meta.get(b"iprp", (0, 0))))
    properties = list(_boxes(data, *inside.get(b"ipco", (0, 0))))
    for number in (*_primary_properties(data, meta, inside), *range(1, len(properties) + 1)):
        name, (at, end) = properties[number - 1]
        if name == b"colr" and data[at : at + 4] == b"nclx" and end - at >= 8:
            primaries, transfer = struct.unpack_from(">HH", data, at + 4)
            return primaries, transfer
    return None, None


def _primary_properties(
    data: bytes, meta: dict[bytes, _Place], iprp: dict[bytes, _Place]
) -> Iterator[int]:
    """Numbers of the properties that belong to the primary item; they start at 1."""
    at, end = meta.get(b"pitm", (0, 0))
    if at == end or b"ipma" not in iprp:
        return
    primary = int.from_bytes(data[at + 4 : at + (6 if data[at] == 0 else 8)])
    at, end = iprp[b"ipma"]
    id_bytes, wide = (2 if data[at] == 0 else 4), data[at + 3] & 1
    (items,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in islice(range(items), _MAX_BOXES):
        item = int.from_bytes(data[at : at + id_bytes])
        count, at = data[at + id_bytes], at + id_bytes + 1
        size = 2 if wide else 1
        if item == primary:
            for number in range(at, at + count * size, size):
                # The highest bit says that the property is essential.
                masked = int.from_bytes(data[number : number + size]) & (0x7FFF if wide else 0x7F)
                if masked:
                    yield masked
            return
        at += count * size
