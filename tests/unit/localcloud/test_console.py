"""The width of what commands print; ops has the same console, because neither imports the other."""

import importlib
import os
import subprocess
import sys
import termios

import pytest

from tests.support.repository import ROOT

WORDS = "word " * 100


@pytest.fixture(params=["localcloud", "ops"])
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(("columns", "lines"), [(None, 1), ("50", 10)])
def test_line_in_a_file_is_wrapped_only_if_a_person_gives_a_width(
    package: str,
    columns: str | None,
    lines: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    importlib.import_module(f"{package}.console").command_console().print(WORDS)
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_line_on_a_terminal_is_wrapped_at_its_width(package: str):
    ours, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (20, 50))
    code = f"from {package}.console import command_console; command_console().print('{WORDS}')"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"TERM": "xterm"},
        check=True,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    assert os.read(ours, 10_000).count(b"\n") == 10
    os.close(ours)
