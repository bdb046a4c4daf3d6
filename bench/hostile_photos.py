"""CPU time of the thumbnailer for the most expensive photos that it accepts, in all six formats.

The limits in `functions/thumbnailer/decoding.py` keep each below the function's timeout of 60 s.
"""

import io
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import photos
from PIL import Image
from results import print_table

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "layers")]

from shared.photos import MAX_UPLOAD_BYTES  # noqa: E402 - only now are they found
from thumbnailer.decoding import MAX_SCANS  # noqa: E402
from thumbnailer.jpeg_markers import read_markers  # noqa: E402
from thumbnailer.renditions import UnusablePhotoError, render  # noqa: E402

WIDTH, HEIGHT = 8660, 5770  # 50 megapixels


def scans(quality: int) -> bytes:
    """A progressive JPEG whose last scan is repeated, up to the limits of scans and of bytes."""
    data = photos.encode(picture(), "JPEG", progressive=True, quality=quality, subsampling=0)
    scan = data[data.rindex(b"\xff\xda") : -2]
    fitting = (MAX_UPLOAD_BYTES - len(data)) // len(scan)
    return data[:-2] + scan * min(MAX_SCANS - read_markers(data).scans, fitting) + b"\xff\xd9"


def picture() -> Image.Image:
    return photos.photo(866, 577).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png(chunk_bytes: int) -> bytes:
    """16 bits, four channels, and the filter that takes the longest, in chunks of a size."""
    compressor = zlib.compressobj(1)
    row = b"\4" + bytes(WIDTH * 8)
    pixels = b"".join(compressor.compress(row) for _ in range(HEIGHT)) + compressor.flush()
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 6, 0, 0, 0)
    parts = [pixels[at : at + chunk_bytes] for at in range(0, len(pixels), chunk_bytes)]
    chunks = [png_chunk(b"IHDR", header), *(png_chunk(b"IDAT", part) for part in parts)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def gif(comments: int) -> bytes:
    noise = Image.effect_noise((WIDTH, HEIGHT), 100).quantize(8, dither=Image.Dither.NONE)
    data = photos.encode(noise, "GIF")
    start = 13 + 3 * (2 << (data[10] & 7))
    return data[:start] + b"\x21\xfe\x01a\0" * comments + data[start:]


def small_jpeg(inserted: bytes) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG")
    data = file.getvalue()
    return data[:2] + inserted * ((MAX_UPLOAD_BYTES - len(data)) // len(inserted)) + data[2:]


PHOTOS: dict[str, Callable[[], bytes]] = {
    "JPEG, 100 MP": lambda: photos.encode(
        photos.photo(1224, 816).resize((12_240, 8_160)), "JPEG", quality=90
    ),
    "JPEG, few large scans": lambda: scans(60),
    "JPEG, 100 small scans": lambda: scans(10),
    "JPEG, EXIF in pieces": lambda: small_jpeg(b"\xff\xe1\0\x09Exif\0\0a"),
    "JPEG, fillings": lambda: small_jpeg(b"\xff"),
    "PNG, one chunk": lambda: png(2**30),
    "PNG, small chunks": lambda: png(20),
    "WebP, lossless": lambda: photos.encode(
        picture().quantize(16).convert("RGB"), "WEBP", lossless=True, method=0, quality=0
    ),
    "GIF": lambda: gif(0),
    "GIF, 33,000 comments": lambda: gif(33_000),
    "AVIF": lambda: photos.encode(picture(), "AVIF", speed=10, quality=90, subsampling="4:4:4"),
    "HEIC, a grid": lambda: photos.heic_grid(15, 12),
}


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = []
    for name, make in PHOTOS.items():
        print(name, file=sys.stderr)
        data = make()[:MAX_UPLOAD_BYTES]
        began = time.process_time()
        try:
            photo = render(data)
            result = f"{photo.width} x {photo.height}"
        except UnusablePhotoError as error:
            result = str(error)
        seconds = time.process_time() - began
        rows.append((name, f"{len(data) / 1e6:.1f}", f"{seconds:.2f}", result))
    print_table("CPU time of one photo", ("", "MB of the file", "seconds", "result"), rows)


if __name__ == "__main__":
    main()
