"""Time and cost of each function by its memory, in the manner of aws-lambda-power-tuning.

Lambda gives a function CPU in proportion to its memory: one vCPU at 1,769 MB. Each workload runs
its handler in a process of its own. Calls of AWS end inside botocore, before the network, and the
CPU time between them is measured. From it the duration is computed for each memory: in each period
of 20 ms the function runs for its share of the period, then waits for the next one. A limit that
the kernel imposes would also measure the other programs of a shared machine. The period is an
assumption, and so is how long AWS takes to answer: the waits are those of ops/cost/figures.toml.
"""

# ruff: noqa: PLC0415 - a child imports only what it measures, for its initialization to be its own

import argparse
import contextlib
import gzip
import importlib
import io
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "layers")]

WHOLE_CORE: Final = 1769  # megabytes
PERIOD: Final = 0.020
PHASES: Final = 20  # of an invocation's start within a period
MEMORIES: Final = (128, 192, 256, 320, 384, 512, 768, 1024, 1280, 1536, 1769, 2048, 3008)
SPARE: Final = 1.25  # of the peak memory, for Lambda's runtime client and larger inputs
WARM_UPS, INVOCATIONS = 3, 15
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "POWERTOOLS_METRICS_NAMESPACE": "gallery",
    "API_CALLERS": "anyone",
    "REPEATED_VIEWS": "counted",
    "LOGGED_FRACTION": "1",
    "DISTRIBUTION_ID": "none",
    **{
        name: name.lower().replace("_", "-")
        for name in (
            "CATALOG_TABLE",
            "FAILED_BATCHES_BUCKET",
            "IDEMPOTENCY_TABLE",
            "MEDIA_BUCKET",
            "PHOTOS_TABLE",
            "UPLOADS_BUCKET",
            "VIEWS_STREAM",
            "VIEWS_TABLE",
        )
    },
}


class Workload(NamedTuple):
    """An event of a function; `wait` is the figure that says how long AWS takes to answer."""

    function: str
    event: str
    wait: str
    peak_mb: float = 0  # of its largest input, if that is not the one measured here


WORKLOADS = {
    "thumbnailer: JPEG of 12 MP": Workload(
        # bench/decoding_memory.py: a lossless WebP of 50 MP with alpha
        "thumbnailer",
        "s3_photo_uploaded",
        "thumbnailer_wait_ms",
        peak_mb=868,
    ),
    "gallery_api: a photo": Workload("gallery_api", "api_get_photo", "api_wait_ms"),
    "gallery_api: a list": Workload("gallery_api", "api_list_photos", "api_wait_ms"),
    "gallery_api: a view": Workload("gallery_api", "api_record_view", "api_view_wait_ms"),
    "gallery_api: a new photo": Workload("gallery_api", "api_create_photo_with_key", "api_wait_ms"),
    "view_counter: 3 views": Workload(
        "view_counter", "kinesis_views_recorded", "counter_wait_ms_per_transaction"
    ),
    "view_counter: 1,000 views": Workload(
        "view_counter", "1,000 views", "counter_wait_ms_per_transaction"
    ),
    "catalog_replicator: 1 change": Workload(
        "catalog_replicator", "dynamodb_photo_ready", "replicator_wait_ms_per_change"
    ),
}


class BenchContext:
    """As much of Lambda's context as the handlers ask for."""

    function_name = "bench"
    memory_limit_in_mb = WHOLE_CORE
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bench:live"
    aws_request_id = "7d3c0b4e-1f57-4c5e-9d6a-2f0f4b8f6a11"
    function_version = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 25_000


def event_of(name: str) -> Any:
    if name == "1,000 views":
        from fakes import view_records as stream

        return {"Records": [stream.record(n, stream.photo(n % 50)) for n in range(1000)]}
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


class Aws:
    """Answers the calls of botocore, and notes the CPU time between them."""

    def __init__(self, photo: bytes) -> None:
        self.photo = photo
        self.bursts: list[float] = []
        self.requests: list[tuple[str, bytes]] = []
        self._started = 0.0
        self._row = self._image("dynamodb_photo_ready")
        # The thumbnailer finds a photo that awaits its upload, the API one that is READY.
        self._record = self._image("dynamodb_photo_created") if photo else self._row
        self._total = _total_of_a_busy_hour()

    def invoke(self, handler: Callable[[Any, Any], Any], event: Any) -> Any:
        self.bursts.clear()
        self.requests.clear()
        self._started = time.process_time()
        answer = handler(event, BenchContext())
        self.bursts.append(time.process_time() - self._started)
        return answer

    def send(self, request: Any) -> Any:
        from aws_answers import answer

        self.bursts.append(time.process_time() - self._started)
        target = dict(request.headers).get("X-Amz-Target", request.method.encode())
        operation = target.decode() if isinstance(target, bytes) else target
        body = request.body or b""
        self.requests.append((operation, body if isinstance(body, bytes) else b""))
        name = operation.rpartition(".")[2]
        if name == "Query" and b'"views-table"' in body:
            name = "Query of totals"
        headers, content = self._answer(name, request.url)
        answered = answer(request.url, content, headers)
        self._started = time.process_time()
        return answered

    def _answer(self, operation: str, url: str) -> tuple[dict[str, str], bytes]:
        match operation:
            case "GET" if "list-type" in url:
                return {}, b"<ListBucketResult></ListBucketResult>"
            case "GET":
                return {"Content-Length": str(len(self.photo))}, self.photo
            case "GetItem":
                return {}, f'{{"Item": {self._record}}}'.encode()
            case "Query":
                rows = [self._row_of_another_photo(seed) for seed in range(31)]
                return {}, json.dumps({"Items": rows, "Count": 31, "ScannedCount": 31}).encode()
            case "Query of totals":
                return {}, json.dumps({"Items": [self._total]}).encode()
            case "PutRecord":
                return {}, b'{"SequenceNumber": "1", "ShardId": "shardId-000000000000"}'
            case "TransactGetItems":
                return {}, b'{"Responses": []}'
            case "PUT":
                return {"ETag": '"0"'}, b""
        return {}, b"{}"

    def _row_of_another_photo(self, seed: int) -> dict[str, Any]:
        """As long as the row of the event, with other ids and numbers, for a list to compress."""
        digits = random.Random(seed)
        row: dict[str, Any] = json.loads(
            re.sub(
                r"(?<=[0-9a-f])[0-9](?=[0-9a-f])", lambda _: digits.choice("123456789"), self._row
            )
        )
        return row

    def _image(self, event: str) -> str:
        return json.dumps(event_of(event)["Records"][0]["dynamodb"]["NewImage"])


def _total_of_a_busy_hour() -> dict[str, Any]:
    from shared.dynamodb import to_item
    from shared.view_rows import pack_minutes

    minute = int(time.time()) // 60
    return to_item(
        {
            "period": "total",
            "views": 420,
            "counted_at": "2026-11-20T12:34:57.000Z",
            "recent": pack_minutes({minute - age: 7 for age in range(60)}),
        }
    )


def _forget_totals(handler: Callable[[Any, Any], Any]) -> None:
    """Have each view read the counts, as those of most photos do."""
    module = importlib.import_module(handler.__module__)
    if module.__name__.startswith("gallery_api"):
        module.resources.recent_totals.found.clear()


def run_one(name: str) -> None:
    """Measure a workload, in a child process."""
    workload = WORKLOADS[name]
    os.environ |= ENVIRONMENT | {"POWERTOOLS_SERVICE_NAME": workload.function}
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        started = time.process_time()
        handler = importlib.import_module(f"{workload.function}.handler").handler
        initialization = time.process_time() - started
        from botocore.httpsession import URLLib3Session

        photo = b""
        if workload.function == "thumbnailer":
            photo = sys.stdin.buffer.read()
        aws = Aws(photo)
        URLLib3Session.send = lambda _, request: aws.send(request)  # type: ignore[method-assign]
        event = event_of(workload.event)
        measured = []
        for turn in range(WARM_UPS + INVOCATIONS):
            written.seek(0)
            written.truncate()
            _forget_totals(handler)
            answer = aws.invoke(handler, event)
            if turn >= WARM_UPS:
                measured.append(list(aws.bursts))
    measured.sort(key=sum)
    body = answer.get("body", "") if isinstance(answer, dict) else ""
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    print(
        json.dumps(
            {
                "initialization": initialization,
                "bursts": measured[len(measured) // 2],
                "peak_mb": int(peak) / 1024,
                "logged": len(written.getvalue().encode()),
                "answer": len(gzip.compress(body.encode())) if body else 0,
                "calls": [(operation, len(content)) for operation, content in aws.requests],
            }
        )
    )


def duration(bursts: list[float], wait: float, memory: int) -> float:
    """Seconds of an invocation with a wait between two bursts, on average over the phases."""
    return statistics.mean(
        _duration(bursts, wait, memory, PERIOD * (phase + 1) / PHASES) for phase in range(PHASES)
    )


def _duration(bursts: list[float], wait: float, memory: int, first_refill: float) -> float:
    quota = PERIOD * min(1.0, memory / WHOLE_CORE)
    now, left, refill = 0.0, quota, first_refill
    for number, burst in enumerate(bursts):
        if number:
            now += wait
        todo = burst
        while todo > 0:
            while refill <= now:
                left, refill = quota, refill + PERIOD
            run = min(todo, left, refill - now)
            todo, left, now = todo - run, left - run, now + run
            if todo > 0 and left <= 0:
                now = refill
    return now


def measure(name: str, photo: bytes) -> dict[str, Any]:
    child = subprocess.run(
        [sys.executable, __file__, "--one", name], input=photo, capture_output=True, check=False
    )
    if child.returncode:
        raise SystemExit(child.stderr.decode())
    return dict(json.loads(child.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    parser.add_argument("--one", choices=list(WORKLOADS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(options.one)
        return
    import memory_sweep_report as report
    import photos

    photo = photos.encode(photos.photo(4032, 3024), "JPEG", quality=88)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in WORKLOADS}
    for _ in range(options.rounds):
        for name in WORKLOADS:
            runs[name].append(measure(name, photo))
    waits = tomllib.loads((ROOT / "ops" / "cost" / "figures.toml").read_text())
    found = {}
    for name, workload in WORKLOADS.items():
        # Other programs make a run longer, never shorter.
        best = min(runs[name], key=lambda run: sum(run["bursts"]))
        best["initialization"] = min(run["initialization"] for run in runs[name])
        wait = waits[workload.wait]["value"] / 1000 / (len(best["bursts"]) - 1)
        found[name] = report.Sweep(
            function=workload.function,
            least_mb=SPARE * max(best["peak_mb"], workload.peak_mb),
            seconds={memory: duration(best["bursts"], wait, memory) for memory in MEMORIES},
            measured=best,
        )
    report.print_sweeps(found)
    report.print_measured(found)
    if options.plot:
        report.plot(found, options.plot)


if __name__ == "__main__":
    main()
