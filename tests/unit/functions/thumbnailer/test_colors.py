import io
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from tests.unit.functions.thumbnailer.images import (
    BLUE,
    DATA,
    GREEN,
    RED,
    encode,
    gamma_to_srgb,
    icc_profile,
)
from thumbnailer.decoding import decode
from thumbnailer.renditions import scale

# D50 colorants, from the specifications' primaries by Bradford's adaptation
DISPLAY_P3 = {
    "r": (0.51512, 0.24120, -0.00105),
    "g": (0.29198, 0.69225, 0.04189),
    "b": (0.15710, 0.06657, 0.78407),
}
ADOBE_RGB = {
    "r": (0.60974, 0.31111, 0.01947),
    "g": (0.20528, 0.62567, 0.06087),
    "b": (0.14919, 0.06322, 0.74457),
}
COLORS = [RED, GREEN, BLUE, (128, 128, 128), (250, 240, 90)]


def color_of(data: bytes) -> tuple[int, ...]:
    image = scale(decode(data, 1600))["thumb"]
    assert image.mode in {"RGB", "RGBA"}
    pixel = image.getpixel((8, 8))
    assert isinstance(pixel, tuple)
    return pixel


def assert_close(found: tuple[int, ...], expected: tuple[int, ...], tolerance: int = 2) -> None:
    assert max(np.abs(np.subtract(found, expected))) <= tolerance, f"{found} != {expected}"


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("colorants", [DISPLAY_P3, ADOBE_RGB], ids=["Display P3", "Adobe RGB"])
def test_wide_colors_are_converted_to_srgb(colorants: dict[str, Any], color: tuple[int, int, int]):
    profile = icc_profile("RGB", colorants, 2.2)
    data = encode(Image.new("RGB", (16, 16), color), "PNG", icc_profile=profile)
    assert_close(color_of(data), gamma_to_srgb(color, colorants, 563 / 256))


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("JPEG", {"quality": 98, "subsampling": 0}),
        ("JPEG", {"quality": 98, "subsampling": 0, "progressive": True}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {"quality": 98, "subsampling": "4:4:4"}),
    ],
)
def test_profile_is_found_in_every_format(file_format: str, options: dict[str, Any]):
    profile = icc_profile("RGB", ADOBE_RGB, 2.2)
    data = encode(Image.new("RGB", (16, 16), GREEN), file_format, icc_profile=profile, **options)
    assert_close(color_of(data), gamma_to_srgb(GREEN, ADOBE_RGB, 563 / 256), tolerance=4)


def test_profile_is_found_in_heic():
    found = scale(decode((DATA / "display_p3.heic").read_bytes(), 1600))["large"].getpixel((20, 15))
    srgb = pyvips.Image.new_from_array(np.full((1, 1, 3), RED, np.uint8)).icc_transform(
        "srgb", input_profile="p3"
    )
    assert isinstance(found, tuple)
    assert_close(found, tuple(srgb(0, 0)), tolerance=3)


def test_palette_is_converted_by_its_profile():
    profile = icc_profile("RGB", ADOBE_RGB, 2.2)
    data = encode(Image.new("RGB", (16, 16), GREEN).quantize(4), "PNG", icc_profile=profile)
    assert_close(color_of(data), gamma_to_srgb(GREEN, ADOBE_RGB, 563 / 256))


@pytest.mark.parametrize("alpha", [255, 128])
def test_colors_beside_alpha_are_converted_too(alpha: int):
    profile = icc_profile("RGB", ADOBE_RGB, 2.2)
    data = encode(Image.new("RGBA", (16, 16), (*GREEN, alpha)), "PNG", icc_profile=profile)
    expected = (*gamma_to_srgb(GREEN, ADOBE_RGB, 563 / 256), alpha)
    assert_close(color_of(data), expected, tolerance=3)


@pytest.mark.parametrize("level", [8, 55, 128, 250])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_gray_is_converted_by_its_profile(mode: str, level: int):
    image = Image.new("L", (16, 16), level).convert(mode)
    data = encode(image, "PNG", icc_profile=icc_profile("GRAY", {}, 1.0))
    assert_close(color_of(data)[:3], gamma_to_srgb((level,), {}, 1.0))


def test_16_bit_gray_is_converted_by_its_profile():
    image = Image.fromarray(np.full((16, 16), 55 * 257, np.uint16))
    data = encode(image, "PNG", icc_profile=icc_profile("GRAY", {}, 1.0))
    assert_close(color_of(data), gamma_to_srgb((55,), {}, 1.0))


@pytest.mark.parametrize(
    "ink", [(10, 200, 150, 30), (0, 0, 0, 128), (200, 20, 60, 0), (0, 0, 0, 0)]
)
def test_cmyk_is_converted_by_its_profile(ink: tuple[int, int, int, int]):
    cmyk = pyvips.Image.new_from_array(np.full((16, 16, 4), ink, np.uint8)).copy(
        interpretation="cmyk"
    )
    profile = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    reference = cmyk.icc_transform(
        "srgb", input_profile="cmyk", intent="relative", black_point_compensation=True
    )
    image = Image.fromarray(cmyk.numpy(), "CMYK")
    data = encode(image, "JPEG", quality=98, subsampling=0, icc_profile=profile)
    assert_close(color_of(data), tuple(reference(8, 8)), tolerance=4)


def test_cmyk_of_another_writer_is_read_the_same():
    ink = np.full((16, 16, 4), (10, 200, 150, 30), np.uint8)
    vips = pyvips.Image.new_from_array(ink).copy(interpretation="cmyk")
    by_vips = bytes(vips.jpegsave_buffer(Q=98, keep="none", subsample_mode="off"))
    by_pillow = encode(Image.fromarray(ink, "CMYK"), "JPEG", quality=98, subsampling=0)
    assert_close(color_of(by_vips), color_of(by_pillow), tolerance=3)
    by_hand = tuple(round((255 - c) * (255 - 30) / 255) for c in (10, 200, 150))
    assert_close(color_of(by_pillow), by_hand, tolerance=3)


@pytest.mark.parametrize(
    "profile",
    [b"not a profile", b"", bytes(4000), icc_profile("RGB", ADOBE_RGB, 2.2)[:200]],
    ids=["text", "empty", "zeros", "truncated"],
)
def test_broken_profile_is_ignored(profile: bytes):
    data = encode(Image.new("RGB", (16, 16), GREEN), "PNG", icc_profile=profile)
    assert color_of(data) == GREEN


def test_profile_of_another_color_space_is_ignored():
    profile = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    data = encode(Image.new("RGB", (16, 16), GREEN), "PNG", icc_profile=profile)
    assert color_of(data) == GREEN


def test_srgb_profile_costs_no_conversion(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ImageCms, "profileToProfile", pytest.fail)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(Image.new("RGB", (16, 16), GREEN), "PNG", icc_profile=profile)
    assert color_of(data) == GREEN


def test_the_renditions_need_no_profile_of_their_own():
    data = encode(Image.new("RGB", (16, 16)), "PNG", icc_profile=icc_profile("RGB", ADOBE_RGB, 2.2))
    large = scale(decode(data, 1600))["large"]
    assert not large.info
    assert "icc_profile" not in Image.open(io.BytesIO(encode(large, "WEBP"))).info
