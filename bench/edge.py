"""The edge function's warm time, compared with the smallest possible function, and its package.

`python bench/edge.py`. bench/cold_start.py has its cold start. Both functions run in one process of
CPython without packages, in turns.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from results import exit_status, print_table, verdict

ROOT = Path(__file__).parent.parent
PYTHON = Path(sys.executable).resolve()  # the interpreter of the virtual environment
MAX_BYTES = 1024 * 1024

SMALLEST = """
def handler(event, context):
    return event["Records"][0]["cf"]["response"]
"""
# In one process, in turns; the function caches a photo's page after the first event.
WARM = """
import json, sys, time
sys.path[:0] = sys.argv[1:]
import smallest.handler, edge_headers.handler, edge_headers.photo_pages
edge_headers.photo_pages.get_row = lambda *_: None
edge_headers.photo_pages.READY_SECONDS = edge_headers.photo_pages.OTHER_SECONDS = 3600
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


def packages(folder: str) -> int:
    """Write the contenders into `folder`; returns the size of the edge function's package."""
    smallest = Path(folder) / "smallest"
    smallest.mkdir()
    (smallest / "__init__.py").touch()
    (smallest / "handler.py").write_text(SMALLEST)
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
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        size = packages(folder)
        handled = warm(folder)
    rows = [(name, f"{seconds * 1e6:.1f}") for name, seconds in handled.items()]
    print_table("A warm invocation", ("answers", "microseconds"), rows)
    met = size < MAX_BYTES
    print(f"The package has {size:,} bytes (below 1 MB: {verdict(met=met)}).")
    return exit_status(met=met)


if __name__ == "__main__":
    sys.exit(main())
