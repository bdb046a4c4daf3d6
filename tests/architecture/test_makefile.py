"""What make prints before an environment exists, and how it passes on what a person gives."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.commands import recipe_of
from tests.support.repository import ROOT

TARGETS: Final = re.findall(r"^([a-z][\w-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
GIVEN: Final = [
    *("PORT", "EDGE_PORT", "HOST", "DEBUG", "STACK", "STAGE", "PHOTO", "FUNCTION", "EVENT"),
    *("SEED", "UPLOADS", "VIEWS", "TARGET", "SECONDS", "FLOW", "TO"),
]
"""Variables that a person gives. ARGS is missing: it has several words by intent."""


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
    assert len(TARGETS) > 20
    named = re.findall(r"^  make (\S+) ", done, re.MULTILINE)
    too_wide = [line for line in done.splitlines() if len(line) > 80]
    assert too_wide == [], "lines of make help that a terminal of 80 columns would wrap"
    assert named == TARGETS, "make help names targets that have '## what it does' behind them"
    [phony] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert sorted(phony.split()) == sorted(TARGETS), ".PHONY lists all targets that are no files"


@pytest.fixture
def installed_project(tmp_path: Path) -> Path:
    """The Makefile with environments whose Python prints its arguments, one per line."""
    (tmp_path / "requirements").mkdir()
    for name in ("uv", "dev", "ministack", "runtime", "audit", "fuzz"):
        (tmp_path / "requirements" / f"{name}.txt").touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    for environment in (".venv", ".venv-ministack", ".venv-runtime", ".venv-audit", ".venv-fuzz"):
        (tmp_path / environment / "bin").mkdir(parents=True)
        (tmp_path / environment / "installed").touch()
        _print_arguments(tmp_path / environment / "bin" / "python")
    _print_arguments(tmp_path / ".venv" / "bin" / "pytest", '"$SEED" "$UPLOADS" "$VIEWS"')
    return tmp_path


def _print_arguments(program: Path, more: str = "") -> None:
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" {more}\n")
    program.chmod(0o755)


def made(project: Path, *words: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        ["make", *words],
        cwd=project,
        # Not as a part of `make test`, which would name the folder that it enters.
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize(
    ("target", "variable"),
    [
        (target, variable)
        for target in TARGETS
        for variable in GIVEN
        if f"$({variable})" in recipe_of(target)
    ],
)
def test_value_of_a_person_reaches_the_command_as_it_is(
    installed_project: Path, target: str, variable: str
):
    value = """it's "two  words", $HOME; echo `id`"""
    given = {"PHOTO": "1", variable: value.replace("$", "$$")}
    status, output = made(installed_project, target, *map("=".join, given.items()))
    assert status == 0, output
    assert [line for line in output if value in line], output


@pytest.mark.parametrize(
    "module",
    re.findall(r"@\$\(RUN\) \$\(BIN\)/python -m (\S+)", (ROOT / "Makefile").read_text()),
)
def test_command_that_runs_sam_needs_no_layer(module: str):
    """sam would give PYTHONPATH to the builds of functions."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_every_variable_of_a_person_is_in_a_recipe():
    recipes = "".join(map(recipe_of, TARGETS))
    assert [variable for variable in GIVEN if f"$({variable})" not in recipes] == []


def test_trace_without_a_photo_says_what_is_missing(installed_project: Path):
    status, output = made(installed_project, "trace")
    assert (status, len(output)) == (2, 2)
    assert output[0].startswith("Which photo? Give the id")


def test_benchmarks_are_built_by_the_script_that_checks_their_names(installed_project: Path):
    (installed_project / ".venv" / "bin" / "python").write_text('#!/bin/sh\necho "$@"; exit 2\n')
    status, output = made(installed_project, "bench", "ARGS=nope")
    assert (status, output[0], len(output)) == (2, "-m bench.run nope", 2)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--port", "abc"], "invalid port 'abc': expected 1 to 65535"),
        (
            ["--port", "65535"],
            "CloudFront needs a port, and there is none after 65535: choose another one for it,"
            " or one of at most 65534 for the AWS APIs. PORT=, EDGE_PORT= and HOST= choose them.",
        ),
        (
            ["--port", "23120", "--edge-port", "23120"],
            "CloudFront and the AWS APIs cannot have the same port 23120."
            " PORT=, EDGE_PORT= and HOST= choose them.",
        ),
    ],
)
def test_wrong_port_is_one_sentence(options: list[str], sentence: str):
    [line] = failed_demo(*options, "up")
    assert line in {f"python -m demo: error: argument --port: {sentence}", f"✗ {sentence}"}


@pytest.mark.parametrize(
    ("function", "event", "message"),
    [
        ("nope", "events/api_get_health.json", "template.yaml has no function 'nope'. It has Cat"),
        ("", "events/api_get_health.json", "template.yaml has no function ''. It has Catalog"),
        ("GalleryApiFunction", "nope.json", "There is no event file 'nope.json'. EVENT= names"),
        ("GalleryApiFunction", "", "There is no event file ''. EVENT= names one; events/README.md"),
        ("GalleryApiFunction", "events", "There is no event file 'events'. EVENT= names one;"),
        ("GalleryApiFunction", "Makefile", "The event Makefile is not JSON: Expecting value:"),
    ],
)
def test_wrong_argument_of_invoke_is_reported_before_cloud_and_docker(
    function: str, event: str, message: str
):
    [line] = failed_demo("invoke", function, event)
    assert message in line


def failed_demo(*arguments: str) -> list[str]:
    """The lines that a failing command of the laptop cloud prints into a pipe."""
    # Workers of pytest-xdist have COLUMNS.
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": "layers"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    return (done.stdout + done.stderr).splitlines()
