"""Cold starts of all functions as sam build made them, compared with what people ship.

`make build`, then `python bench/cold_start.py`. A start is a new process with Lambda's real runtime
client that ends when the client asks for an invocation, or has answered one. It writes no bytecode,
because Lambda's folders of code are read-only. The contenders take turns. CPU time and wall clock
are medians; ratios are medians of the ratios of all turns, to the client with an empty handler.
A third of the turns is repeated with files that are not in the page cache. The contenders:

- the runtime client with a handler that does nothing;
- what people ship: boto3's resource, Powertools with Tracer and validating resolver, installed by
  pip into a temporary folder, without bytecode (as sam build makes it) and with it;
- one DynamoDB client of boto3, from the SDK that the runtime has;
- our functions; `edge_headers` also with events.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from bench.function_start import (  # noqa: E402
    Counts,
    MeasuredFunction,
    Start,
    built_functions,
    compile_runtime,
    counted,
    drop_from_page_cache,
    measured_start,
)
from bench.results import exit_status, print_table, verdict  # noqa: E402
from localcloud.cloud import RUNTIME_PYTHON  # noqa: E402

BUILD: Final = ROOT / ".laptop" / "build"
EMPTY, SHIPPED, COMPILED = "empty handler", "shipped, no bytecode", "shipped, with bytecode"
AT_MOST: Final = {
    "gallery_api": 8.0,
    "view_counter": 7.5,
    "catalog_replicator": 7.5,
    "thumbnailer": 8.3,
    "edge_headers": 1.1,
}
FASTER_THAN_SHIPPED: Final = 3.8  # times, gallery_api
HANDLERS: Final = {
    "empty": "def handler(event, context):\n    return event\n",
    "dynamodb_client": """\
import boto3

client = boto3.client("dynamodb")


def handler(event, context):
    return event
""",
    "shipped": """\
import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import BaseModel

logger, tracer, metrics = Logger(), Tracer(disabled=True), Metrics()
app = APIGatewayRestResolver(enable_validation=True)
table = boto3.resource("dynamodb").Table("photos")


class Photo(BaseModel):
    title: str


@app.post("/photos")
def create(photo: Photo) -> Photo:
    table.put_item(Item=photo.model_dump())
    return photo


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event, context):
    return app.resolve(event, context)
""",
}
PACKAGES: Final = [
    f"boto3=={version('boto3')}",
    f"aws-lambda-powertools[tracer,parser]=={version('aws-lambda-powertools')}",
]


@dataclass(frozen=True)
class Contender:
    """A function, and the event that it answers before the start ends, if any."""

    function: MeasuredFunction
    event: Any = None


def contenders(folder: Path) -> dict[str, Contender]:
    packages = folder / "shipped" / "python"
    install(packages)
    compiled = folder / "compiled" / "python"
    subprocess.run(["cp", "-r", packages.parent, compiled.parent], check=True)
    subprocess.run([RUNTIME_PYTHON, "-m", "compileall", "-q", compiled], check=True)
    nothing = folder / "nothing" / "python"
    nothing.mkdir(parents=True)
    functions = built_functions(BUILD, folder / "opt")
    edge = functions["edge_headers"]
    return {
        EMPTY: Contender(function("empty", folder, nothing)),
        "one DynamoDB client": Contender(function("dynamodb_client", folder, nothing)),
        SHIPPED: Contender(function("shipped", folder, packages)),
        COMPILED: Contender(function("shipped", folder, compiled)),
        **{name: Contender(each) for name, each in sorted(functions.items())},
        "empty handler, one event": Contender(function("empty", folder, nothing), {}),
        "edge_headers, a rendition": Contender(edge, edge_event("photo_file")),
        "edge_headers, a photo's page": Contender(edge, edge_event("photo_page")),
    }


def install(packages: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-compile", "--target", packages, *PACKAGES], check=True)


def function(name: str, folder: Path, packages: Path) -> MeasuredFunction:
    task = folder / f"task_{name}"
    (task / name).mkdir(parents=True, exist_ok=True)
    (task / name / "__init__.py").touch()
    (task / name / "handler.py").write_text(HANDLERS[name])
    settings = {"POWERTOOLS_METRICS_NAMESPACE": "Bench", "POWERTOOLS_SERVICE_NAME": "bench"}
    return MeasuredFunction(f"{name}.handler.handler", task, packages, settings)


def edge_event(name: str) -> Any:
    """An event of events/, with a catalog that refuses connections, so no time is spent waiting."""
    event = json.loads((ROOT / "events" / f"cloudfront_{name}.json").read_text())
    headers = event["Records"][0]["cf"]["request"]["origin"]["s3"]["customHeaders"]
    for header in headers.get("x-gallery-endpoint", []):
        header["value"] = "https://127.0.0.1:1"
    return event


def interleaved(
    compared: Mapping[str, Contender], turns: int, before: Callable[[], None]
) -> dict[str, list[Start]]:
    """The starts of each contender, one per turn, after a first turn that is not counted."""
    starts: dict[str, list[Start]] = {name: [] for name in compared}
    for turn in range(turns + 1):
        for name, contender in compared.items():
            before()
            start = measured_start(contender.function, contender.event)
            if turn:
                starts[name].append(start)
    return starts


def ratio(starts: Mapping[str, list[Start]], name: str, base: str = EMPTY) -> float:
    """CPU time compared with that of another contender, the median of all turns."""
    pairs = zip(starts[name], starts[base], strict=True)
    return statistics.median(ours.cpu_seconds / theirs.cpu_seconds for ours, theirs in pairs)


def report(
    warm: Mapping[str, list[Start]],
    cold: Mapping[str, list[Start]],
    counts: Mapping[str, Counts],
) -> bool:
    """Print the table; returns whether all targets are met."""
    rows, met = [], []
    for name, starts in warm.items():
        times = ratio(warm, name)
        target = ""
        if name in AT_MOST:
            met.append(times <= AT_MOST[name])
            target = f"{AT_MOST[name]}: {verdict(met=met[-1])}"
        uncached = f"{median(cold[name], 'seconds') * 1000:.0f}"
        rows.append(
            (
                name,
                f"{median(starts, 'cpu_seconds') * 1000:.0f}",
                f"{times:.2f}",
                target,
                f"{median(starts, 'seconds') * 1000:.0f}",
                uncached,
                counts[name].modules,
                f"{counts[name].bytes / 1e6:.1f}",
                f"{median(starts, 'resident_bytes') / 1e6:.0f}",
            )
        )
    columns = ["", "CPU ms", "to an empty handler", "at most", "wall ms"]
    columns += ["wall ms, files not in the page cache", "modules", "MB read", "MB resident"]
    print_table("From a process's start to its first request for work", columns, rows)
    faster = ratio(warm, SHIPPED, "gallery_api")
    met.append(faster >= FASTER_THAN_SHIPPED)
    print(
        f"gallery_api is {faster:.1f} times as fast as {SHIPPED}"
        f" (at least {FASTER_THAN_SHIPPED}: {verdict(met=met[-1])})."
    )
    return all(met)


def median(starts: list[Start], figure: str) -> float:
    return statistics.median(getattr(start, figure) for start in starts)


def plot(starts: Mapping[str, list[Start]], file: Path) -> None:
    """A bar per contender: CPU time to the client with an empty handler."""
    names = [name for name in starts if ", a " not in name and "one event" not in name]
    values = [ratio(starts, name) for name in names]
    colors = ["#1f77b4" if (ROOT / "functions" / name).is_dir() else "#999999" for name in names]
    figure, axes = plt.subplots(figsize=(8, 4.2))
    axes.barh(names, values, color=colors)
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        axes.text(max(value, AT_MOST.get(name, 0)) + 0.3, row, f"{value:.1f}", va="center")
    for name, most in AT_MOST.items():
        row = names.index(name)
        axes.plot([most, most], [row - 0.4, row + 0.4], color="#d62728")
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel("CPU time of a cold start, times an empty handler (red: at most)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=15, help="of all contenders (default 15)")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    options = parser.parse_args()
    if not (BUILD / "template.yaml").exists():
        parser.error(f"{BUILD} has no artifacts: run make build")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    compile_runtime()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compared = contenders(folder)
        counts = {name: counted(each.function)[0] for name, each in compared.items()}
        warm = interleaved(compared, options.turns, lambda: None)
        files = (folder, BUILD, RUNTIME_PYTHON.parents[1], Path(os.__file__).parent)
        cold = interleaved(
            compared, max(1, options.turns // 3), lambda: drop_from_page_cache(*files)
        )
    met = report(warm, cold, counts)
    if options.plot:
        plot(warm, options.plot)
    return exit_status(met=met)


if __name__ == "__main__":
    sys.exit(main())
