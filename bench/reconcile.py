"""The daily report's comparison of photos and catalog, compared with a full scan of both tables.

`python bench/reconcile.py`. Both read the same tables, which are in memory: a call takes its CPU
time and the pause `--latency`. Read units are counted as DynamoDB bills them. Normally both tables
are scanned in the order of the keys' hashes. With "own orders" the orders differ, which DynamoDB
does not exclude.

A second table of results has the CPU time of the report's calls through botocore, with answers from
memory.
"""

import argparse
import json
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from aws_answers import answer
from botocore.session import get_session
from results import exit_status, print_table, verdict

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "layers")]

from daily_report.reading import Storage  # noqa: E402 - only now are they found
from daily_report.reconciliation import ScannedRecord  # noqa: E402
from daily_report.state import State  # noqa: E402
from fakes.large_gallery import LargeGallery  # noqa: E402
from fakes.stores import NOW  # noqa: E402
from shared.client_config import client_config  # noqa: E402
from shared.clients import make_client  # noqa: E402
from shared.dynamodb import from_item  # noqa: E402
from shared.photos import Photo  # noqa: E402

for _name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    os.environ.setdefault(_name, "none")
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
_SESSION = get_session()

HEALTHY = {"deleted": 20, "failed": 10, "pending": 10}
DRIFTED = HEALTHY | {"missing": 3, "stale": 3, "extra": 3}

type Work = Callable[[LargeGallery], object]


def compare(gallery: LargeGallery) -> None:
    """The phase of the report that compares both tables, with its repairs."""
    event: Any = {"run": {"execution": "bench", "started_at": NOW.isoformat()}}
    while True:
        state = msgspec.convert(event, State)

        def time_left(state: State = state) -> float:
            return float(state.phase in {"begin", "photos"})

        gallery.report.step(state, time_left)
        if state.phase not in {"begin", "photos"}:
            return
        event = msgspec.to_builtins(state)


def scan_both(gallery: LargeGallery) -> set[str]:
    """The differences, from the versions of both tables in memory; nothing is repaired."""
    versions: dict[str, dict[str, int]] = {"photos": {}, "catalog": {}}
    names = {f"#{name}": name for name in ("photo_id", "version", "status")}
    for table, found in versions.items():
        start: dict[str, Any] = {}
        while True:
            page = gallery.tables.scan(
                TableName=table,
                Segment=0,
                TotalSegments=1,
                ProjectionExpression=", ".join(names),
                ExpressionAttributeNames=names,
                **start,
            )
            for item in page["Items"]:
                row = from_item(item, dict)
                if row["status"] in {"READY", "DELETED"}:
                    found[row["photo_id"]] = row["version"]
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    photos, rows = versions.values()
    return {photo for photo in photos.keys() | rows.keys() if photos.get(photo) != rows.get(photo)}


def seconds_of(work: Work, gallery: LargeGallery, latency: float) -> tuple[float, float]:
    """The seconds and the read units of one run."""
    copy = LargeGallery(like=gallery, bills=True)
    copy.tables.before = lambda *_: time.sleep(latency) if latency else None
    started = time.perf_counter()
    work(copy)
    return time.perf_counter() - started, sum(copy.tables.read_units.values())


def peak_of(work: Work, gallery: LargeGallery) -> float:
    """The peak of allocated memory in megabytes."""
    copy = LargeGallery(like=gallery, bills=True)
    tracemalloc.start()
    try:
        work(copy)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def client(name: str, body: bytes) -> Any:
    """A client whose every request gets this answer."""
    found = make_client(_SESSION, name, client_config(connect=1, read=3, attempts=2))
    found.meta.events.register("before-send.*.*", lambda request, **_: answer(request.url, body))
    return found


def cpu_ms(work: Callable[[], object], runs: int) -> float:
    """Milliseconds of CPU of one run, the median."""
    times = []
    for _ in range(runs + 1):
        started = time.process_time()
        work()
        times.append(1000 * (time.process_time() - started))
    return statistics.median(times[1:])


def calls(runs: int = 30) -> dict[str, float]:
    """Milliseconds of CPU of each of the report's calls, by what it reads."""
    event = json.loads((ROOT / "events" / "dynamodb_photo_ready.json").read_text())
    item = event["Records"][0]["dynamodb"]["NewImage"]
    fields = {field.name for field in msgspec.structs.fields(ScannedRecord)}
    scanned = {name: value for name, value in item.items() if name in fields}
    ids = [f"{number:036d}" for number in range(100)]
    photos = [item | {"photo_id": {"S": photo_id}} for photo_id in ids]
    key = "photos/019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60/0123456789abcdef0123456789abcdef/thumb.webp"
    listed = (
        f"<Contents><Key>{key}</Key><LastModified>2026-11-20T12:00:00.000Z</LastModified>"
        "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>51000</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )
    page = f"<ListBucketResult><IsTruncated>true</IsTruncated>{listed * 1000}</ListBucketResult>"
    s3 = client("s3", page.encode())
    scans = client("dynamodb", json.dumps({"Items": [scanned] * 200}).encode())
    batch = {"Responses": {"photos": photos}, "UnprocessedKeys": {}}
    batches = client("dynamodb", json.dumps(batch).encode())
    return {
        "200 records, scanned": cpu_ms(
            lambda: Storage(scans, s3).scan("photos", "0/4", "", ScannedRecord), runs
        ),
        "100 records, by key": cpu_ms(
            lambda: Storage(batches, s3).get("photos", ids, Photo, consistent=False), runs
        ),
        "1,000 keys, listed": cpu_ms(
            lambda: Storage(scans, s3).list_objects("media", "photos/", ""), runs
        ),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="of each contender (default 1)")
    parser.add_argument("--photos", type=int, default=5_000, help="and ten times as many")
    parser.add_argument("--latency", type=float, default=0.01, help="of a call, in seconds")
    asked = parser.parse_args()
    contenders: dict[str, Work] = {"full scan": scan_both, "daily report": compare}
    pairs: dict[str, dict[str, Any]] = {
        "healthy": {"shares": HEALTHY},
        "1 % drifted": {"shares": DRIFTED},
        "healthy, own orders": {"shares": HEALTHY, "salts": {"catalog": "its own"}},
    }
    rows = []
    peaks: dict[tuple[str, int], float] = {}
    units: dict[tuple[str, str], float] = {}
    for size in (asked.photos, asked.photos * 10):
        for pair, how in pairs.items():
            gallery = LargeGallery(size, bills=True, **how)
            items = sum(len(list(gallery.tables.items(name))) for name in ("photos", "catalog"))
            runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in contenders}
            for _ in range(asked.runs):
                for name, work in contenders.items():
                    seconds, spent = seconds_of(work, gallery, asked.latency)
                    runs[name].append((seconds, seconds_of(work, gallery, 0)[0], spent))
            for name, work in contenders.items():
                seconds, cpu, spent = (
                    statistics.median(each) for each in zip(*runs[name], strict=True)
                )
                peaks[f"{name}, {pair}", size] = peak = peak_of(work, gallery)
                units[name, pair] = spent / items
                figures = (f"{items / seconds:,.0f}", f"{items / cpu:,.0f}")
                more = (f"{spent / items:.3f}", f"{peak:.1f}")
                rows.append((f"{name}, {pair}", f"{size:,}", *figures, *more))
    columns = ("", "photos", "items/s", "items/s without calls", "read units per item", "peak MB")
    print_table("Comparing both tables", columns, rows)
    found = calls()
    scanned, by_key, listed = found.values()
    photo = 2 * scanned / 200 + 2 * by_key / 100 + 4 * listed / 1000
    found["a photo with its row, its original and three renditions"] = photo
    print_table(
        "CPU of the report's calls",
        ("", "milliseconds"),
        [(what, f"{spent:.2f}") for what, spent in found.items()],
    )
    growth = {
        pair: peaks[f"daily report, {pair}", asked.photos * 10]
        / peaks[f"daily report, {pair}", asked.photos]
        for pair in pairs
    }
    cost = units["daily report", "healthy"] / units["full scan", "healthy"]
    met = growth["healthy"] < 1.5 and cost < 1.1
    print(
        f"With ten times the photos, the memory is {growth['healthy']:.2f} times (at most 1.5);"
        f" the read units of a healthy pair are {cost:.2f} times a full scan's (at most 1.1):"
        f" {verdict(met=met)}."
    )
    return exit_status(met=met)


if __name__ == "__main__":
    sys.exit(main())
