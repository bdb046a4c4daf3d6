"""Commands of documents, run as scripts by a person without anything of AWS."""

import os
import re
import subprocess
from pathlib import Path

from tests.e2e.conftest import OWN_ENVIRONMENT
from tests.support.repository import ROOT

SECONDS = 900  # of a command, on a busy machine
NOT_A_PERSONS = ("AWS_", "MAKE", "MFLAGS", "PYTEST_")


def commands(page: str, heading: str) -> list[str]:
    """The commands of a section of a page, block by block, each block as one script."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return ["\n".join(re.findall(r"^\$ (.+)$", block, re.MULTILINE)) for block in blocks]


def environment(**variables: str) -> dict[str, str]:
    """A person's own, with Python 3.13 and without anything of AWS."""
    kept = {
        name: value for name, value in OWN_ENVIRONMENT.items() if not name.startswith(NOT_A_PERSONS)
    }
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "SAM_CLI_TELEMETRY": "0", "PYTHONUNBUFFERED": "1", **variables}


def run(script: str, folder: Path, seconds: float = SECONDS) -> str:
    """What a script prints; its failure is the test's."""
    done = subprocess.run(
        ["/bin/bash", "-ec", script],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-4000:]}"
    return done.stdout
