"""What make prints before an environment exists, and how it passes on what a person gives."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.fixture
def installed_project(tmp_path: Path) -> Path:
    """The Makefile with environments whose Python prints its arguments, one per line."""
    (tmp_path / "requirements").mkdir()
    for name in ("uv", "dev", "ministack", "runtime"):
        (tmp_path / "requirements" / f"{name}.txt").touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    for environment in (".venv", ".venv-ministack", ".venv-runtime"):
        (tmp_path / environment / "bin").mkdir(parents=True)
        (tmp_path / environment / "installed").touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    python.chmod(0o755)
    return tmp_path


def made(project: Path, *words: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        ["make", *words], cwd=project, check=False, capture_output=True, text=True
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize("photo", ["it's", 'a "photo"', "two  words", "$HOME; echo `id`"])
def test_value_of_a_person_reaches_the_command_as_it_is(installed_project: Path, photo: str):
    status, output = made(installed_project, "trace", f"PHOTO={photo.replace('$', '$$')}")
    assert (status, output[-1]) == (0, photo)
    status, output = made(installed_project, "up", f"PORT={photo.replace('$', '$$')}")
    assert (status, output[output.index("--port") + 1]) == (0, photo)
    assert "--edge-port" not in output


def test_trace_without_a_photo_says_what_is_missing(installed_project: Path):
    status, output = made(installed_project, "trace")
    assert (status, len(output)) == (2, 2)
    assert output[0].startswith("Which photo? Give the id")


def test_wrong_port_is_one_sentence():
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--port", "abc", "up"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "layers"},
        check=False,
        capture_output=True,
        text=True,
    )
    [line] = (done.stdout + done.stderr).splitlines()
    assert (done.returncode, line.endswith("invalid port 'abc': expected 1 to 65535")) == (2, True)
