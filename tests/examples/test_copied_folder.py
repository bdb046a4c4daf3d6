"""A copy of an example outside of this repository, on a laptop cloud of its own."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.applications.test_commands import await_line
from tests.e2e.conftest import OWN_ENVIRONMENT
from tests.examples.conftest import EXAMPLES
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow


def test_copied_folder_runs_with_the_environment_of_this_repository(tmp_path: Path):
    copy = shutil.copytree(EXAMPLES / "sqs-worker", tmp_path / "parcels")
    with subprocess.Popen(
        [sys.executable, "-m", "localcloud", "up"],
        cwd=copy,
        env={**OWN_ENVIRONMENT, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as up:
        try:
            await_line(up, "Ctrl-C ends")
            up.send_signal(signal.SIGTERM)
            up.wait(timeout=60)
        finally:
            up.kill()
