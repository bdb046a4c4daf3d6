"""`python -m tools.remove_flow` as a person runs it, in a repository of three files."""

import subprocess
from pathlib import Path

import pytest

from tools.remove_flow import __main__ as command
from tools.remove_flow.removal import Removal, RemovalError

REMOVAL = Removal({"kept.py": "VALUES = [1,2]\n"}, ["functions/report/handler.py"])


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything is committed, and Python has run."""
    (tmp_path / "functions/report/__pycache__").mkdir(parents=True)
    (tmp_path / "functions/report/__pycache__/handler.pyc").write_bytes(b"\0")
    (tmp_path / "functions/report/handler.py").write_text("DAYS = 1\n")
    (tmp_path / "kept.py").write_text("from report import DAYS\n\nVALUES = [1, 2]\n")
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "All"]):
        person = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *person, *arguments], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "remove_flow", lambda *_: REMOVAL)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["remove_flow", "report", *arguments])
    return command.main()


def test_files_are_removed_with_their_folders_and_python_is_formatted(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch) == 0
    assert not (repository / "functions").exists()
    assert (repository / "kept.py").read_text() == "VALUES = [1, 2]\n"
    said = capsys.readouterr().out
    assert said.startswith("1 files deleted, 1 changed.\nRun these next:\n  make cost")


def test_check_changes_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch):
    (repository / "kept.py").write_text("VALUES = []\n")
    assert run(monkeypatch, "--check") == 0
    assert (repository / "functions/report/handler.py").exists()


def test_uncommitted_changes_are_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (repository / "kept.py").write_text("VALUES = []\n")
    assert run(monkeypatch) == 1
    assert "commit your changes first" in capsys.readouterr().err
    assert (repository / "functions/report/handler.py").exists()


def test_rules_that_do_not_fit_change_nothing(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def refuse(*_: object) -> Removal:
        raise RemovalError("names of the flow are left:\n  kept.py:1: report")

    monkeypatch.setattr(command, "remove_flow", refuse)
    assert run(monkeypatch) == 1
    assert "tools/remove_flow/report.toml: names of the flow are left" in capsys.readouterr().err
    assert (repository / "functions/report/handler.py").exists()


def test_text_files_are_those_that_git_knows(repository: Path):
    (repository / "picture.png").write_bytes(b"\x89PNG\0")
    (repository / "link").symlink_to("kept.py")
    subprocess.run(["git", "add", "--all"], cwd=repository, check=True)
    (repository / "new.py").write_text("")
    found = command.text_files(repository)
    assert sorted(found) == [".gitignore", "functions/report/handler.py", "kept.py"]
