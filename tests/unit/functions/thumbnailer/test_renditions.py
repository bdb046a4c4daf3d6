import io
import math
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from PIL import Image

from tests.unit.functions.thumbnailer import images
from tests.unit.functions.thumbnailer.images import (
    BLUE,
    CORNERS,
    DATA,
    RED,
    YELLOW,
    corner_colors,
    corners,
    encode,
)
from thumbnailer.decoding import decode
from thumbnailer.renditions import RenderedPhoto, render, scale

LOSSY = 8  # how far WebP's and JPEG's rounding may take the colour of a flat area


def rendition(photo: RenderedPhoto, name: str = "large") -> Image.Image:
    image = Image.open(io.BytesIO(photo.renditions[name].data))
    image.load()
    return image


def assert_colors(found: list[tuple[int, ...]], expected: list[tuple[int, ...]]) -> None:
    assert np.abs(np.array(found) - np.array(expected)).max() <= LOSSY, f"{found} != {expected}"


def vips_png(image: Image.Image, **options: object) -> bytes:
    vips_image = pyvips.Image.new_from_array(np.asarray(image))
    return bytes(vips_image.write_to_buffer(".png", **options))


def png_of_16_bits(image: Image.Image) -> bytes:
    wide = np.asarray(image).astype(np.uint16) * 257
    return bytes(pyvips.Image.new_from_array(wide).write_to_buffer(".png"))


def animation(image: Image.Image, file_format: str) -> bytes:
    return encode(image, file_format, save_all=True, append_images=[image.rotate(180)])


FILES: dict[str, tuple[str, Callable[[Image.Image], bytes]]] = {
    "JPEG": ("image/jpeg", lambda image: encode(image, "JPEG")),
    "progressive JPEG": ("image/jpeg", lambda image: encode(image, "JPEG", progressive=True)),
    "4:4:4 JPEG": ("image/jpeg", lambda image: encode(image, "JPEG", subsampling=0)),
    "CMYK JPEG": ("image/jpeg", lambda image: encode(image.convert("CMYK"), "JPEG")),
    "JPEG with a second image": ("image/jpeg", lambda image: animation(image, "MPO")),
    "PNG": ("image/png", lambda image: encode(image, "PNG")),
    "PNG with alpha": ("image/png", lambda image: encode(image.convert("RGBA"), "PNG")),
    "palette PNG": ("image/png", lambda image: encode(image.quantize(16), "PNG")),
    "16 bit PNG": ("image/png", png_of_16_bits),
    "interlaced PNG": ("image/png", lambda image: vips_png(image, interlace=True)),
    "animated PNG": ("image/png", lambda image: animation(image, "PNG")),
    "WebP": ("image/webp", lambda image: encode(image, "WEBP", quality=95)),
    "lossless WebP": ("image/webp", lambda image: encode(image, "WEBP", lossless=True)),
    "animated WebP": ("image/webp", lambda image: animation(image, "WEBP")),
    "GIF": ("image/gif", lambda image: encode(image, "GIF")),
    "animated GIF": ("image/gif", lambda image: animation(image, "GIF")),
    "AVIF": ("image/avif", lambda image: encode(image, "AVIF", subsampling="4:4:4")),
    "animated AVIF": ("image/avif", lambda image: animation(image, "AVIF")),
}


@pytest.mark.parametrize("size", [(96, 64), (4900, 64)])
@pytest.mark.parametrize("kind", FILES)
def test_format_is_read_and_found_by_content(kind: str, size: tuple[int, int]):
    content_type, make = FILES[kind]
    photo = render(make(corners(*size)))
    assert photo.content_type == content_type
    assert (photo.width, photo.height) == size
    assert_colors(corner_colors(rendition(photo)), CORNERS)


def test_heic_is_read_and_found_by_content():
    photo = render((DATA / "photo.heic").read_bytes())
    assert photo.content_type == "image/heic"
    assert (photo.width, photo.height) == (512, 512)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_grayscale_is_read(file_format: str):
    image = Image.new("L", (64, 64), 90)
    assert_colors(corner_colors(rendition(render(encode(image, file_format)))), [(90, 90, 90)] * 4)


@pytest.mark.parametrize("width", [64, 6400])
def test_16_bit_grayscale_keeps_its_brightness(width: int):
    image = Image.fromarray(np.full((64, width), 40_000, np.uint16))
    found = corner_colors(rendition(render(encode(image, "PNG"))))
    assert_colors(found, [(round(40_000 / 257),) * 3] * 4)


def test_black_and_white_png_is_averaged_to_gray():
    pixels = np.indices((500, 2000)).sum(axis=0) % 2 * 255
    data = encode(Image.fromarray(pixels.astype(np.uint8)).convert("1"), "PNG")
    assert_colors(corner_colors(rendition(render(data), "thumb")), [(127, 127, 127)] * 4)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (3200, 1600, {"large": (1600, 800), "small": (640, 320), "thumb": (256, 128)}),
        (1000, 2000, {"large": (800, 1600), "small": (320, 640), "thumb": (128, 256)}),
        (500, 400, {"large": (500, 400), "small": (500, 400), "thumb": (256, 205)}),
        (30, 20, {"large": (30, 20), "small": (30, 20), "thumb": (30, 20)}),
        (4000, 1, {"large": (1600, 1), "small": (640, 1), "thumb": (256, 1)}),
        (1, 1, {"large": (1, 1), "small": (1, 1), "thumb": (1, 1)}),
    ],
)
def test_renditions_fit_their_long_edge_and_are_never_enlarged(
    width: int, height: int, expected: dict[str, tuple[int, int]]
):
    photo = render(encode(Image.new("RGB", (width, height)), "JPEG"))
    assert (photo.width, photo.height) == (width, height)
    for name, size in expected.items():
        encoded = photo.renditions[name]
        assert (encoded.width, encoded.height) == size
        assert rendition(photo, name).size == size
    assert photo.renditions.keys() == expected.keys()


@pytest.mark.parametrize(
    ("file_format", "size"),
    [
        ("JPEG", (3000, 2000)),
        ("JPEG", (1717, 2301)),
        ("PNG", (4033, 1345)),  # pairs of rows are averaged, and the last row is alone
        ("PNG", (6007, 1001)),  # two columns and two rows
        ("PNG", (7999, 1001)),  # three columns and three rows
    ],
)
def test_renditions_are_close_to_lanczos_of_every_pixel(file_format: str, size: tuple[int, int]):
    data = encode(images.landscape(*size), file_format, quality=90)
    reference = Image.open(io.BytesIO(data))
    for name, image in scale(decode(data, 1600)).items():
        expected = np.asarray(reference.resize(image.size, Image.Resampling.LANCZOS), float)
        error = np.mean((np.asarray(image, float) - expected) ** 2)
        assert 10 * math.log10(255**2 / error) >= 45, name


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize(
    ("width", "expected"), [(3900, (3900, 300)), (4100, (4100, 150)), (4900, (2450, 150))]
)
def test_photo_is_averaged_as_far_as_its_quality_allows(
    mode: str, width: int, expected: tuple[int, int]
):
    image = corners(width, 300).convert("L" if mode == "I;16" else mode).convert(mode)
    found = decode(encode(image, "PNG"), 1600).image
    assert found.size == expected
    assert found.mode in {"L", "RGB", "RGBa"}


def test_jpeg_is_decoded_at_the_nearest_size_that_is_large_enough():
    data = encode(Image.new("RGB", (6601, 4400)), "JPEG")
    assert decode(data, 1600).image.size == (1651, 1100)
    assert decode(data, 1700).image.size == (3301, 2200)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_decoded_photo_keeps_no_copy_of_its_file(file_format: str):
    data = encode(images.landscape(1000, 800), file_format)
    tracemalloc.start()  # sees the file's bytes, and not Pillow's pixels
    try:
        photo = decode(data, 1600)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert photo.size == (1000, 800)
    assert kept < len(data) / 2


@pytest.mark.parametrize("orientation", images.ORIENTATIONS)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif_orientation_is_applied(file_format: str, orientation: int):
    stored = images.stored_as(corners(), orientation)
    photo = render(encode(stored, file_format, exif=images.exif(orientation), quality=95))
    assert (photo.width, photo.height) == (96, 64)
    assert rendition(photo).size == (96, 64)
    assert_colors(corner_colors(rendition(photo)), CORNERS)


@pytest.mark.parametrize("name", ["rotated", "mirrored"])
def test_heic_with_both_rotation_and_exif_orientation_is_turned_once(name: str):
    photo = render((DATA / f"{name}.heic").read_bytes())
    assert (photo.width, photo.height) == (96, 64)
    assert_colors(corner_colors(rendition(photo)), CORNERS)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_unknown_orientation_is_ignored(orientation: int):
    photo = render(encode(corners(), "JPEG", exif=images.exif(orientation)))
    assert_colors(corner_colors(rendition(photo)), CORNERS)


def test_broken_exif_is_ignored():
    photo = render(encode(corners(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"))
    assert_colors(corner_colors(rendition(photo)), CORNERS)


def with_clear_left_half() -> Image.Image:
    image = corners().convert("RGBA")
    image.paste((0, 255, 0, 0), (0, 0, 48, 64))
    return image


@pytest.mark.parametrize(
    "make",
    [
        lambda: encode(with_clear_left_half(), "PNG"),
        lambda: encode(with_clear_left_half(), "WEBP"),
        lambda: encode(with_clear_left_half(), "AVIF"),
        lambda: encode(with_clear_left_half(), "GIF"),
        lambda: encode(with_clear_left_half().quantize(16), "PNG"),
        lambda: encode(with_clear_left_half().convert("LA"), "PNG"),
        lambda: encode(corners().convert("P"), "PNG", transparency=bytes([0] * 256)),
        (DATA / "alpha.heic").read_bytes,
    ],
    ids=["PNG", "WebP", "AVIF", "GIF", "palette", "gray and alpha", "clear palette", "HEIC"],
)
def test_alpha_is_kept(make: Callable[[], bytes]):
    image = rendition(render(make()))
    assert image.mode == "RGBA"
    assert image.getpixel((20, 15))[3] == 0


def test_transparent_color_key_is_kept():
    data = encode(corners(), "PNG", transparency=RED)
    assert [rendition(render(data)).getpixel(at)[3] for at in [(20, 15), (70, 15)]] == [0, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_colors_of_transparent_pixels_do_not_affect_edges(mode: str):
    rng = np.random.default_rng(3)
    clear = rng.random((500, 2000)) < 0.5
    pixels = np.where(clear[..., None], (255, 255, 255, 0), (60, 60, 60, 255)).astype(np.uint8)
    data = encode(Image.fromarray(pixels).convert(mode), "PNG")
    for image in scale(decode(data, 1600)).values():
        found = np.asarray(image)
        assert image.mode == "RGBA"
        assert abs(found[..., 3].mean() - 127.5) < 2
        visible = found[found[..., 3] > 32]
        assert np.abs(visible[:, :3].astype(int) - 60).max() <= 16  # one step of 32


def test_no_metadata_is_written():
    icc = pyvips.Operation.call("profile_load", "p3")
    data = encode(
        corners(), "JPEG", exif=images.exif(6), icc_profile=icc, xmp=b"<x:xmpmeta/>", comment="home"
    )
    for encoded in render(data).renditions.values():
        assert images.webp_chunks(encoded.data) == ["VP8 "]


def test_no_metadata_is_written_beside_alpha():
    data = encode(with_clear_left_half(), "WEBP", exif=images.exif(6), xmp=b"<x:xmpmeta/>")
    for encoded in render(data).renditions.values():
        assert images.webp_chunks(encoded.data) == ["VP8X", "ALPH", "VP8 "]


def test_dominant_color_is_the_most_frequent():
    image = Image.new("RGB", (400, 300), BLUE)
    image.paste(YELLOW, (0, 0, 150, 300))
    assert_colors([tuple(bytes.fromhex(render(encode(image, "PNG")).color[1:]))], [BLUE])


def test_dominant_color_ignores_transparent_pixels():
    image = Image.new("RGBA", (400, 300), (*BLUE, 0))
    image.paste((*YELLOW, 255), (0, 0, 50, 300))
    assert_colors([tuple(bytes.fromhex(render(encode(image, "PNG")).color[1:]))], [YELLOW])


def test_completely_transparent_photo_has_a_color():
    assert len(render(encode(Image.new("RGBA", (9, 9)), "PNG")).color) == len("#rrggbb")
