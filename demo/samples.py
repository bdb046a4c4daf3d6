"""The files that the demo uploads: two photos, a computed image, and a text file."""

import io
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

PHOTOS: Final = Path(__file__).parent / "photos"


class Sample(NamedTuple):
    """A file to upload, and its expected status."""

    title: str
    content_type: str
    data: bytes
    status: str = "READY"


def samples() -> list[Sample]:
    """The demo's files, smallest first."""
    return [
        Sample("Chelsea", "image/webp", (PHOTOS / "chelsea.webp").read_bytes()),
        Sample("Coffee", "image/jpeg", (PHOTOS / "coffee.jpg").read_bytes()),
        Sample("Dusk, 12 MP", "image/jpeg", upright_landscape(4000, 3000)),
        Sample("A letter", "image/png", b"Dear gallery,\n" * 99, status="FAILED"),
    ]


def upright_landscape(width: int, height: int) -> bytes:
    """A JPEG as an upright phone writes it: rotated by EXIF, with a GPS position."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Lambda Gallery"
    exif[ExifTags.IFD.GPSInfo] = {
        ExifTags.GPS.GPSLatitudeRef: "N",
        ExifTags.GPS.GPSLatitude: (46.0, 33.0, 27.0),
        ExifTags.GPS.GPSLongitudeRef: "E",
        ExifTags.GPS.GPSLongitude: (7.0, 53.0, 32.0),
    }
    sensor = landscape(height, width).transpose(Image.Transpose.ROTATE_90)
    file = io.BytesIO()
    sensor.save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


def landscape(width: int, height: int, seed: int = 7) -> Image.Image:
    """A picture of ridges at dusk, the nearer ones darker, with sensor noise."""
    random = np.random.default_rng(seed)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    zenith, horizon = _color(38, 44, 92), _color(250, 176, 120)
    sky = zenith + (horizon - zenith) * np.clip(rows / 0.48, 0, 1) ** 1.4
    picture = np.broadcast_to(sky, (height, width, 3)).copy()
    columns = np.linspace(0, 1, width, dtype=np.float32)
    lines = np.arange(height, dtype=np.float32)[:, None] / height
    for layer in range(6):
        ridge = np.full(width, 0.42 + 0.095 * layer, dtype=np.float32)
        for octave in range(1, 8):
            phase = random.uniform(0, 2 * np.pi)
            ridge += 0.07 / 1.7**octave * np.sin(columns * 2**octave * (2.2 + layer) + phase)
        near = (layer + 1) / 6
        color = horizon * (1 - near) * 0.8 + _color(14, 18, 34) * near
        picture[lines > ridge] = color
    noise = random.integers(-3, 4, (height, width, 1), dtype=np.int8)
    return Image.fromarray(np.clip(picture + noise, 0, 255).astype(np.uint8))


def _color(*channels: int) -> NDArray[np.float32]:
    return np.array(channels, dtype=np.float32)
