"""From a clone to the first thumbnail, by stage, with empty and with filled package caches.

`python bench/first_experience.py` clones the last commit, and runs `make install` and `make demo`
in the clone: first with empty caches of pip and uv, then with what the first clone has downloaded,
then `make demo` once more. The empty caches need the network, and measure that too. Processor time
is that of all processes that a stage has waited for. From saving a file to the first answer of the
new code: inner_loop.py.
"""

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from results import exit_status, print_table, verdict

ROOT = Path(__file__).parent.parent
MAX_SECONDS = {"empty caches": 90.0, "filled caches": 45.0}
INSTALLED = ("packages of .venv", "packages of .venv-ministack", "packages of .venv-runtime")
STEP = re.compile(r"✓ (laptop cloud|sam build|sam deploy|page and user) ([\d.]+) s")
READY = re.compile(r"(\d+) ms │$")
TOTAL = "to the first thumbnail"


class Spent(NamedTuple):
    seconds: float
    processor: float


class Elapsed:
    """Measures time and processor time from now on."""

    def __init__(self) -> None:
        self._began = time.monotonic(), processor()

    def spent(self) -> Spent:
        return Spent(time.monotonic() - self._began[0], processor() - self._began[1])


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[Spent, list[str]]:
    """What the command took, and its output; ends this benchmark if it fails."""
    elapsed = Elapsed()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed in {folder}:\n{done.stdout}")
    return elapsed.spent(), done.stdout.splitlines()


def demo(clone: Path, environment: dict[str, str], port: int) -> dict[str, Spent | float]:
    """The seconds until each step of `make demo` is done."""
    spent, lines = run(["make", "demo", f"PORT={port}"], clone, environment)
    steps: dict[str, Spent | float] = {
        found[1]: float(found[2]) for line in lines if (found := STEP.search(line))
    }
    ready = [int(found[1]) for line in lines if (found := READY.search(line.rstrip()))]
    steps["first photo READY"] = ready[0] / 1000
    return {**steps, "whole make demo": spent}


def first_time(clone: Path, environment: dict[str, str], port: int) -> dict[str, Spent | float]:
    """Each stage from the clone to the end of the first demo."""
    stages: dict[str, Spent | float] = {}
    command = ["git", "clone", "--quiet", str(ROOT), str(clone)]
    stages["git clone"], _ = run(command, clone.parent, environment)
    for stage in INSTALLED:
        command = ["make", f"{stage.removeprefix('packages of ')}/installed"]
        stages[stage], _ = run(command, clone, environment)
    stages |= demo(clone, environment, port)
    return stages


def seconds(stage: Spent | float) -> float:
    return stage.seconds if isinstance(stage, Spent) else stage


def total(stages: dict[str, Spent | float]) -> float:
    return sum(seconds(spent) for stage, spent in stages.items() if stage != "whole make demo")


def cell(stage: Spent | float | None) -> str:
    match stage:
        case None:
            return ""
        case Spent():
            return f"{stage.seconds:.1f} ({stage.processor:.1f})"
        case _:
            return f"{stage:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4660, help="of the laptop clouds")
    port = parser.parse_args().port
    measured: dict[str, dict[str, Spent | float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            **os.environ,
            "COLUMNS": "200",
            "PIP_CACHE_DIR": str(folder / "pip-cache"),
            "UV_CACHE_DIR": str(folder / "uv-cache"),
        }
        clone = folder / "lambda-gallery"
        for caches in MAX_SECONDS:
            shutil.rmtree(clone, ignore_errors=True)
            measured[caches] = first_time(clone, environment, port)
        measured["demo again"] = demo(clone, environment, port)
    totals = {stage: total(stages) for stage, stages in measured.items()}
    empty = totals["empty caches"]
    print_table(
        "Seconds; in brackets, of processor time",
        ("", *measured),
        [
            *(
                (stage, *(cell(stages.get(stage)) for stages in measured.values()))
                for stage in measured["empty caches"]
            ),
            (TOTAL, *(f"{whole:.1f}" for whole in totals.values())),
            ("times empty caches", *(f"{whole / empty:.2f}" for whole in totals.values())),
            (
                "target",
                *(
                    f"at most {most:.0f}: {verdict(met=totals[each] <= most)}"
                    for each, most in MAX_SECONDS.items()
                ),
                "",
            ),
        ],
    )
    return exit_status(met=all(totals[each] <= most for each, most in MAX_SECONDS.items()))


if __name__ == "__main__":
    sys.exit(main())
