"""The unit tests of each example pass in a copy of its folder, outside of this repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/template.yaml"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_unit_tests_pass_in_a_copy(name: str, tmp_path: Path):
    copy = tmp_path / name
    ignored = shutil.ignore_patterns(".*", "__pycache__")
    shutil.copytree(ROOT / "examples" / name, copy, ignore=ignored)
    environment = {each: os.environ[each] for each in ("HOME", "PATH") if each in os.environ}
    done = subprocess.run(
        # Without the plugins that this environment has for the gallery's tests.
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=copy,
        env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
