"""Draws photos for the benchmarks, with a spectrum and edges like those of real photos."""

import io
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TILE = Path(__file__).parent.parent / "tests" / "data" / "photo.heic"


def photo(width: int, height: int, seed: int = 1) -> Image.Image:
    """Brightness that falls off as 1/f^1.25, softer colours, hard-edged shapes and sensor noise."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)).astype(np.float32)
    frequency[0, 0] = np.inf

    def noise(power: float) -> NDArray[np.float32]:
        phase = rng.standard_normal((*frequency.shape, 2), np.float32).view(np.complex64)[..., 0]
        field = np.fft.irfft2(phase / frequency**power, (height, width))
        return (field / field.std()).astype(np.float32)

    light = 128 + 42 * noise(1.25)
    pixels = np.stack([light + 16 * noise(1.6) for _ in range(3)], axis=-1)
    rows, columns = np.ogrid[:height, :width]
    for index in range(40):
        x, y, size = rng.random() * width, rng.random() * height, rng.uniform(0.02, 0.12) * height
        if index % 2:
            shape = (columns - x) ** 2 + (rows - y) ** 2 < size**2
        else:
            shape = (abs(columns - x) < size) & (abs(rows - y) < 0.6 * size)
        pixels[shape] = 0.45 * pixels[shape] + 0.55 * rng.integers(0, 255, 3)
    pixels += 2.5 * rng.standard_normal((height, width, 1), np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def box(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + name + content


def heic_grid(columns: int, rows: int, tile_file: Path = TILE) -> bytes:
    """A HEIC photo as phones write it: a grid of 512 x 512 tiles, here all the same.

    No encoder is needed: the tile was encoded once, and the boxes around it are ISO/IEC 23008-12's.
    """
    source = tile_file.read_bytes()
    config = _property(source, b"hvcC")
    tile = source[source.index(b"mdat") + 4 :]
    count = columns * rows
    items = [box(b"infe", struct.pack(">IHH4sx", 0x02000000, 1, 0, b"grid"))] + [
        box(b"infe", struct.pack(">IHH4sx", 0x02000001, 2 + index, 0, b"hvc1"))
        for index in range(count)
    ]
    properties = box(
        b"ipco",
        config,
        box(b"ispe", struct.pack(">III", 0, 512, 512)),
        box(b"ispe", struct.pack(">III", 0, 512 * columns, 512 * rows)),
    )
    associations = struct.pack(">HBB", 1, 1, 3) + b"".join(
        struct.pack(">HBBB", 2 + index, 2, 0x81, 2) for index in range(count)
    )
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, 512 * columns, 512 * rows)

    def meta(start: int) -> bytes:
        extents = [(1, start, len(grid))] + [
            (2 + index, start + len(grid), len(tile)) for index in range(count)
        ]
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", struct.pack(">IH", 0, 1)),
            box(b"iinf", struct.pack(">IH", 0, len(items)), *items),
            box(
                b"iref",
                bytes(4),
                box(b"dimg", struct.pack(f">HH{count}H", 1, count, *range(2, 2 + count))),
            ),
            box(b"iprp", properties, box(b"ipma", struct.pack(">II", 0, 1 + count), associations)),
            box(
                b"iloc",
                struct.pack(">IBBH", 0, 0x44, 0, len(extents)),
                *(struct.pack(">HHHII", item, 0, 1, at, size) for item, at, size in extents),
            ),
        )

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", grid, tile)


def _property(file: bytes, name: bytes) -> bytes:
    at = file.index(name) - 4
    return file[at : at + struct.unpack_from(">I", file, at)[0]]
