"""The edge function's cold start and warm time, compared with the smallest possible function.

`python bench/edge.py`. A cold start is a whole process of CPython without packages: it starts,
imports the handler from a folder without bytecode (`sam build` ships none, and Lambda's code folder
is read-only), handles one event and ends. With `--runtime FOLDER`, a folder into which awslambdaric
is installed, each process loads Lambda's runtime client first, as Lambda does. The contenders
take turns; a ratio is the median of the ratios of all turns.
"""

import argparse
import json
import marshal
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
PYTHON = Path(sys.executable).resolve()  # the interpreter of the virtual environment
PACKAGES = next(path for path in sys.path if path.endswith("site-packages"))
MOST_TIMES, MOST_BYTES = 1.5, 1024 * 1024

SMALLEST = """
def handler(event, context):
    return event["Records"][0]["cf"]["response"]
"""
BOTO3 = f"""
import sys
sys.path.append({PACKAGES!r})
import boto3
catalog = boto3.client("dynamodb", "us-east-1")

def handler(event, context):
    return event["Records"][0]["cf"]["response"]
"""
START = """
import marshal, sys
event = marshal.loads(sys.stdin.buffer.read())
sys.path[:0] = sys.argv[1:]
"""
RUNTIME = "import awslambdaric.bootstrap\n"
HANDLE = """
from {package}.handler import handler
handler(event, None)
"""
# In one process, in turns; the function caches a photo's page after the first event.
WARM = """
import json, sys, time
sys.path[:0] = sys.argv[1:]
import smallest.handler, edge_headers.handler, edge_headers.photo_pages
edge_headers.photo_pages.get_row = lambda *_: None
edge_headers.photo_pages.OTHER_SECONDS = 3600
work = {name: (smallest.handler.handler, event) if name == "smallest"
        else (edge_headers.handler.handler, event)
        for name, event in json.load(sys.stdin).items()}
times = {name: [] for name in work}
for _ in range(200):
    for name, (handler, event) in work.items():
        started = time.perf_counter()
        for _ in range(100):
            handler(event, None)
        times[name].append((time.perf_counter() - started) / 100)
print(json.dumps({name: sorted(each)[len(each) // 2] for name, each in times.items()}))
"""


def event(name: str, **changes: str) -> Any:
    """An event of events/, with a catalog that refuses connections, so no time is spent waiting."""
    loaded = json.loads((ROOT / "events" / f"cloudfront_{name}.json").read_text())
    request = loaded["Records"][0]["cf"]["request"]
    request.update(changes)
    for header in request["origin"]["s3"]["customHeaders"].get("x-gallery-endpoint", []):
        header["value"] = "https://127.0.0.1:1"
    return loaded


EVENTS = {
    "a rendition": event("photo_file"),
    "a missing photo": event("missing_photo"),
    "the gallery's page": event("photo_page", uri="/index.html", querystring=""),
    "a photo's page": event("photo_page"),
}
STATIC = list(EVENTS)[:3]


def cold(script: str, folders: list[str], asked: object) -> float:
    """The duration of a process in seconds."""
    command = [PYTHON, "-I", "-B", "-c", script, *folders]
    started = time.perf_counter()
    done = subprocess.run(
        command,
        input=marshal.dumps(asked),
        env={"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"},
        check=False,
        capture_output=True,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return seconds


def cold_starts(folder: str, runtime: str | None, runs: int) -> dict[str, list[float]]:
    """The seconds of each contender in each turn."""
    start = START + (RUNTIME if runtime else "")
    folders = [folder, *([runtime] if runtime else [])]
    contenders = {
        "the interpreter alone": (start, EVENTS["a rendition"]),
        "smallest": (start + HANDLE.format(package="smallest"), EVENTS["a rendition"]),
        **{
            name: (start + HANDLE.format(package="edge_headers"), asked)
            for name, asked in EVENTS.items()
        },
        "boto3's client alone": (start + HANDLE.format(package="boto3_client"), EVENTS[STATIC[0]]),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, (script, asked) in contenders.items():
            times[name].append(cold(script, folders, asked))
    return times


def packages(folder: str) -> int:
    """Write the contenders into `folder`; returns the size of the edge function's package."""
    for name, source in {"smallest": SMALLEST, "boto3_client": BOTO3}.items():
        (Path(folder) / name).mkdir()
        (Path(folder) / name / "__init__.py").touch()
        (Path(folder) / name / "handler.py").write_text(source)
    package = shutil.copytree(
        ROOT / "functions" / "edge_headers",
        Path(folder) / "edge_headers",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return sum(path.stat().st_size for path in package.iterdir())


def warm(folder: str) -> dict[str, float]:
    """The median time of one event in seconds."""
    events = {"smallest": EVENTS["a rendition"], **EVENTS}
    done = subprocess.run(
        [PYTHON, "-I", "-B", "-c", WARM, folder],
        input=json.dumps(events),
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> int:
    """Return 0 if every target is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60, help="of each contender (default 60)")
    parser.add_argument("--runtime", help="a folder that awslambdaric is installed into")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        size = packages(folder)
        starts = cold_starts(folder, options.runtime, options.runs)
        handled = warm(folder)

    base = "the runtime client" if options.runtime else "the interpreter alone"
    table = Table(title=f"From a process's start to its end, on {base}", title_justify="left")
    for column in ("what", "cold ms", "to the smallest", "warm µs", ""):
        table.add_column(column, justify="left" if column in {"what", ""} else "right")
    met = [size < MOST_BYTES]
    for name, times in starts.items():
        ratio = statistics.median(
            ours / theirs for ours, theirs in zip(times, starts["smallest"], strict=True)
        )
        mark = ""
        if name in STATIC:
            met.append(ratio <= MOST_TIMES)
            mark = f"{'met' if met[-1] else 'missed'} (at most {MOST_TIMES})"
        once = f"{handled[name] * 1e6:.1f}" if name in handled else ""
        label = base if name == "the interpreter alone" else name
        table.add_row(label, f"{statistics.median(times) * 1000:.1f}", f"{ratio:.2f}", once, mark)
    console = Console()
    console.print(table)
    console.print(f"The package: {size:,} bytes, {'met' if met[0] else 'missed'} (below 1 MB)")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
