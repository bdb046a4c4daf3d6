"""Three renditions of a photo: the thumbnailer compared with baselines, in interleaved runs.

Each measurement is a separate process, all on the same CPU. Its first run gives the peak of memory
above interpreter, libraries and file; the median of three more is the CPU time of all its threads
without encoding, and of the whole job. npm installs sharp into .laptop/bench; without node or npm
sharp is skipped.
"""

# ruff: noqa: PLC0415 - a child imports only what it measures, for its memory to be its own

import argparse
import io
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import photos
from PIL import Image
from results import exit_status

SIZES = {"large": 1600, "small": 640, "thumb": 256}
OURS, DECODER, NAIVE = "thumbnailer", "its decoder alone", "naive Pillow"
VIPS, CHAINED, SHARP_NAME = "pyvips", "pyvips, chained", "sharp"
SHARP_VERSION = "0.35.5"
REPEATS = 3
ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": f"{ROOT / 'functions'}{os.pathsep}{ROOT / 'layers'}",
    "VIPS_CONCURRENCY": "1",
}
INPUTS = ["12 MP JPEG", "24 MP JPEG", "100 MP JPEG", "12 MP PNG", "12 MP HEIC"]

type Images = dict[str, Any]
type Contender = tuple[Callable[[bytes], Images], Callable[[bytes], object]]

SHARP = """
const fs = require("fs"), sharp = require("sharp");
const [file, pixels, sizes] = [process.argv[1], process.argv[2], JSON.parse(process.argv[3])];
const repeats = Number(process.argv[4]);
sharp.concurrency(1); sharp.cache(false);
const data = fs.readFileSync(file);
const resized = edge => sharp(data).rotate()
  .resize({width: edge, height: edge, fit: "inside", withoutEnlargement: true});
const memory = () => Number(/VmHWM:\\s+(\\d+)/.exec(fs.readFileSync("/proc/self/status"))[1]);
const scale = async () => { const all = {}; for (const [name, edge] of Object.entries(sizes))
  all[name] = await resized(edge).raw().toBuffer({resolveWithObject: true}); return all; };
const whole = async () => { for (const edge of Object.values(sizes))
  await resized(edge).webp({quality: 80}).toBuffer(); };
const timed = async f => { const times = []; for (let turn = 0; turn < repeats; turn++) {
  const start = process.cpuUsage(); await f(); const {user, system} = process.cpuUsage(start);
  times.push((user + system) / 1e6); } return times; };
(async () => {
  fs.writeFileSync("/proc/self/clear_refs", "5");
  const before = memory(), images = await scale(), peak = memory() - before, shapes = {};
  for (const [name, {data, info}] of Object.entries(images)) {
    shapes[name] = [info.height, info.width, info.channels];
    if (pixels) fs.writeFileSync(`${pixels}/${name}`, data);
  }
  console.log(JSON.stringify({peak: peak * 1024, shapes, scale: await timed(scale),
    whole: await timed(whole)}));
})().catch(error => { console.error(error.message); process.exit(1); });
"""


def thumbnailer() -> Contender:
    from thumbnailer.decoding import decode
    from thumbnailer.renditions import render, scale

    return lambda data: scale(decode(data, SIZES["large"])), render


def decoder_alone() -> Contender:
    """Pillow's or libheif's decoder as the thumbnailer calls it, and nothing else."""

    from thumbnailer.decoding import fit

    def load(data: bytes) -> Images:
        image = Image.open(io.BytesIO(data))
        image.draft(None, fit(image.size, SIZES["large"]))
        image.load()
        return {}

    return load, load


def vips_of_each_size() -> Contender:
    import pyvips

    pyvips.cache_set_max(0)

    def scale(data: bytes) -> Images:
        return {
            name: pyvips.Image.thumbnail_buffer(data, edge, height=edge, size="down").copy_memory()
            for name, edge in SIZES.items()
        }

    return scale, lambda data: _vips_webp(scale(data))


def _vips_webp(images: Images) -> object:
    return [image.webpsave_buffer(Q=80) for image in images.values()]


def vips_in_a_chain() -> Contender:
    import pyvips

    pyvips.cache_set_max(0)

    def scale(data: bytes) -> Images:
        image = pyvips.Image.thumbnail_buffer(data, 1600, height=1600, size="down").copy_memory()
        images = {"large": image}
        for name in ("small", "thumb"):
            image = image.thumbnail_image(SIZES[name], height=SIZES[name]).copy_memory()
            images[name] = image
        return images

    return scale, lambda data: _vips_webp(scale(data))


def _default_webp(images: Images) -> object:
    return [photos.encode(image, "WEBP") for image in images.values()]


def naive_pillow() -> Contender:
    def scale(data: bytes) -> Images:
        image = Image.open(io.BytesIO(data))
        image.load()
        images = {}
        for name, edge in SIZES.items():
            factor = edge / max(image.size)
            size = (round(image.width * factor), round(image.height * factor))
            images[name] = image.resize(size, Image.Resampling.LANCZOS)
        return images

    return scale, lambda data: _default_webp(scale(data))


def pillow_thumbnail() -> Contender:
    def scale(data: bytes) -> Images:
        images = {}
        for name, edge in SIZES.items():
            images[name] = Image.open(io.BytesIO(data))
            images[name].thumbnail((edge, edge))
        return images

    return scale, lambda data: _default_webp(scale(data))


CONTENDERS: dict[str, Callable[[], Contender]] = {
    OURS: thumbnailer,
    DECODER: decoder_alone,
    VIPS: vips_of_each_size,
    CHAINED: vips_in_a_chain,
    SHARP_NAME: lambda: (dict, list),
    NAIVE: naive_pillow,
    "Pillow thumbnail()": pillow_thumbnail,
}


def run_one(contender: str, file: Path, pixels: Path | None) -> None:
    """Measure one contender once, in a child process."""
    import pi_heif

    Image.MAX_IMAGE_PIXELS = None
    pi_heif.register_heif_opener()
    scale, whole = CONTENDERS[contender]()
    data = file.read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_memory()
    images = scale(data)
    peak = _peak_memory() - before
    shapes = {}
    for name, image in images.items():
        array = image.numpy() if hasattr(image, "numpy") else np.asarray(image)
        shapes[name] = array.shape
        if pixels:
            (pixels / name).write_bytes(array.tobytes())
    times = {"scale": _cpu_times(scale, data), "whole": _cpu_times(whole, data)}
    print(json.dumps({"peak": peak, "shapes": shapes, **times}))


def _cpu_times(work: Callable[[bytes], object], data: bytes) -> list[float]:
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work(data)
        times.append(time.process_time() - start)
    return times


def _peak_memory() -> int:
    # The peak of this process; ru_maxrss would begin with the parent's.
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def install_sharp() -> Path | None:
    """The folder of sharp, or None if npm cannot install it."""
    folder = ROOT / ".laptop" / "bench"
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text("{}")
    options = ["--no-audit", "--no-fund", "--no-save", "--silent"]
    installed = subprocess.run(
        [npm, "install", *options, f"sharp@{SHARP_VERSION}"], check=False, cwd=folder
    )
    return folder / "node_modules" if installed.returncode == 0 else None


def measure(contender: str, file: Path, pixels: Path | None) -> dict[str, Any]:
    if contender == SHARP_NAME:
        command = ["node", "-e", SHARP, str(file), str(pixels or "")]
        command += [json.dumps(SIZES), str(REPEATS)]
    else:
        command = [sys.executable, __file__, "--one", contender, str(file)]
        command += [str(pixels)] if pixels else []
    child = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if child.returncode:
        raise RuntimeError(next(iter(reversed(child.stderr.strip().splitlines())), "no answer"))
    answer = dict(json.loads(child.stdout))
    return answer | {stage: statistics.median(answer[stage]) for stage in ("scale", "whole")}


def write_inputs(folder: Path, wanted: list[str]) -> dict[str, Path]:
    photo = photos.photo(6000, 4000)
    small = photo.crop((0, 0, 4032, 3024))
    make: dict[str, Callable[[], bytes]] = {
        "12 MP JPEG": lambda: photos.encode(small, "JPEG", quality=88),
        "24 MP JPEG": lambda: photos.encode(photo, "JPEG", quality=88),
        "100 MP JPEG": lambda: photos.encode(photo.resize((12_240, 8_160)), "JPEG", quality=88),
        "12 MP PNG": lambda: photos.encode(small, "PNG"),
        "12 MP HEIC": lambda: photos.heic_grid(8, 6),
    }
    files = {}
    for name in wanted:
        files[name] = folder / name
        files[name].write_bytes(make[name]())
    return files


def likeness(
    pixels: Path, shapes: dict[str, list[int]], reference: Path
) -> Iterator[tuple[float, float] | None]:
    """PSNR in dB and SSIM of each image; None if it has another size than the reference."""
    for name, shape in shapes.items():
        found = np.fromfile(pixels / name, np.uint8).astype(float)
        expected = np.fromfile(reference / name, np.uint8).astype(float)
        if found.size != expected.size or not shape:
            yield None
            continue
        error = np.mean((found - expected) ** 2)
        psnr = 10 * math.log10(255**2 / error) if error else math.inf
        yield psnr, ssim(found.reshape(shape), expected.reshape(shape))


def ssim(found: Any, expected: Any) -> float:
    """Structural similarity (Wang et al. 2004) of the luma: the mean of blocks of 8 x 8 pixels."""
    height, width = (length // 8 for length in found.shape[:2])
    x, y = (
        (image[: height * 8, : width * 8, :3] @ (0.299, 0.587, 0.114))
        .reshape(height, 8, width, 8)
        .swapaxes(1, 2)
        .reshape(height * width, 64)
        for image in (found, expected)
    )
    means, variances = 2 * x.mean(1) * y.mean(1), x.var(1) + y.var(1)
    covariances = 2 * ((x * y).mean(1) - x.mean(1) * y.mean(1))
    squares = x.mean(1) ** 2 + y.mean(1) ** 2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    each = (means + c1) * (covariances + c2) / ((squares + c1) * (variances + c2))
    return float(each.mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--input", action="append", choices=INPUTS, help="only this one")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        contender, file, *pixels = arguments.one
        run_one(contender, Path(file), Path(pixels[0]) if pixels else None)
        return 0
    import thumbnails_report as report

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if sharp := install_sharp():
        ENVIRONMENT["NODE_PATH"] = str(sharp)
        print(f"The version of sharp is {SHARP_VERSION}.")
    else:
        print("sharp is left out: it needs node, npm and its registry.", file=sys.stderr)
        del CONTENDERS[SHARP_NAME]
    results: dict[str, dict[str, dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_inputs(folder, arguments.input or INPUTS)
        for photo, file in files.items():
            results[photo] = run_input(folder / "pixels" / photo, photo, file, arguments.rounds)
            report.print_input(photo, file.stat().st_size, results[photo])
    met = report.print_targets(results)
    if arguments.plot:
        report.plot(results, arguments.plot)
    return exit_status(met=met)


def run_input(folder: Path, photo: str, file: Path, rounds: int) -> dict[str, dict[str, Any]]:
    samples: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    for turn in range(rounds):
        for name in list(samples):
            pixels = folder / name
            pixels.mkdir(parents=True, exist_ok=True)
            try:
                samples[name].append(measure(name, file, None if turn else pixels))
            except (RuntimeError, FileNotFoundError) as error:
                print(f"{photo}: {name} is left out: {error}", file=sys.stderr)
                del samples[name]
    results = {}
    for name, runs in samples.items():
        results[name] = {
            "likeness": list(likeness(folder / name, runs[0]["shapes"], folder / NAIVE)),
            "peak": statistics.median(run["peak"] for run in runs),
        }
        for stage in ("scale", "whole"):
            pairs = zip(runs, samples[OURS], strict=True)
            results[name][stage] = statistics.median(run[stage] for run in runs)
            results[name][f"{stage}_ratio"] = statistics.median(
                run[stage] / ours[stage] for run, ours in pairs
            )
    return results


if __name__ == "__main__":
    sys.exit(main())
