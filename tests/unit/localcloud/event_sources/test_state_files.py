"""/dev/full stands for a disk without space: every write to it fails with ENOSPC."""

from pathlib import Path

import pytest

from localcloud.event_sources.state_files import Log, StateFile

FULL = Path("/dev/full")


def test_file_keeps_its_old_content_while_the_disk_is_full_and_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "checkpoints.json"
    file = StateFile(path, "Free some space.")
    assert file.replace("old")
    path.with_suffix(".new").symlink_to(FULL)
    assert not file.replace("new")
    assert not file.replace("newer")
    assert path.read_text() == "old"
    output = capsys.readouterr().err
    assert output == (
        f"Event sources: {path} cannot be written: No space left on device. Free some space.\n"
    )
    path.with_suffix(".new").unlink()
    assert file.replace("newest")
    assert path.read_text() == "newest"
    assert capsys.readouterr().err == f"Event sources: {path} is written again.\n"


def test_log_continues_in_memory_while_the_disk_is_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "event_sources.log"
    path.symlink_to(FULL)
    log = Log(path)
    log.write("one")
    log.write("two")
    assert list(log.latest) == ["one", "two"]
    assert capsys.readouterr().err.count("No space left on device") == 1
    path.unlink()
    log.write("three")
    assert path.read_text().endswith(" three\n")
