"""Where an application may be written, and that it is there as a whole or not at all."""

import os
from pathlib import Path

import pytest

from tools.extract.destination import UnusableFolderError, checked, write


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "gallery" / "docs").mkdir(parents=True)
    return tmp_path / "gallery"


@pytest.mark.parametrize("name", ["my-app", "sub/../App2"])
def test_folder_that_does_not_exist_is_taken(tmp_path: Path, repository: Path, name: str):
    assert checked(str(tmp_path / name), repository) == tmp_path / Path(name).name


def test_empty_folder_is_taken(tmp_path: Path, repository: Path):
    (tmp_path / "empty").mkdir()
    to = checked(str(tmp_path / "empty"), repository)
    write({Path("a/b.txt"): "text"}, to)
    assert (to / "a/b.txt").read_text() == "text"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gallery", "is in this repository"),
        ("gallery/docs/mine", "is in this repository"),
        ("full", "is not empty"),
        ("file", "is not empty"),
        ("none/mine", "there is no folder .*none: create it first"),
        ("my app", "'my app' is not the name of a stack"),
    ],
)
def test_other_folder_is_refused(tmp_path: Path, repository: Path, name: str, why: str):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    (tmp_path / "file").touch()
    with pytest.raises(UnusableFolderError, match=why):
        checked(str(tmp_path / name), repository)


def test_link_into_the_repository_is_refused(tmp_path: Path, repository: Path):
    (tmp_path / "link").symlink_to(repository)
    with pytest.raises(UnusableFolderError, match="is in this repository"):
        checked(str(tmp_path / "link" / "mine"), repository)


def test_no_folder_is_refused(repository: Path):
    with pytest.raises(UnusableFolderError, match=r"pass TO=\.\./my-app"):
        checked("", repository)


def test_folder_that_is_not_writable_is_refused(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(UnusableFolderError, match=f"{tmp_path} is not writable"):
        checked(str(tmp_path / "mine"), repository)


def test_nothing_is_left_of_an_application_that_cannot_be_written(tmp_path: Path):
    to = tmp_path / "mine"
    with pytest.raises(UnusableFolderError, match="cannot be written: No such file"):
        write({Path("a"): "text", Path("b"): tmp_path / "missing"}, to)
    assert list(tmp_path.iterdir()) == []


def test_links_become_files(tmp_path: Path):
    (tmp_path / "a").write_text("text")
    (tmp_path / "link").symlink_to("a")
    write({Path("copy"): tmp_path / "link"}, tmp_path / "mine")
    assert not (tmp_path / "mine/copy").is_symlink()
    assert (tmp_path / "mine/copy").read_text() == "text"
