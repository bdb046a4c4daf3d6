"""Bounded runs of the fuzz targets and of damaged photos; `make fuzz` runs for longer."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import TARGET_NAMES
from tests.fuzz.damaged_photos import DAMAGES
from tests.fuzz.seeds import ROOT, photos, seeds
from tests.fuzz.targets import TARGETS

FUZZ_PYTHON = ROOT / ".venv-fuzz" / "bin" / "python"
ENVIRONMENT = {"PYTHONPATH": "functions:layers:.", "PATH": "/usr/bin:/bin"}
SECONDS = 20


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("target", TARGETS)
def test_target_accepts_its_seeds(target: str):
    for data in seeds(target):
        TARGETS[target](data)


def test_unknown_target_is_one_line_that_names_the_targets():
    assert list(TARGETS) == list(TARGET_NAMES)
    done = run(sys.executable, "-m", "tests.fuzz", "nope")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    for name in ("nope", *TARGETS):
        assert f"'{name}'" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found_in_a_bounded_time(target: str):
    if not FUZZ_PYTHON.exists():
        pytest.fail("there is no .venv-fuzz: run `make test-slow`, which creates it")
    seed = random.SystemRandom().randrange(1, 2**31)
    done = run(FUZZ_PYTHON, "-m", "tests.fuzz", target, f"--seconds={SECONDS}", f"--seed={seed}")
    assert done.returncode == 0, f"seed {seed}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    assert "stat::number_of_executed_units:" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_damaged_photos_and_bombs_are_rendered_or_refused_in_little_memory():
    seed = random.SystemRandom().randrange(2**31)
    done = run(sys.executable, "-m", "tests.fuzz.damaged_photos", f"--seed={seed}", "--count=40")
    assert done.returncode == 0, f"seed {seed}: {done.stderr[-2000:]}"
    results = json.loads(done.stdout)["results"]
    kinds = [
        *photos(),
        *(f"bomb {kind}" for kind in ("JPEG", "PNG", "WebP", "GIF", "AVIF", "HEIC")),
    ]
    assert list(results) == kinds
    for kind in photos():
        assert sum(results[kind].values()) == 40 * len(DAMAGES)
        assert results[kind]["refused"] > 0
