"""Run the benchmarks, and write their results into docs/performance.md.

`make bench` runs all of them, `make bench ARGS="streams edge"` only these; both build first. The
results of the others stay in the document, each with its date. A benchmark that fails is named at
the end, its earlier results stay, and the exit status is 1.

Each script prints Markdown and exits with 0, or with `MISSED` if a figure misses its target. It
draws a chart into the file that `--plot` names, if it has one.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from PIL import features
from rich.console import Console

from bench.results import MISSED

ROOT: Final = Path(__file__).parent.parent
CONSOLE: Final = Console(stderr=True, highlight=False)
PACKAGES: Final = ("aws-lambda-powertools", "botocore", "msgspec", "pillow", "pi-heif", "pyvips")


@dataclass(frozen=True)
class Benchmark:
    """A script of this folder; only figures with a baseline of the same run are published."""

    name: str
    has_baseline: bool = True
    has_plot: bool = False
    environment: str = ".venv"


BENCHMARKS: Final = (
    Benchmark("cold_start", has_plot=True),
    Benchmark("api", environment=".venv-bench"),
    Benchmark("streams"),
    Benchmark("lag", has_plot=True),
    Benchmark("thumbnails", has_plot=True),
    Benchmark("decoding_memory"),
    Benchmark("memory_sweep", has_plot=True),
    Benchmark("edge"),
    Benchmark("reconcile"),
    Benchmark("inner_loop"),
    Benchmark("first_experience"),
    Benchmark("laptop", has_plot=True),
    Benchmark("api_calls", has_baseline=False),
    Benchmark("hostile_photos", has_baseline=False),
    Benchmark("page", has_baseline=False),
)
INTRODUCTION: Final = """\
# Performance

`make bench` writes this document. Each figure is compared with a baseline of the same run;
[bench/README.md](../bench/README.md) says what the scripts measure and how. Compare ratios:
times differ between machines, and with what else a machine does. Ratios vary by 8 % between runs on
a machine with other work. There, `nice -n -19 make bench`, by root, gives the benchmarks priority,
and each section says so.

"""


@dataclass(frozen=True)
class PerformanceDocument:
    """docs/performance.md: a section for each benchmark, and a folder of charts."""

    file: Path
    benchmarks: tuple[Benchmark, ...]
    ending: str

    def sections(self) -> dict[str, str]:
        """The present sections by the name of the script."""
        text = self.file.read_text() if self.file.exists() else ""
        parts = re.split(r"^## `bench/(\w+)\.py`\n", text, flags=re.MULTILINE)
        return {
            name: part.split("\n## ")[0].strip()
            for name, part in zip(parts[1::2], parts[2::2], strict=True)
        }

    def seconds(self) -> dict[str, int]:
        """What each script took in its latest published run."""
        found = {
            name: re.search(r"^Measured on .* in (\d+) s;", section, re.MULTILINE)
            for name, section in self.sections().items()
        }
        return {name: int(each[1]) for name, each in found.items() if each}

    def chart(self, benchmark: Benchmark) -> Path:
        return self.file.with_suffix("") / f"{benchmark.name}.svg"

    def write(self, sections: Mapping[str, str]) -> None:
        published = "\n\n".join(
            f"## `bench/{each.name}.py`\n\n{sections[each.name]}"
            for each in self.benchmarks
            if each.name in sections
        )
        self.file.write_text(f"{INTRODUCTION}{published}\n\n{self.ending}")


def run(benchmark: Benchmark, document: PerformanceDocument, folder: Path) -> str | None:
    """Run a script; returns its section of the document, or None if it fails."""
    script = folder / f"{benchmark.name}.py"
    command = [str(ROOT / benchmark.environment / "bin" / "python"), str(script)]
    chart = document.chart(benchmark)
    if benchmark.has_plot:
        chart.parent.mkdir(parents=True, exist_ok=True)
        command += ["--plot", str(chart)]
    CONSOLE.print(f"[bold]{benchmark.name}[/]: {purpose(script)}")
    load, began = os.getloadavg()[0], time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    seconds = time.monotonic() - began
    if done.returncode not in (0, MISSED):
        CONSOLE.print(f"[red]✗[/] {benchmark.name} failed after {seconds:.0f} s\n{done.stdout}")
        return None
    print(done.stdout, file=sys.stderr)
    how = "a target is missed" if done.returncode == MISSED else "done"
    CONSOLE.print(f"[green]✓[/] {benchmark.name}: {how}, {seconds:.0f} s")
    measured = (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} in {seconds:.0f} s; load average of the machine"
        f" {load:.1f} before, {os.getloadavg()[0]:.1f} after{_priority()}."
    )
    printed = re.sub(r"\n{3,}", "\n\n", done.stdout.strip())
    parts = [purpose(script), measured, printed]
    if benchmark.has_plot:
        parts.append(f"![{benchmark.name}]({chart.parent.name}/{chart.name})")
    return "\n\n".join(parts)


def _priority() -> str:
    niceness = os.nice(0)
    return f", with niceness {niceness}" if niceness else ""


def purpose(script: Path) -> str:
    """The first line of a script's docstring."""
    return script.read_text().removeprefix('"""').partition("\n")[0].removesuffix('"""')


def machine() -> str:
    """The machine and the versions, as a section of the document."""
    with Path("/proc/cpuinfo").open() as lines:
        models = [line.partition(": ")[2].strip() for line in lines if "model name" in line]
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    model = models[0] if models else platform.machine()
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    versions += [f"{name} {features.version(name)}" for name in ("libjpeg_turbo", "webp")]
    return (
        "## Machine and versions\n\n"
        f"{os.cpu_count()} processors {model}, {gigabytes:.0f} GB,"
        f" Linux {platform.release()}; Python {platform.python_version()}, {', '.join(versions)}.\n"
    )


def announce(benchmarks: tuple[Benchmark, ...], document: PerformanceDocument) -> None:
    """Print what will run, and how long it took the last time."""
    seconds = document.seconds()
    known = [each for each in benchmarks if each.name in seconds]
    minutes = sum(seconds[each.name] for each in known) / 60
    names = [
        f"{each.name} ({seconds[each.name]} s)" if each in known else each.name
        for each in benchmarks
    ]
    CONSOLE.print(f"Running {', '.join(names)}.")
    CONSOLE.print(f"Those with a time took {minutes:.0f} minutes together the last time.")


def run_all(
    benchmarks: tuple[Benchmark, ...], document: PerformanceDocument, folder: Path = ROOT / "bench"
) -> list[str]:
    """Run the benchmarks one after the other; returns the names of those that failed."""
    announce(benchmarks, document)
    failed = []
    for number, benchmark in enumerate(benchmarks, 1):
        CONSOLE.rule(f"{number} of {len(benchmarks)}")
        section = run(benchmark, document, folder)
        if section is None:
            failed.append(benchmark.name)
        elif benchmark.has_baseline:
            document.write(document.sections() | {benchmark.name: section})
    return failed


def build() -> bool:
    """Build what the benchmarks measure and run in; returns whether that worked."""
    command = ["make", "--no-print-directory", "build", ".venv-bench/installed"]
    return subprocess.run(command, check=False, cwd=ROOT).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make bench",
        usage="make bench ARGS='[NAME ...]'",
        description=__doc__.partition("\n")[0],
    )
    names = [each.name for each in BENCHMARKS]
    parser.add_argument("names", nargs="*", metavar="NAME", choices=names, help=", ".join(names))
    wanted = parser.parse_args().names or names
    if not build():
        return 1
    ending = machine() + "\n" + (ROOT / "bench" / "remaining_costs.md").read_text()
    document = PerformanceDocument(ROOT / "docs" / "performance.md", BENCHMARKS, ending)
    failed = run_all(tuple(each for each in BENCHMARKS if each.name in wanted), document)
    if failed:
        CONSOLE.print(f"[red]✗[/] failed: {', '.join(failed)}; their earlier results stay")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
