import random
import re
import struct
from contextlib import suppress

import pytest
import pyvips
from PIL import Image

from shared.photos import MAX_UPLOAD_BYTES
from tests.unit.functions.thumbnailer import images
from tests.unit.functions.thumbnailer.images import DATA, corners, encode
from thumbnailer import decoding
from thumbnailer.renditions import RenderedPhoto, UnusablePhotoError, render

SEED = 20
DAMAGED = re.escape("The image is damaged or incomplete.")
UNKNOWN = re.escape("The file is not an image that we can read (JPEG, PNG,")


def test_file_over_the_limit_is_refused_with_its_size():
    data = encode(corners(), "JPEG")
    assert render(data.ljust(MAX_UPLOAD_BYTES, b"\0"))
    with pytest.raises(UnusablePhotoError, match=r"^The file is too large: 25.1 MB, .* 25 MB\.$"):
        render(data.ljust(MAX_UPLOAD_BYTES + 1, b"\0"))


def lossy_webp(width: int, height: int) -> bytes:
    data = encode(Image.new("RGB", (16, 16)), "WEBP")
    return data[:26] + struct.pack("<HH", width, height) + data[30:]


def gif(width: int, height: int) -> bytes:
    data = encode(Image.new("L", (16, 16)), "GIF")
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def one_scan_a_channel(width: int, height: int) -> bytes:
    """A JPEG that is not progressive, but must be in memory as a whole to be decoded."""
    data = encode(corners(), "JPEG", subsampling=0)
    at = data.index(b"\xff\xda")
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\0" + b"\0\x3f\0"
    return images.with_jpeg_size(data[:at] + scan + data[at + 14 :], width, height)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (images.with_jpeg_size(encode(corners(), "JPEG"), 10_000, 10_001), "100.1 .* is 100"),
        (images.with_jpeg_size(encode(corners(), "JPEG"), 65_000, 65_000), "4225 .* is 100"),
        (
            images.with_jpeg_size(encode(corners(), "JPEG", progressive=True), 10_000, 5_001),
            "50.1 .* for JPEG with several scans is 50",
        ),
        (one_scan_a_channel(8_000, 8_000), "64 .* for JPEG with several scans is 50"),
        (images.png_header(10_000, 5_001), "50.1 .* for PNG is 50"),
        (images.png_header(2**31 - 1, 2**31 - 1), r"4.61169e\+12 .* for PNG is 50"),
        (lossy_webp(9_000, 9_000), "81 .* for WEBP is 50"),
        (lossy_webp(16_000, 16_000), "limit is 50"),
        (gif(65_535, 65_535), r"4294.9 .* for GIF is 50"),
        (images.with_ispe_size(encode(corners(), "AVIF"), 10_000, 6_000), "60 .* for AVIF is 50"),
        (
            images.with_ispe_size((DATA / "display_p3.heic").read_bytes(), 10_000, 6_000),
            "60 .* for HEIC is 50",
        ),
    ],
    ids=[
        "JPEG",
        "huge JPEG",
        "progressive JPEG",
        "JPEG in scans",
        "PNG",
        "huge PNG",
        "WebP",
        "huge WebP",
        "GIF",
        "AVIF",
        "HEIC",
    ],
)
def test_too_many_pixels_are_refused_before_decoding(
    monkeypatch: pytest.MonkeyPatch, data: bytes, reason: str
):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", pytest.fail)
    with pytest.raises(UnusablePhotoError, match=f"^The image is too large: .*{reason}"):
        render(data)


def test_maximum_of_pixels_is_accepted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoding, "MAX_PIXELS", 96 * 64)
    monkeypatch.setattr(decoding, "MAX_PIXELS_AT_ONCE", 96 * 64)
    assert render(encode(corners(), "JPEG"))
    assert render(encode(corners(), "PNG"))


def test_48_megapixels_of_a_phone_are_within_the_limit():
    assert decoding.MAX_PIXELS_AT_ONCE >= 8064 * 6048


def test_jpeg_of_very_many_scans_is_refused():
    data = encode(corners(), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(UnusablePhotoError, match=r"too long to decode: \d+ scans, .* is 100\."):
        render(data[:-2] + scan * 100 + b"\xff\xd9")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"hello",
        b"%PDF-1.7\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\0\0\0\x18ftypmp42" + bytes(20),
        b"\0\0\0\x04ftyp",
        encode(corners(), "TIFF"),
        encode(corners(), "BMP"),
        encode(corners(), "ICO"),
        encode(corners(), "JPEG2000"),
        encode(corners(), "PPM"),
    ],
    ids=[
        "empty",
        "one byte",
        "text",
        "PDF",
        "SVG",
        "video",
        "box",
        "TIFF",
        "BMP",
        "ICO",
        "JPEG 2000",
        "PPM",
    ],
)
def test_other_files_are_refused_with_the_supported_formats(data: bytes):
    with pytest.raises(UnusablePhotoError, match=UNKNOWN):
        render(data)


FILES = {
    "JPEG": encode(corners(), "JPEG", exif=images.exif(6), quality=95),
    "progressive JPEG": encode(corners(), "JPEG", progressive=True),
    "CMYK JPEG": encode(corners().convert("CMYK"), "JPEG"),
    "PNG": encode(corners(), "PNG", exif=images.exif(6)),
    "palette PNG": encode(images.landscape(96, 64).quantize(16), "PNG", transparency=1),
    "16 bit PNG": encode(images.landscape(96, 64).convert("I;16"), "PNG"),
    "WebP": encode(corners(), "WEBP", exif=images.exif(6)),
    "lossless WebP": encode(images.landscape(96, 64).convert("RGBA"), "WEBP", lossless=True),
    "GIF": encode(images.landscape(96, 64), "GIF"),
    "AVIF": encode(images.landscape(96, 64), "AVIF"),
    "HEIC": (DATA / "rotated.heic").read_bytes(),
    "HEIC with alpha": (DATA / "alpha.heic").read_bytes(),
    "profile": encode(corners(), "JPEG", icc_profile=pyvips.Operation.call("profile_load", "p3")),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_truncated_file_is_refused(kind: str, part: float):
    data = FILES[kind]
    with pytest.raises(UnusablePhotoError, match=DAMAGED):
        render(data[: int(len(data) * part)])


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_only_the_start_of_a_file_is_refused(file_format: str):
    with pytest.raises(UnusablePhotoError, match=DAMAGED):
        render(encode(corners(), file_format)[:12])


def test_large_jpeg_without_its_lower_half_is_refused():
    data = encode(images.landscape(2000, 1500), "JPEG")
    with pytest.raises(UnusablePhotoError, match=DAMAGED):
        render(data[: len(data) // 2])


@pytest.mark.parametrize(
    "data",
    [
        images.png_header(0, 10),
        gif(0, 0).replace(b"\x10\0\x10\0", b"\0\0\0\0"),
        images.with_jpeg_size(encode(corners(), "JPEG"), 0, 10),
        images.with_ispe_size(encode(corners(), "AVIF"), 0, 10),
        images.with_ispe_size((DATA / "display_p3.heic").read_bytes(), 0, 10),
    ],
    ids=["PNG", "GIF", "JPEG", "AVIF", "HEIC"],
)
def test_image_without_pixels_is_refused(data: bytes):
    with pytest.raises(UnusablePhotoError, match=DAMAGED):
        render(data)


def test_png_of_indices_without_a_palette_is_refused():
    with pytest.raises(UnusablePhotoError, match=DAMAGED):
        render(FILES["palette PNG"].replace(b"PLTE", b"pLTE"))


@pytest.mark.parametrize("item_type", [b"Exif", b"hvc1"])
def test_heic_item_type_that_is_not_text_is_refused(item_type: bytes):
    # pi-heif would crash the process if it opened the file.
    data = (DATA / "rotated.heic").read_bytes()
    with pytest.raises(UnusablePhotoError, match=DAMAGED):
        render(data.replace(item_type, b"\xff\xfe\xfd\xfc", 1))


def damaged(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        # Half of the changes are in the headers, where they have the largest effect.
        at = chance.randrange(min(len(data), chance.choice([400, len(data)])))
        changed[at] = chance.choice([0, 255, changed[at] ^ 1 << chance.randrange(8)])
    return bytes(changed[: chance.choice([len(data), len(data), chance.randrange(len(data))])])


@pytest.mark.parametrize("kind", FILES)
def test_damaged_file_is_rendered_or_refused(kind: str):
    chance = random.Random(SEED)  # noqa: S311
    for attempt in range(60):
        print(f"seed {SEED}, attempt {attempt}")
        data = damaged(FILES[kind], chance)
        with suppress(UnusablePhotoError):
            assert isinstance(render(data), RenderedPhoto)
