"""Small valid inputs, from which fuzzing and the corpus of damaged files start."""

import io
import json
from pathlib import Path
from typing import Any, Final

from PIL import Image

ROOT: Final = Path(__file__).parents[2]  # tests.support needs packages that fuzzing lacks
PHOTO_ID: Final = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"


def _encoded(file_format: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    gradient = Image.linear_gradient("L").resize((48, 32))
    Image.merge("RGB", (gradient, gradient.rotate(180), gradient)).convert(mode).save(
        file, file_format, **options
    )
    return file.getvalue()


def photos() -> dict[str, bytes]:
    """A file of each format and coding."""
    data = ROOT / "tests" / "data"
    return {
        "JPEG": _encoded("JPEG"),
        "progressive JPEG": _encoded("JPEG", progressive=True),
        "CMYK JPEG": _encoded("JPEG", "CMYK"),
        "PNG": _encoded("PNG"),
        "palette PNG": _encoded("PNG", "P"),
        "PNG with alpha": _encoded("PNG", "RGBA"),
        "WebP": _encoded("WEBP"),
        "lossless WebP": _encoded("WEBP", "RGBA", lossless=True),
        "GIF": _encoded("GIF"),
        "AVIF": _encoded("AVIF"),
        "AVIF with alpha": _encoded("AVIF", "RGBA"),
        "HEIC": (data / "rotated.heic").read_bytes(),
        "HEIC with alpha": (data / "alpha.heic").read_bytes(),
    }


def seeds(target: str) -> list[bytes]:
    """Inputs of one target."""
    view = {"photo_id": PHOTO_ID, "viewed_at": "2026-11-28T12:00:00.000Z"}
    record = {
        "photo_id": PHOTO_ID,
        "version": 2,
        "status": "READY",
        "owner": "maria",
        "title": "Dusk",
        "content_type": "image/png",
        "bytes": 1,
        "created_at": view["viewed_at"],
        "renditions": {},
    }
    body = {"title": "Dusk", "content_type": "image/png", "bytes": 1}
    match target:
        case "photo":
            return list(photos().values())
        case "cursors":
            return [b"AZqhoF48fRGKez8snU5fYA"]
        case "uploads":
            names = ("s3_photo_uploaded", "s3_original_removed")
            events = [(ROOT / "events" / f"{name}.json").read_bytes() for name in names]
            return [*events, events[0].replace(b'"bucket"', rb'"\ud915": 1, "bucket"')]
        case "pages":
            return [
                b"photo.html?id=x",
                b"photos/a/b/thumb.webp?image/webp",
                b"index.html?text/html",
            ]
        case _:
            known = {"views": view, "changes": record, "bodies": body}
            return [json.dumps(known[target]).encode()]
