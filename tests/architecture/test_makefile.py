"""What make prints before an environment exists."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.repository import ROOT


def test_a_machine_without_python_3_13_gets_one_clear_line(tmp_path: Path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("make", "sh", "awk", "touch"):
        found = shutil.which(tool)
        assert found
        (tools / tool).symlink_to(found)
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(ROOT / "Makefile", project)
    shutil.copytree(ROOT / "requirements", project / "requirements")
    done = subprocess.run(
        ["make", "demo"],
        cwd=project,
        env={"PATH": str(tools), "HOME": os.environ.get("HOME", "/")},
        check=False,
        capture_output=True,
        text=True,
    )
    output = (done.stdout + done.stderr).splitlines()
    assert done.returncode != 0
    assert [line for line in output if "Python 3.13 is needed" in line and "python.org" in line]
    assert len(output) <= 2, output


def test_help_names_every_target_that_a_person_runs():
    done = subprocess.run(
        ["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.MULTILINE)
    assert len(targets) > 20
    named = re.findall(r"^  make (\S+) ", done, re.MULTILINE)
    assert named == targets, "make help names targets that have '## what it does' behind them"
    [phony] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert sorted(phony.split()) == sorted(targets), ".PHONY lists all targets that are no files"
