"""Makes the image files that the tests read, with contents that are known without decoding them."""

import functools
import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from tests.support.repository import ROOT

DATA = ROOT / "tests" / "data"

RED, GREEN, BLUE, YELLOW = (200, 40, 40), (40, 160, 60), (50, 70, 200), (220, 200, 60)
CORNERS = [RED, GREEN, BLUE, YELLOW]  # top left, top right, bottom left, bottom right

# EXIF 2.3, tag 274: where the first row and the first column of the file are in the photo.
ORIENTATIONS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}

type Point = tuple[float, float, float]


def corners(width: int = 96, height: int = 64) -> Image.Image:
    """A colour in each quarter."""
    image = Image.new("RGB", (width, height))
    for index, color in enumerate(CORNERS):
        left, top = index % 2 * (width // 2), index // 2 * (height // 2)
        image.paste(color, (left, top, left + width // 2, top + height // 2))
    return image


def corner_colors(image: Image.Image) -> list[tuple[int, ...]]:
    """The colour in the middle of each quarter."""
    rgb = image.convert("RGB")
    return [
        rgb.getpixel((image.width * x // 4, image.height * y // 4)) for y in (1, 3) for x in (1, 3)
    ]


def landscape(width: int, height: int) -> Image.Image:
    """Noise with the spectrum of a photo, repeated, and some hard edges."""
    rng = np.random.default_rng(20)
    frequency = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.rfftfreq(512))
    frequency[0, 0] = np.inf
    channels = []
    for _ in range(3):
        phase = rng.standard_normal(frequency.shape) + 1j * rng.standard_normal(frequency.shape)
        noise = np.fft.irfft2(phase / frequency**1.3, (512, 512))
        channels.append(128 + 45 * noise / noise.std())
    tile = np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)
    repeated = np.tile(tile, (height // 512 + 1, width // 512 + 1, 1))[:height, :width]
    image = Image.fromarray(np.ascontiguousarray(repeated))
    image.paste((30, 60, 40), (width // 5, height // 4, width // 3, height // 2))
    return image


@functools.cache  # it takes a third of a second for the photo of a camera
def landscape_jpeg(width: int, height: int) -> bytes:
    return encode(landscape(width, height), "JPEG", quality=90)


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def exif(orientation: int) -> bytes:
    """Camera, place and orientation, as a phone writes them."""
    tags = Image.Exif()
    tags[271] = "Camera"
    tags[274] = orientation
    tags[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)}
    return tags.tobytes()


def stored_as(image: Image.Image, orientation: int) -> Image.Image:
    """The rows and columns that a file of that orientation stores for the photo."""
    first_row, first_column = ORIENTATIONS[orientation]
    pixels = np.asarray(image)
    if first_row in {"left", "right"}:
        pixels = pixels.swapaxes(0, 1)
    if first_row in {"right", "bottom"}:
        pixels = pixels[::-1]
    if first_column in {"right", "bottom"}:
        pixels = pixels[:, ::-1]
    return Image.fromarray(np.ascontiguousarray(pixels))


def png_chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png_header(width: int, height: int) -> bytes:
    """A PNG of that size without a pixel in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")


def with_jpeg_size(data: bytes, width: int, height: int) -> bytes:
    """The same file, announcing another size."""
    at = max(data.find(marker) for marker in (b"\xff\xc0\x00", b"\xff\xc2\x00"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def with_ispe_size(data: bytes, width: int, height: int) -> bytes:
    """The same AVIF or HEIC file, announcing another size."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def webp_chunks(data: bytes) -> list[str]:
    names, at = [], 12
    while at < len(data):
        names.append(data[at : at + 4].decode())
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return names


def icc_profile(color_space: str, colorants: dict[str, Point], gamma: float) -> bytes:
    """A display profile (ICC.1:2001-04) of D50 colorants and one gamma; GRAY has no colorants."""

    def xyz(values: Point) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    name = b"Test\0"
    tags = {
        "desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78 + 1),
        "wtpt": xyz((0.9642, 1.0, 0.8249)),
        **{f"{channel}XYZ": xyz(point) for channel, point in colorants.items()},
        **{f"{channel}TRC": curve for channel in colorants or {"k": ()}},
    }
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += tag.encode() + struct.pack(">II", start + len(body), len(content))
        body += padded
    header = struct.pack(
        ">I4xI4s4s4s12x4s24x3i",
        start + len(body),
        0x02400000,
        b"mntr",
        f"{color_space:4}".encode(),
        b"XYZ ",
        b"acsp",
        *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)),
    )
    return header.ljust(128, b"\0") + table + body


def gamma_to_srgb(
    color: tuple[int, ...], colorants: dict[str, Point], gamma: float
) -> tuple[int, ...]:
    """What the profile of those colorants makes of a colour, by the book (IEC 61966-2-1)."""
    srgb_from_xyz = [
        (3.1338561, -1.6168667, -0.4906146),
        (-0.9787684, 1.9161415, 0.0334540),
        (0.0719453, -0.2289914, 1.4052427),
    ]  # D50
    light = [(value / 255) ** gamma for value in color]
    if colorants:
        columns = list(colorants.values())
        xyz = [sum(columns[i][axis] * light[i] for i in range(3)) for axis in range(3)]
    else:
        xyz = [white * light[0] for white in (0.9642, 1.0, 0.8249)]
    linear = [sum(row[i] * xyz[i] for i in range(3)) for row in srgb_from_xyz]
    return tuple(
        round(255 * (12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055))
        for x in (min(1.0, max(0.0, x)) for x in linear)
    )
