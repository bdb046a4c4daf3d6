"""The markers of a JPEG file: how many scans it has, where it ends, and which kind it is.

A Motion Photo has a video after the image, so only what precedes the end of the image counts.
"""

import re
from typing import Final

import msgspec

END_OF_IMAGE: Final = b"\xff\xd9"
_MAX_SEGMENTS: Final = 5_000  # of JPEG: a file of 25 MB has 400 segments of 64 kB
_MAX_FILL_BYTES: Final = 65_536  # Pillow reads each of them in Python
# In pixel data, FF 00 stands for the byte FF, the markers FF 01 and FF D0 to FF D7 have no content,
# and the first byte of FF FF is a fill byte.
# The pattern begins with FF, not FF+: `re` finds a literal first byte with memchr, 15 times as fast
# as FF+.
_MARKER: Final = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_START_OF_SCAN, _END, _START = 0xDA, 0xD9, 0xD8
_FRAMES: Final = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_DECODED_FRAMES: Final = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_PROGRESSIVE_FRAMES: Final = {0xC2, 0xCA}
_JPEG_LS: Final = 0xF7
_FIRST_AND_LAST: Final = 0, 63  # places of the coefficients of a block


class JpegMarkers(msgspec.Struct, frozen=True):
    """What the markers say; `end` is None if the file has no end of the image.

    `refined` is False if a progressive image lacks bits of the first or the last coefficient of a
    component. `unsupported` names a kind of JPEG that we cannot decode. `too_many_markers` is set
    if there are more markers or fill bytes than any camera writes. Then the rest of the file is not
    read.
    """

    scans: int
    end: int | None
    refined: bool
    unsupported: str | None
    too_many_markers: bool


def read_markers(data: bytes) -> JpegMarkers:
    """Follow the markers from the first one to the end of the image, as a decoder does."""
    at, scans, fill_bytes, end = 2, 0, 0, None
    unsupported, missing = None, dict[tuple[int, int], int]()
    components = set[int]()  # of a progressive image
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None:
            break
        if not scans:
            fill_bytes += found.end() - 2 - at
        if fill_bytes > _MAX_FILL_BYTES:
            return JpegMarkers(
                scans, None, refined=False, unsupported=unsupported, too_many_markers=True
            )
        marker = data[found.end() - 1]
        at = found.end()
        if marker == _END:
            end = at
            break
        if marker == _START:
            continue
        if marker == _START_OF_SCAN:
            scans += 1
            missing |= _missing_bits(data[at + 2 : at + int.from_bytes(data[at : at + 2])])
        elif marker in _FRAMES:
            unsupported = unsupported or _unsupported(marker, data[at + 2 : at + 3])
            if marker in _PROGRESSIVE_FRAMES:
                components.update(data[at + 8 : at + int.from_bytes(data[at : at + 2]) : 3])
        at += int.from_bytes(data[at : at + 2])
    else:
        return JpegMarkers(
            scans, None, refined=False, unsupported=unsupported, too_many_markers=True
        )
    refined = all(
        missing.get((component, place)) == 0
        for component in components
        for place in _FIRST_AND_LAST
    )
    return JpegMarkers(scans, end, refined=refined, unsupported=unsupported, too_many_markers=False)


def _missing_bits(scan: bytes) -> dict[tuple[int, int], int]:
    """How many low bits of a coefficient a scan does not have, by component and place (0 or 63).

    A scan may have both places, one of them or none.
    """
    if len(scan) < 6 or len(scan) < 1 + 2 * scan[0] + 3:
        return {}
    components = scan[1 : 1 + 2 * scan[0] : 2]
    first, last, precision = scan[1 + 2 * scan[0] : 4 + 2 * scan[0]]
    places = [place for place in _FIRST_AND_LAST if first <= place <= last]
    return {(component, place): precision & 15 for component in components for place in places}


def _unsupported(frame: int, precision: bytes) -> str | None:
    if frame == _JPEG_LS:
        return "JPEG-LS"
    if frame not in _DECODED_FRAMES:
        return "lossless or hierarchical JPEG"
    return f"JPEG with {precision[0]} bits per channel" if precision not in {b"", b"\x08"} else None
