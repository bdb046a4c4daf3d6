"""`python -m tests.fuzz.damaged_photos`: render damaged files and bombs in little memory.

A process of its own, because a decoder that crashes takes its process with it.
"""

import argparse
import io
import json
import random
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from PIL import Image

from tests.fuzz.seeds import photos
from thumbnailer.renditions import UnusablePhotoError, render

ADDRESS_SPACE: Final = 2 * 2**30  # of the process; the function has 1769 MB of memory
_LIES: Final = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def truncated(data: bytes, chance: random.Random) -> bytes:
    """A file without its end."""
    return data[: chance.randrange(len(data))]


def flipped(data: bytes, chance: random.Random) -> bytes:
    """A file with some inverted bits, half of them in the headers."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 8, 64])):
        at = chance.randrange(min(len(data), chance.choice([300, len(data)])))
        changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)


def wrong_length(data: bytes, chance: random.Random) -> bytes:
    """A file with a wrong length or size; checksums of PNG chunks are correct."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 4])):
        width = chance.choice([1, 2, 4])
        at = chance.randrange(min(len(data) - width, chance.choice([300, len(data)])))
        order = chance.choice(["big", "little"])
        value = chance.choice(_LIES) & (256**width - 1)
        changed[at : at + width] = value.to_bytes(width, "big" if order == "big" else "little")
    return with_checksums(bytes(changed))


def repeated(data: bytes, chance: random.Random) -> bytes:
    """A file in which a part is repeated many times."""
    start = chance.randrange(len(data))
    part = data[start : start + chance.choice([4, 12, 64, 1024])]
    return data[:start] + part * chance.choice([2, 50, 5000]) + data[start:]


def joined(data: bytes, chance: random.Random) -> bytes:
    """The start of one file with the end of another."""
    other = chance.choice(list(photos().values()))
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


DAMAGES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    truncated,
    flipped,
    wrong_length,
    repeated,
    joined,
)


def with_checksums(data: bytes) -> bytes:
    """A PNG with correct checksums, as far as its lengths lead; any other file as it is."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    changed, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data):
            break
        changed[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(changed)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files with nearly 50 million pixels, the most that are accepted."""
    width, height = 8660, 5770

    def encoded(mode: str, file_format: str, **options: object) -> bytes:
        file = io.BytesIO()
        Image.new(mode, (width, height)).save(file, file_format, **options)
        return file.getvalue()

    yield "JPEG", encoded("CMYK", "JPEG", progressive=True)
    yield "PNG", png_bomb(width, height)
    yield "WebP", encoded("RGBA", "WEBP", lossless=True, method=0, quality=0)
    yield "GIF", encoded("P", "GIF", transparency=0)
    yield "AVIF", encoded("RGBA", "AVIF", speed=10)
    heic = photos()["HEIC"]
    at = heic.index(b"ispe") + 8
    yield "HEIC", heic[:at] + struct.pack(">II", width, height) + heic[at + 8 :]


def png_bomb(width: int, height: int) -> bytes:
    """16 bits, four channels and the filter that takes the longest."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    compressor = zlib.compressobj(1)
    row = b"\4" + bytes(width * 8)
    pixels = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def main() -> None:
    """Print how many files of each kind were rendered and refused, and the longest CPU time."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.damaged_photos")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=100, help="files of each kind and damage")
    given = parser.parse_args()
    bombs_made = list(bombs())
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    results: dict[str, Counter[str]] = {}
    slowest = (0.0, "")
    for name, data in files(given.seed, given.count, bombs_made):
        print(name, file=sys.stderr, flush=True)  # the last line names the file of a crash
        began = time.process_time()
        try:
            render(data)
            result = "rendered"
        except UnusablePhotoError:
            result = "refused"
        slowest = max(slowest, (round(time.process_time() - began, 2), name))
        results.setdefault(name.partition(",")[0], Counter())[result] += 1
    print(json.dumps({"results": results, "slowest": slowest}))


def files(
    seed: int, count: int, bombs_made: list[tuple[str, bytes]]
) -> Iterator[tuple[str, bytes]]:
    """Every file with its name, from which it can be made again."""
    for kind, data in photos().items():
        for damage in DAMAGES:
            for number in range(count):
                name = f"{kind}, {damage.__name__}, seed {seed}, number {number}"
                yield name, damage(data, random.Random(name))  # noqa: S311
    for kind, data in bombs_made:
        yield f"bomb {kind}, {len(data)} bytes", data


if __name__ == "__main__":
    main()
