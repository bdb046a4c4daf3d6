import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tools import pip_progress

SAID = """\
Ignoring colorama: markers 'sys_platform == "win32"' don't match your environment
Collecting boto3==1.2.3 (from -r dev.txt (line 1))
  Downloading boto3-1.2.3-py3-none-any.whl (140 kB)
Processing /wheels/rich-4.5.6-py3-none-any.whl (from -r requirements/dev.txt (line 3))
Installing collected packages: boto3, rich
Successfully installed boto3-1.2.3 rich-4.5.6
"""


def test_each_package_is_counted_without_those_of_other_platforms():
    assert list(pip_progress.steps(iter(SAID.splitlines()), 3)) == [
        (False, "1 of 2 packages: boto3"),
        (False, "2 of 2 packages: rich"),
        (True, "2 packages are downloaded; pip writes their files"),
    ]


@pytest.mark.parametrize("status", [0, 1])
def test_exit_status_and_errors_are_those_of_pip(tmp_path: Path, status: int):
    requirements = tmp_path / "dev.txt"
    requirements.write_text("boto3==1.2.3 \\\n    --hash=sha256:1\ncolorama==1\nrich==4.5.6\n")
    pip = tmp_path / "pip"
    pip.write_text(f"#!/bin/sh\ncat <<'END'\n{SAID}END\necho broken >&2\nexit {status}\n")
    pip.chmod(0o755)
    command = [sys.executable, "tools/pip_progress.py", pip, "install", requirements]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "broken\n")
    assert done.stdout == "  2 packages are downloaded; pip writes their files\n"
