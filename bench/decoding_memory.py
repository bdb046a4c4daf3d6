"""Peak memory of the thumbnailer for each kind of file, compared with naive Pillow.

The files have the maximum number of pixels; the limits in `functions/thumbnailer/decoding.py` were
chosen by these figures. They are the memory of the whole process: interpreter, libraries, file and
renditions. Naive Pillow decodes the photo and resizes it to 1600 pixels.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import photos
import pyvips
from PIL import Image
from results import print_table

ROOT = Path(__file__).parent.parent
FUNCTION_MEMORY = 1769  # MB, template.yaml

OURS = """
import sys
from thumbnailer.renditions import render
photo = render(open(sys.argv[1], "rb").read())
"""
NAIVE = """
import io, sys
import pi_heif
from PIL import Image
pi_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None
photo = Image.open(io.BytesIO(open(sys.argv[1], "rb").read()))
photo.resize((1600, 1067)).convert("RGBA").save(io.BytesIO(), "WEBP")
"""
PRINT = """
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
print(photo.width * photo.height, peak)
"""


def vips_png(image: Image.Image, **options: object) -> bytes:
    return bytes(pyvips.Image.new_from_array(image).write_to_buffer(".png", **options))


def kinds() -> dict[str, Callable[[], bytes]]:
    photo = photos.photo(866, 577)
    rgb = photo.resize((8660, 5770), Image.Resampling.NEAREST)
    rgba = rgb.copy()
    rgba.putalpha(photo.convert("L").resize(rgb.size, Image.Resampling.NEAREST))
    palette = rgb.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)

    def encode(image: Image.Image, file_format: str, **options: object) -> Callable[[], bytes]:
        return lambda: photos.encode(image, file_format, **options)

    huge = photo.resize((12_240, 8_160), Image.Resampling.BICUBIC)
    return {
        "JPEG, 100 MP": encode(huge, "JPEG", subsampling=0),
        "JPEG CMYK, 100 MP": encode(huge.convert("CMYK"), "JPEG"),
        "progressive JPEG": encode(rgb, "JPEG", progressive=True),
        "progressive JPEG 4:4:4": encode(rgb, "JPEG", progressive=True, subsampling=0),
        "progressive JPEG CMYK": encode(rgb.convert("CMYK"), "JPEG", progressive=True),
        "PNG": encode(rgb, "PNG"),
        "PNG interlaced": lambda: vips_png(rgb, interlace=True),
        "PNG 16 bit gray": encode(rgb.convert("I;16"), "PNG"),
        "PNG with alpha": encode(rgba, "PNG"),
        "PNG gray and alpha": encode(rgba.convert("LA"), "PNG"),
        "PNG palette with alpha": encode(palette, "PNG", transparency=0),
        "GIF with alpha": encode(palette, "GIF", transparency=0),
        "WebP": encode(rgb, "WEBP", method=0),
        "WebP with alpha": encode(rgba, "WEBP", method=0, alpha_quality=20),
        "WebP lossless with alpha": encode(rgba, "WEBP", lossless=True, method=0, quality=0),
        "AVIF": encode(rgb, "AVIF", speed=10),
        "AVIF with alpha": encode(rgba, "AVIF", speed=10),
        "HEIC": lambda: photos.heic_grid(15, 12),
    }


def peak_of(code: str, file: Path) -> str:
    """The pixels of the photo, and the peak of a process that runs this code, in bytes."""
    path = f"{ROOT / 'functions'}{os.pathsep}{ROOT / 'layers'}"
    return subprocess.run(
        [sys.executable, "-c", code + PRINT, str(file)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    ).stdout


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo"
        for kind, make in kinds().items():
            size = file.write_bytes(make())
            print(f"{kind}, {size / 1e6:.1f} MB", file=sys.stderr)
            (pixels, peak), (_, naive) = (
                map(int, peak_of(code, file).split()) for code in (OURS, NAIVE)
            )
            rows.append(
                (
                    kind,
                    f"{pixels / 1e6:.1f}",
                    f"{size / 1e6:.1f}",
                    f"{peak / 2**20:.0f}",
                    f"{peak / pixels:.1f}",
                    f"{naive / 2**20:.0f}",
                    f"{peak / naive:.2f}",
                )
            )
    columns = ["", "megapixels", "MB of the file", "peak MB", "bytes per pixel"]
    columns += ["naive Pillow, peak MB", "times naive"]
    print_table(f"Peak memory for one photo; the function has {FUNCTION_MEMORY} MB", columns, rows)


if __name__ == "__main__":
    main()
