import io
import os
import zipfile
from pathlib import Path

import pytest

from localcloud.execution.code_store import CodeStore, remove_folder


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


def test_changed_folder_shares_what_did_not_change(tmp_path: Path):
    store = CodeStore(tmp_path / "code")
    deployed = store.unpacked([archive(app="1", pack__a="1", pack__b="1")])
    saved = tmp_path / "saved"
    saved.write_text("2")
    files = {"app": saved, "pack/a": None, "pack/new/c": saved}
    changed = store.changed(deployed, files)
    assert {str(each.relative_to(changed)) for each in changed.rglob("*") if each.is_file()} == {
        "app",
        "pack/b",
        "pack/new/c",
    }
    assert (changed / "app").read_text() == (changed / "pack/new/c").read_text() == "2"
    assert (deployed / "app").read_text() == (deployed / "pack" / "a").read_text() == "1"
    assert (changed / "pack/b").stat().st_ino == (deployed / "pack/b").stat().st_ino
    assert {each.stat().st_mode & 0o222 for each in [changed, *changed.rglob("*")]} == {0}
    assert store.changed(deployed, files) == changed
    assert store.changed(deployed, {"app": None}) != changed


def test_bytecode_of_a_changed_module_is_left_out(tmp_path: Path):
    store = CodeStore(tmp_path / "code")
    files = {
        "logs.py": "1",
        "__pycache__/logs.cpython-313.pyc": "1",
        "__pycache__/rows.cpython-313.pyc": "1",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name, text)
    deployed = store.unpacked([content.getvalue()])
    saved = tmp_path / "saved"
    saved.write_text("2")
    changed = store.changed(deployed, {"logs.py": saved})
    assert [each.name for each in changed.glob("__pycache__/*")] == ["rows.cpython-313.pyc"]


def test_folder_is_removed_while_an_environment_removes_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "tmp"
    folder.mkdir()
    found = [(str(folder), ["environment"], []), (str(folder / "environment"), [], [])]
    monkeypatch.setattr(os, "walk", lambda _: found)  # "environment" has been removed meanwhile

    remove_folder(folder)

    monkeypatch.undo()
    assert not folder.exists()
