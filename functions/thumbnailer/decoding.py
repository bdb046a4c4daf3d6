"""Decode a photo: find its format, check the limits, and read its pixels.

File names and declared types are not trusted. No pixel is decoded before the limits are checked.
"""

import io
import math
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from pi_heif import HeifImageFile
from PIL import ExifTags, Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from shared.photos import MAX_UPLOAD_BYTES
from thumbnailer.code_points import KNOWN_PRIMARIES, profile_of
from thumbnailer.gif_blocks import has_too_many_blocks
from thumbnailer.heif_boxes import read_heif
from thumbnailer.jpeg_markers import END_OF_IMAGE, read_markers
from thumbnailer.png_chunks import TooManyChunksError, color_code_points, essential_chunks

MAX_PIXELS: Final = 100_000_000
# Formats that are decoded at full size need up to 18 bytes per pixel (bench/decoding_memory.py).
# The limit keeps that below half of the function's memory.
MAX_PIXELS_AT_ONCE: Final = 50_000_000
# The decoder processes every pixel for each scan, and a scan may have only a few bytes.
MAX_SCANS: Final = 100
# Takes the place of the missing end of a JPEG; see `_is_complete`.
_NOISE: Final = bytes((n * n * 7919 + 181) % 251 for n in range(4096))

_OPENERS: Final[dict[str, Callable[[io.BytesIO], ImageFile]]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/webp": WebPImageFile,
    "image/gif": GifImageFile,
    "image/avif": AvifImageFile,
    "image/heic": HeifImageFile,
}
_SIGNATURES: Final = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_AVIF_BRANDS: Final = {b"avif", b"avis"}
_HEIC_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
# An item box: version, flags, id, protection, type, name, and possibly a content type.
_HEIF_ITEMS: Final = re.compile(
    rb"infe(?:\x02.{5}|\x03.{7})..(....)(?:[^\0]*\0([^\0]*))?", re.DOTALL
)
_START_OF_SCAN: Final = b"\xff\xda"
# Blocks of pixels of a large image are averaged first. Then it still is at least this many times as
# wide and as high as the largest rendition. If it were smaller, renditions would differ too much
# from those that are made without averaging: the PSNR would fall below 45 dB.
_LEAST_EXCESS: Final = 1.5
# If rows are averaged in pairs, and columns not at all, it may be only this many times as high.
_LEAST_EXCESS_OF_ROWS: Final = 1.25
_STRIP_ROWS: Final = 64  # of the reduced image
_DAMAGED: Final = "The image is damaged or incomplete."
_UNSUPPORTED_ITEMS: Final = {
    b"unci": "uncompressed HEIF",
    b"j2k1": "JPEG 2000 in HEIF",
    b"avc1": "H.264 in HEIF",
    b"vvc1": "H.266 in HEIF",
}
_JPEG_XL: Final = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


class UnusablePhotoError(Exception):
    """The photo can never be used; the message tells the photo's owner why."""


class DecodedPhoto(msgspec.Struct, frozen=True):
    """A decoded photo; its `image` may have fewer pixels than the photo's `size`.

    `extent` is the part of the image that the photo fills: a photo of 1001 columns that is decoded
    at half its size fills 500.5 of 501 columns. An image that `is_averaged` was reduced by
    averaging, which blurs it a little. `orientation` (EXIF, 1 to 8) and `icc_profile` have not been
    applied yet.
    """

    content_type: str
    size: tuple[int, int]
    image: Image.Image
    extent: tuple[float, float]
    is_averaged: bool
    orientation: int
    icc_profile: bytes | None


def check_size(size: int) -> None:
    """Refuse a file of more bytes than a photo may have.

    Raises:
        UnusablePhotoError: the file is too large.
    """
    if size > MAX_UPLOAD_BYTES:
        raise UnusablePhotoError(
            f"The file is too large: {_round_up(size / 1e6)} MB, "
            f"the limit is {MAX_UPLOAD_BYTES // 1_000_000} MB."
        )


def decode(data: bytes, long_edge: int) -> DecodedPhoto:
    """Decode at the lowest resolution from which an image of `long_edge` pixels can be made.

    Raises:
        UnusablePhotoError: the file is not a photo that can be used.
    """
    check_size(len(data))
    content_type = find_content_type(data)
    if data.startswith(_JPEG_XL):
        raise _unsupported("JPEG XL")
    if content_type is None:
        raise UnusablePhotoError(
            "The file is not an image that we can read (JPEG, PNG, WebP, GIF, AVIF or HEIC)."
        )
    with _decoder_errors():
        data, complete = _readable(data, content_type)
        # A loaded image still refers to its file. A closed file keeps no bytes.
        with io.BytesIO(data) as file:
            image = _OPENERS[content_type](file)
            _check_pixels(image, data, content_type)
            size = image.size
            drafted = image.draft(None, fit(size, long_edge))
            image.load()
            if not complete and not _is_complete(image, data, fit(size, long_edge)):
                raise UnusablePhotoError(_DAMAGED)
            if image.mode == "P" and image.palette is None:  # Pillow only notices it later
                raise UnusablePhotoError(_DAMAGED)
            extent = drafted[1][2:] if drafted else image.size
            columns, rows = _factors(extent, fit(image.size, long_edge))
            return DecodedPhoto(
                content_type=content_type,
                size=size if drafted else image.size,
                image=_averaged(image, columns, rows),
                extent=(extent[0] / columns, extent[1] / rows),
                is_averaged=(columns, rows) != (1, 1),
                orientation=_orientation(image),
                icc_profile=_icc_profile(image, data, content_type),
            )


def _factors(size: tuple[float, float], wanted: tuple[int, int]) -> tuple[int, int]:
    """How many columns and rows to average."""
    excess, excess_of_rows = size[0] / wanted[0], size[1] / wanted[1]
    rows = 2 if excess_of_rows >= 2 * _LEAST_EXCESS_OF_ROWS else 1
    return max(1, int(excess / _LEAST_EXCESS)), max(rows, int(excess_of_rows / _LEAST_EXCESS))


def _averaged(image: Image.Image, columns: int, rows: int) -> Image.Image:
    """A smaller image, in which each pixel is the mean of `columns` times `rows` pixels.

    It converts strip by strip: a converted copy of the whole photo would double the memory.
    """
    if (columns, rows) == (1, 1):
        return _averageable(image)
    mode = _averageable(image.crop((0, 0, 1, 1))).mode
    reduced = Image.new(mode, (math.ceil(image.width / columns), math.ceil(image.height / rows)))
    for top in range(0, reduced.height, _STRIP_ROWS):
        bottom = min((top + _STRIP_ROWS) * rows, image.height)
        strip = _averageable(image.crop((0, top * rows, image.width, bottom)))
        reduced.paste(strip.reduce((columns, rows)), (0, top))
    return reduced


def _averageable(image: Image.Image) -> Image.Image:
    """The image in a mode whose pixels can be averaged. Indices into a palette cannot be averaged.

    RGBa is RGBA with the colours multiplied by alpha, so that the colours of transparent pixels do
    not show at the edges.
    """
    if image.mode.startswith("I"):  # 16 bits of gray
        return image.convert("I").point([value // 257 for value in range(65536)], "L")
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode not in {"RGBA", "RGBa"} and image.has_transparency_data:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        return image.convert("RGBa")
    return image.convert("RGB") if image.mode in {"1", "P"} else image


def fit(size: tuple[int, int], long_edge: int) -> tuple[int, int]:
    """The size with the same proportions and this long edge; a smaller size stays as it is."""
    factor = min(1.0, long_edge / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def find_content_type(data: bytes) -> str | None:
    """The content type according to the first bytes; None if the format is not supported."""
    for signature, content_type in _SIGNATURES.items():
        if data.startswith(signature):
            return content_type
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        box = data[8 : int.from_bytes(data[:4])]
        brands = {box[at : at + 4] for at in range(0, len(box), 4)}
        if brands & _AVIF_BRANDS:
            return "image/avif"
        if brands & _HEIC_BRANDS:
            return "image/heic"
    return None


def _readable(data: bytes, content_type: str) -> tuple[bytes, bool]:
    """The bytes to pass to the decoder, and False for a JPEG without its marker of the end.

    Raises:
        UnusablePhotoError: we cannot decode this kind of file, it takes too long, or it is a
            damaged JPEG.
    """
    match content_type:
        case "image/jpeg":
            markers = read_markers(data)
            if markers.unsupported:
                raise _unsupported(markers.unsupported)
            if markers.scans > MAX_SCANS:
                raise _too_slow(f"{markers.scans} scans, the limit is {MAX_SCANS}")
            if markers.too_many_markers:
                raise _too_slow("too many markers")
            if markers.end is None and not markers.refined:
                raise UnusablePhotoError(_DAMAGED)
            return data[: markers.end] + END_OF_IMAGE, markers.end is not None
        case "image/png":
            try:
                return essential_chunks(data), True
            except TooManyChunksError as error:
                raise _too_slow("too many chunks") from error
        case "image/gif":
            if has_too_many_blocks(data):
                raise _too_slow("too many blocks")
        case "image/heic":
            _check_item_types(data)
    return data, True


def _unsupported(kind: str) -> UnusablePhotoError:
    return UnusablePhotoError(
        f"The image is of a kind that we cannot read: {kind}. Save it as JPEG, for example."
    )


def _too_slow(reason: str) -> UnusablePhotoError:
    return UnusablePhotoError(f"The image takes too long to decode: {reason}.")


def _check_item_types(data: bytes) -> None:
    # pi-heif 1.4 crashes the process on an item type that is not text.
    boxes, _, _ = data.partition(b"mdat")  # pixel data may look like an item by chance
    for item_type, mime_type in _HEIF_ITEMS.findall(boxes if b"meta" in boxes else data):
        (item_type + mime_type).decode()
    types = read_heif(data).item_types
    unsupported = sorted(_UNSUPPORTED_ITEMS[each] for each in types & _UNSUPPORTED_ITEMS.keys())
    if unsupported and b"hvc1" not in types:
        raise _unsupported(" and ".join(unsupported))


def _is_complete(image: Image.Image, data: bytes, size: tuple[int, int]) -> bool:
    """Whether a JPEG without an end has all of its pixels.

    This decodes it again with noise after its last byte. If any pixels were missing, the decoder
    reads them from the noise, and the result differs.
    """
    again = JpegImageFile(io.BytesIO(data.removesuffix(END_OF_IMAGE) + _NOISE + END_OF_IMAGE))
    again.draft(None, size)
    again.load()
    return again.tobytes() == image.tobytes()


def _icc_profile(image: ImageFile, data: bytes, content_type: str) -> bytes | None:
    """The profile of the colours: embedded, or made from code points.

    In PNG, code points with primaries that we know take precedence. In AVIF and HEIC the embedded
    profile takes precedence.
    """
    embedded: bytes | None = image.info.get("icc_profile")
    match content_type:
        case "image/png":
            primaries, transfer = color_code_points(data)
            if primaries in KNOWN_PRIMARIES:
                return profile_of(primaries, transfer)
        case "image/avif" | "image/heic":
            heif = read_heif(data)
            primaries, transfer = heif.primaries, heif.transfer
        case _:
            return embedded
    return embedded or profile_of(primaries, transfer)


def _check_pixels(image: ImageFile, data: bytes, content_type: str) -> None:
    pixels = image.width * image.height
    limit, kind = MAX_PIXELS_AT_ONCE, content_type.removeprefix("image/").upper()
    if isinstance(image, JpegImageFile):
        first_scan = data.rfind(_START_OF_SCAN, 0, image.fp.tell() if image.fp else None)
        if image.info.get("progressive") or data[first_scan + 4] < image.layers:
            kind = "JPEG with several scans"
        else:
            limit = MAX_PIXELS
    if pixels > limit:
        what = "" if limit == MAX_PIXELS else f" for {kind}"
        raise UnusablePhotoError(
            f"The image is too large: {_round_up(pixels / 1e6)} megapixels, "
            f"the limit{what} is {limit // 1_000_000}."
        )


def _round_up(number: float) -> str:
    """One decimal, rounded up: a value over a limit must not be shown as equal to it."""
    return f"{math.ceil(number * 10) / 10:g}"


def _orientation(image: ImageFile) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, ValueError, struct.error, KeyError, TypeError):
        return 1  # a photo with broken metadata is still usable
    return orientation if isinstance(orientation, int) else 1


@contextmanager
def _decoder_errors() -> Iterator[None]:
    """Turn exceptions of Pillow and the codecs (found by fuzzing) into a reason for the owner."""
    try:
        with warnings.catch_warnings():
            # Warnings about damaged metadata, and about sizes, which `_check_pixels` checks.
            warnings.simplefilter("ignore")
            yield
    except Image.DecompressionBombError as error:  # only Pillow's readers of GIF and WebP raise it
        raise UnusablePhotoError(
            f"The image is too large: the limit is {MAX_PIXELS_AT_ONCE // 1_000_000} megapixels."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, struct.error) as error:
        raise UnusablePhotoError(_DAMAGED) from error
