"""Checks of this machine: the tools that `sam build` needs."""

import importlib.metadata
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ops.preflight.findings import Finding, blocked, ready

_SAM_MINIMUM: Final = (1, 145)  # the first version that keeps a function's folder as a package
_VERSION: Final = "import platform, pip; print(platform.python_version())"


def check_python(runtime: str) -> Iterator[Finding]:
    """The interpreter that sam build uses for `runtime`, such as python3.13, and its pip."""
    wanted = runtime.removeprefix("python")
    found = shutil.which(runtime) or shutil.which("python3")
    done = found and subprocess.run(
        [found, "-c", _VERSION], check=False, capture_output=True, text=True
    )
    if not done:
        yield blocked("Python", f"{runtime} is not on PATH. Install Python {wanted}.")
    elif done.returncode:
        yield blocked("Python", f"{found} has no pip, which sam build needs: install pip for it.")
    elif done.stdout.strip().rpartition(".")[0] != wanted:
        yield blocked(
            "Python",
            f"sam build would use {found}, which is Python {done.stdout.strip()}, but the functions"
            f" run on {wanted}. Put Python {wanted} first on PATH.",
        )
    else:
        yield ready("Python", f"{done.stdout.strip()}, with pip.")


def check_sam() -> Iterator[Finding]:
    """The sam command of this environment, and make, which builds the layers."""
    sam = Path(sys.executable).with_name("sam")
    if not sam.is_file():
        yield blocked("sam", f"{sam} does not exist. Run `make clean install`.")
        return
    version = importlib.metadata.version("aws-sam-cli")
    if tuple(map(int, version.split(".")[:2])) < _SAM_MINIMUM:
        yield blocked("sam", f"{version} is too old. Run `make clean install`.")
    elif not shutil.which("make"):
        yield blocked("sam", "make is not on PATH, and it builds the layers: install make.")
    else:
        yield ready("sam", f"{version}, and make for the layers.")
