from pathlib import Path

from localcloud.execution.saved_code import SavedCode, SavedFile


def test_saved_files_are_read_as_they_were_written(tmp_path: Path):
    saved = SavedCode(tmp_path / "saved")
    assert saved.read() == {}
    saved.write({"sha": {"app.py": SavedFile(b"1"), "old.py": None}, "unchanged": {}})
    first = saved.read()
    assert first.keys() == {"sha"}
    assert first["sha"]["old.py"] is None
    assert first["sha"]["app.py"]
    assert first["sha"]["app.py"].read_bytes() == b"1"

    saved.write({"sha": {"app.py": SavedFile(b"2", is_executable=True)}})
    second = saved.read()["sha"]["app.py"]
    assert second
    assert second.read_bytes() == b"2"
    assert second.stat().st_mode & 0o777 == 0o555
    assert first["sha"]["app.py"].read_bytes() == b"1", "files that are in use do not change"
    saved.write({})
    assert saved.read() == {}
