"""docs/own-it.md, done from its text: a copy under another name without the daily report."""

import shutil
from pathlib import Path

import pytest

from tests.applications.scripts import commands, run
from tests.support.documents import tracked_files
from tests.support.repository import ROOT

SECONDS = 900  # of a command
PAGE = (ROOT / "docs/own-it.md").read_text()
IDENTITY = "git config user.name 'A team' && git config user.email team@example.com"
FAST_TESTS = "tests/architecture tests/vetted tests/unit/ops tests/unit/tools"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tracked files in another folder, with this repository's virtual environments."""
    copy = tmp_path / "photo-box"
    for name in tracked_files():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    for environment in ROOT.glob(".venv*"):
        # A folder of links: what make would clear is not this repository's environment.
        (copy / environment.name).mkdir()
        for entry in environment.iterdir():
            if entry.name != "installed":
                (copy / environment.name / entry.name).symlink_to(entry)
        (copy / environment.name / "installed").touch()
    return copy


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_copy_without_the_daily_report_passes_its_tests(copy: Path):
    start, rename = commands(PAGE, "A copy under another name")
    [remove] = commands(PAGE, "Delete the daily report")
    *rename_commands, what_is_left = rename.splitlines()
    *remove_commands, check, test = remove.splitlines()
    assert (check, test) == ("make check", "make test"), "of the second, a part is run here"

    begin, commit = start.splitlines()[1].split(" && ", 1)
    run(f"{begin} && {IDENTITY} && {commit}", copy)
    run("\n".join(rename_commands), copy)
    assert "template.yaml" not in run(what_is_left, copy)
    run("git add --all && git commit --quiet --message Rename", copy)

    run("\n".join(remove_commands), copy)
    assert not (copy / "functions/daily_report").exists()
    run(check, copy, SECONDS)
    pytest_ = ".venv/bin/pytest --quiet -p no:cacheprovider --numprocesses 2"
    run(f"{pytest_} {FAST_TESTS}", copy, SECONDS)
    assert " passed" in run(f"{pytest_} tests/e2e/test_journey.py", copy, SECONDS)
