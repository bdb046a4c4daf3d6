"""Files of cameras, phones and programs: rendered as browsers show them, or refused."""

import io
import random
import re
import struct
import zlib

import pytest
from PIL import Image

from tests.unit.functions.thumbnailer import images
from tests.unit.functions.thumbnailer.images import (
    CORNERS,
    DATA,
    corner_colors,
    corners,
    encode,
    png_chunk,
)
from thumbnailer.renditions import RenderedPhoto, UnusablePhotoError, render

SEED = 16
DAMAGED = re.escape("The image is damaged or incomplete.")
UNSUPPORTED = "^The image is of a kind that we cannot read: {}. Save it as JPEG, for example.$"


def assert_shows_corners(photo: RenderedPhoto):
    with Image.open(io.BytesIO(photo.renditions["large"].data)) as image:
        for color, expected in zip(corner_colors(image), CORNERS, strict=True):
            assert max(abs(a - b) for a, b in zip(color, expected, strict=True)) <= 12


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("megabytes", [1, 20])
def test_motion_photo_is_rendered_whatever_its_video_contains(progressive: bool, megabytes: int):
    image = encode(corners(), "JPEG", progressive=progressive)
    film = b"\0\0\0\x18ftypmp42" + random.Random(SEED).randbytes(megabytes * 10**6)  # noqa: S311
    assert film.count(b"\xff\xda") > 5
    assert_shows_corners(render(image + film + b"\xff\xda" * 200))


def test_scans_are_counted_where_a_segment_only_looks_like_one():
    data = encode(corners(), "JPEG", progressive=True)
    comment = b"\xff\xfe" + struct.pack(">H", 402) + b"\xff\xda" * 200
    assert_shows_corners(render(data[:2] + comment + data[2:]))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_complete_jpeg_without_end_is_rendered(options: dict[str, object]):
    data = encode(corners(), "JPEG", **options)
    assert data.endswith(b"\xff\xd9")
    assert_shows_corners(render(data[:-2]))


def test_progressive_jpeg_without_end_and_without_scans_of_a_component_is_refused():
    gray = encode(corners().convert("L"), "JPEG", progressive=True)
    at = gray.index(b"\xff\xc2") + 2
    components = b"\1\x11\0\2\x11\0\3\x11\0"
    frame = struct.pack(">H", 8 + len(components)) + gray[at + 2 : at + 7] + b"\3" + components
    data = gray[:at] + frame + gray[at + 11 : -2]
    with pytest.raises(UnusablePhotoError, match=DAMAGED):
        render(data)


@pytest.mark.parametrize("kind", ["baseline", "large"])
@pytest.mark.parametrize("missing", [20, 200, 0.5])
def test_jpeg_without_its_last_pixels_is_refused(kind: str, missing: float):
    size = (1000, 700) if kind == "baseline" else (4000, 3000)
    data = images.landscape_jpeg(*size)
    end = len(data) - 2 - (missing if isinstance(missing, int) else int(len(data) * missing))
    with pytest.raises(UnusablePhotoError, match=DAMAGED):
        render(data[:end])


BROKEN_CHUNKS = {
    "wrong checksum": png_chunk(b"tEXt", b"Title\0x")[:-4] + b"\0\0\0\0",
    "text that is not compressed": png_chunk(b"zTXt", b"Title\0\0not zlib"),
    "profile that is not compressed": png_chunk(b"iCCP", b"name\0\0not zlib"),
    "profile with a wrong checksum": png_chunk(b"iCCP", b"name\0\0" + zlib.compress(b"x"))[:-1]
    + b"\0",
    "profile without a name": png_chunk(b"iCCP", b"x"),
    "empty gamma": png_chunk(b"gAMA", b""),
    "empty time": png_chunk(b"tIME", b""),
    "animation without frames": png_chunk(b"acTL", b""),
    "too short physical size": png_chunk(b"pHYs", b"\0"),
    "unknown": png_chunk(b"abCd", b"x"),
}


@pytest.mark.parametrize("kind", BROKEN_CHUNKS)
@pytest.mark.parametrize("place", [b"IDAT", b"IEND"])
def test_png_with_a_broken_ancillary_chunk_is_rendered(kind: str, place: bytes):
    data = encode(corners(), "PNG")
    at = data.index(place) - 4
    assert_shows_corners(render(data[:at] + BROKEN_CHUNKS[kind] + data[at:]))


def test_transparency_of_a_png_is_kept_and_its_orientation_applied():
    image = corners()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    photo = render(encode(image, "PNG", exif=images.exif(6)))
    with Image.open(io.BytesIO(photo.renditions["large"].data)) as rendition:
        assert rendition.mode == "RGBA"
    assert (photo.width, photo.height) == (64, 96)


def test_png_with_a_broken_critical_chunk_is_refused():
    data = encode(corners(), "PNG")
    at = data.index(b"IDAT") + 20
    with pytest.raises(UnusablePhotoError, match=DAMAGED):
        render(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])


UNSUPPORTED_FILES = {
    "12_bits.jpg": "JPEG with 12 bits per channel",
    "lossless.jpg": "lossless or hierarchical JPEG",
    "jpeg_ls.jls": "JPEG-LS",
    "codestream.jxl": "JPEG XL",
    "container.jxl": "JPEG XL",
    "uncompressed.heif": "uncompressed HEIF",
    "jpeg_2000.heif": "JPEG 2000 in HEIF",
}


@pytest.mark.parametrize("name", UNSUPPORTED_FILES)
def test_intact_file_of_an_unsupported_kind_is_refused_as_such(name: str):
    kind = re.escape(UNSUPPORTED_FILES[name])
    with pytest.raises(UnusablePhotoError, match=UNSUPPORTED.format(kind)):
        render((DATA / name).read_bytes())


def test_photo_with_a_gain_map_is_shown_as_on_a_screen_without_hdr():
    data = (DATA / "gain_map.jpg").read_bytes()
    assert data.count(b"\xff\xd8\xff") == 2  # the photo, and the map behind it
    assert_shows_corners(render(data))


def inserted(data: bytes, at: int, what: bytes, times: int) -> bytes:
    return data[:at] + what * times + data[at:]


JPEG, PNG, GIF = (encode(corners(), kind) for kind in ("JPEG", "PNG", "GIF"))
AFTER_PALETTE = 13 + 3 * (2 << (GIF[10] & 7))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (inserted(JPEG, 2, b"\xff\xe1\0\x09Exif\0\0a", 10_000), "too many markers"),
        (inserted(JPEG, 2, b"\xff", 100_000), "too many markers"),
        (inserted(JPEG, 2, b"\xff\xe5\0\x02", 10_000), "too many markers"),
        (inserted(PNG, 33, png_chunk(b"abCd", b""), 100_001), "too many chunks"),
        (inserted(PNG, 33, png_chunk(b"IDAT", b""), 100_001), "too many chunks"),
        (inserted(GIF, AFTER_PALETTE, b"!\xfe\x01a\0", 50_000), "too many blocks"),
        (inserted(GIF, AFTER_PALETTE, b"!\xfe" + b"\x01a" * 100_000 + b"\0", 1), "too many blocks"),
        (inserted(GIF, AFTER_PALETTE, b"x", 100_000), "too many blocks"),
    ],
    ids=[
        "EXIF in pieces",
        "fillings",
        "empty segments",
        "ancillary chunks",
        "pixel chunks",
        "comments",
        "pieces of a comment",
        "bytes that begin no block",
    ],
)
def test_file_whose_structure_takes_too_long_to_read_is_refused(data: bytes, reason: str):
    with pytest.raises(UnusablePhotoError, match=f"^The image takes too long to decode: {reason}"):
        render(data)


@pytest.mark.parametrize(
    "block", [b"!\xfe\x03a,;\0", b"!\xff\x0bXMP DataXMP\x02,;\0", b"!\xf9\x04" + bytes(5)]
)
def test_gif_with_some_thousand_blocks_is_rendered(block: bytes):
    assert_shows_corners(render(inserted(GIF, AFTER_PALETTE, block, 10_000)))
