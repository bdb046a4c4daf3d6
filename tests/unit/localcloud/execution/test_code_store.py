import io
import zipfile
from pathlib import Path

from localcloud.execution.code_store import CodeStore


def archive(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name.replace("__", "/"))
            entry.external_attr = 0o755 << 16
            zipped.writestr(entry, text)
    return content.getvalue()


def test_archives_are_unpacked_once_and_read_only_and_keep_who_may_execute(tmp_path: Path):
    store = CodeStore(tmp_path / "code")
    folder = store.unpacked([archive(bootstrap="#!/bin/sh", pack__age="x")])
    assert (folder / "pack" / "age").read_text() == "x"
    assert (folder / "bootstrap").stat().st_mode & 0o777 == 0o555
    assert folder.stat().st_mode & 0o777 == 0o555
    inode = folder.stat().st_ino
    assert store.unpacked([archive(bootstrap="#!/bin/sh", pack__age="x")]) == folder
    assert folder.stat().st_ino == inode
    store.remove()
    assert not folder.exists()


def test_later_layer_replaces_files_of_an_earlier_one(tmp_path: Path):
    store = CodeStore(tmp_path / "code")
    first, second = archive(a="1", b="1"), archive(b="2")
    folder = store.unpacked([first, second])
    assert [(folder / name).read_text() for name in "ab"] == ["1", "2"]
    assert (store.unpacked([second, first]) / "b").read_text() == "1"
    assert not list(store.unpacked([]).iterdir())
