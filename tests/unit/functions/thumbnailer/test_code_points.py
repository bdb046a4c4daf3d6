"""Colours that are named by code points, against the formulas of ITU-R BT.2100 and SMPTE EG 432.

Eight-bit files get their code points by a changed header; `tests/data` has HDR files of encoders.
"""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.unit.functions.thumbnailer.images import DATA, encode, png_chunk
from thumbnailer.code_points import profile_of
from thumbnailer.decoding import decode
from thumbnailer.heif_boxes import read_heif
from thumbnailer.renditions import RenderedPhoto, render, scale

DISPLAY_P3, BT_2020 = 12, 9
SRGB, PQ, HLG, BT_709 = 13, 16, 18, 1
# xy of red, green, blue and white (SMPTE EG 432-1, ITU-R BT.2020, ITU-R BT.709).
CHROMATICITIES = {
    1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
WHITE = (0.3127, 0.3290)


def with_code_points(data: bytes, primaries: int, transfer: int) -> bytes:
    """The same AVIF or HEIC file, saying that its colours are these."""
    at = data.index(b"colr") + 4
    size = int.from_bytes(data[at - 8 : at - 4]) - 8
    nclx = struct.pack(">4sHHHB", b"nclx", primaries, transfer, 6, 0x80)
    return data[:at] + nclx.ljust(size, b"\0") + data[at + size :]


def avif(color: tuple[int, int, int], primaries: int, transfer: int) -> bytes:
    image = Image.new("RGB", (64, 64), color)
    data = encode(image, "AVIF", quality=100, subsampling="4:4:4")
    return with_code_points(data, primaries, transfer)


def shown(photo: RenderedPhoto) -> tuple[int, ...]:
    with Image.open(io.BytesIO(photo.renditions["large"].data)) as image:
        return image.convert("RGB").getpixel((32, 32))


def to_xyz(primaries: int) -> np.ndarray:
    columns = np.array(
        [(x / y, 1, (1 - x - y) / y) for x, y in CHROMATICITIES[primaries]], dtype=float
    ).T
    x, y = WHITE
    return columns * np.linalg.solve(columns, np.array([x / y, 1, (1 - x - y) / y]))


def to_srgb(light: np.ndarray, primaries: int) -> list[int]:
    linear = np.linalg.solve(to_xyz(1), to_xyz(primaries) @ light).clip(0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return [round(255 * value) for value in coded]


def from_srgb_curve(color: tuple[int, ...]) -> np.ndarray:
    code = np.array(color) / 255
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(
    "color", [(128, 128, 128), (200, 100, 100), (110, 160, 120), (100, 110, 150), (250, 240, 230)]
)
@pytest.mark.parametrize("primaries", [DISPLAY_P3, BT_2020])
def test_wide_gamut_of_avif_becomes_srgb(color: tuple[int, int, int], primaries: int):
    expected = to_srgb(from_srgb_curve(color), primaries)
    assert shown(render(avif(color, primaries, SRGB))) == pytest.approx(expected, abs=4)


def test_code_points_of_the_primary_item_of_a_heic_are_used():
    data = (DATA / "display_p3.heic").read_bytes()
    by_profile = shown(render(data))
    by_code_points = shown(render(with_code_points(data, DISPLAY_P3, SRGB)))
    assert by_code_points == pytest.approx(by_profile, abs=3)
    untagged = shown(render(with_code_points(data, 1, SRGB)))
    assert max(abs(a - b) for a, b in zip(by_code_points, untagged, strict=True)) > 6


def pq(nits: float) -> int:
    y = (nits / 10_000) ** 0.1593017578125
    return round(255 * ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


@pytest.mark.parametrize("nits", [0, 5, 20, 50, 90])
def test_dark_parts_of_pq_are_as_bright_as_in_the_scene(nits: float):
    """Paper white of 203 nits is the white of a screen (ITU-R BT.2408)."""
    expected = to_srgb(np.full(3, nits / 203), 1)
    assert shown(render(avif((pq(nits),) * 3, BT_2020, PQ))) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_bright_parts_are_compressed_and_stay_distinct(transfer: int):
    codes = [pq(nits) for nits in (100, 203, 400, 700)]
    if transfer == HLG:
        codes = [150, 190, 220, 250]
    levels = [shown(render(avif((code,) * 3, BT_2020, transfer)))[1] for code in codes]
    assert levels == sorted(set(levels))
    assert levels[-1] - levels[0] > 30
    assert shown(render(avif((255,) * 3, BT_2020, transfer)))[1] > 250


def test_paper_white_of_hlg_is_as_bright_as_that_of_pq():
    by_hlg = shown(render(avif((191,) * 3, BT_2020, HLG)))  # 75 % (ITU-R BT.2408)
    assert by_hlg == pytest.approx(shown(render(avif((pq(203),) * 3, BT_2020, PQ))), abs=4)


# The scene of the HDR files in tests/data, in patches of 16 x 16 pixels: grays by their nits, and
# colours by their share of 90 nits in linear sRGB.
GRAYS = [0, 5, 20, 50, 90, 203, 400, 1000]
COLORS = [
    (1, 0, 0),
    (0, 1, 0),
    (0, 0, 1),
    (1, 1, 0),
    (0.2, 0.5, 1),
    (1, 0.3, 0.1),
    (0.4, 0.1, 0.3),
    (0.6, 0.6, 0.2),
]


@pytest.mark.parametrize("name", ["pq.avif", "hlg.avif", "pq.heic", "hlg.heic"])
def test_hdr_photo_looks_like_its_scene(name: str):
    pixels = np.asarray(scale(decode((DATA / name).read_bytes(), 1600))["large"], int)
    grays, colors = (pixels[row, 8::16] for row in (8, 24))
    for nits, found in zip(GRAYS, grays.tolist(), strict=True):
        if nits <= 90:
            assert found == pytest.approx(to_srgb(np.full(3, nits / 203), 1), abs=5)
    levels = grays[:, 1].tolist()
    assert levels == sorted(set(levels))
    for color, found in zip(COLORS, colors.tolist(), strict=True):
        assert found == pytest.approx(to_srgb(np.array(color) * 90 / 203, 1), abs=16)


def png(color: tuple[int, ...], cicp: bytes, profile: bytes = b"") -> bytes:
    data = encode(Image.new("RGB", (64, 64), color), "PNG", icc_profile=profile)
    after_header = 33
    return data[:after_header] + png_chunk(b"cICP", cicp) + data[after_header:]


def test_wide_gamut_of_png_becomes_srgb():
    color = (200, 100, 100)
    found = shown(render(png(color, bytes([DISPLAY_P3, SRGB, 0, 1]))))
    assert found == pytest.approx(to_srgb(from_srgb_curve(color), DISPLAY_P3), abs=4)


@pytest.mark.parametrize("nits", [5, 50, 90])
def test_png_in_pq_is_as_bright_as_the_scene(nits: float):
    """The code points of a PNG take precedence over a profile for viewers that do not know HDR."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = shown(render(png((pq(nits),) * 3, bytes([BT_2020, PQ, 0, 1]), profile)))
    assert found == pytest.approx(to_srgb(np.full(3, nits / 203), 1), abs=4)


def test_profile_of_a_png_is_ignored_if_its_code_points_say_srgb():
    color = (200, 100, 60)
    data = png(color, bytes([1, SRGB, 0, 1]), profile_of(DISPLAY_P3, SRGB))
    assert shown(render(data)) == pytest.approx(color, abs=2)


def test_profile_of_a_png_is_used_if_its_code_points_say_nothing():
    color = (200, 100, 100)
    found = shown(render(png(color, bytes([2, 2, 0, 1]), profile_of(DISPLAY_P3, SRGB))))
    assert found == pytest.approx(to_srgb(from_srgb_curve(color), DISPLAY_P3), abs=4)


def test_gamma_of_a_png_is_ignored():
    data = encode(Image.new("RGB", (64, 64), (128, 128, 128)), "PNG")
    linear = png_chunk(b"gAMA", (100_000).to_bytes(4))
    assert shown(render(data[:33] + linear + data[33:])) == pytest.approx((128,) * 3, abs=2)


@pytest.mark.parametrize(
    "cicp",
    [b"", b"\x09", bytes([BT_2020, PQ, 9, 1]), bytes([BT_2020, PQ, 0, 0]), bytes([2, 2, 0, 1])],
    ids=["empty", "short", "matrix", "narrow range", "unspecified"],
)
def test_code_points_of_png_that_are_not_for_rgb_of_full_range_are_ignored(cicp: bytes):
    color = (200, 100, 60)
    assert shown(render(png(color, cicp))) == pytest.approx(color, abs=4)


@pytest.mark.parametrize(("primaries", "transfer"), [(1, SRGB), (1, BT_709), (2, 2), (77, 99)])
def test_other_code_points_are_shown_as_srgb(primaries: int, transfer: int):
    color = (200, 100, 60)
    assert shown(render(avif(color, primaries, transfer))) == pytest.approx(color, abs=4)


def test_boxes_that_cannot_be_read_name_no_colours():
    data = avif((1, 2, 3), DISPLAY_P3, PQ)
    assert (read_heif(data).primaries, read_heif(data).transfer) == (DISPLAY_P3, PQ)
    for end in range(len(data)):
        found = read_heif(data[:end])
        assert found.primaries in {None, DISPLAY_P3}
