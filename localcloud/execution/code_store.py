"""Deployed code as read-only folders: each archive is unpacked only once."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_READ_ONLY = 0o555


class CodeStore:
    """Folders by the content of their archives, below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def unpacked(self, archives: Sequence[bytes]) -> Path:
        """The archives in one folder; a later one replaces files of an earlier, as layers do."""
        digests = [hashlib.sha256(archive).hexdigest() for archive in archives]
        name = hashlib.sha256("\n".join(digests).encode()).hexdigest()[:32]
        folder = self._folder / name
        with self._lock:
            if not folder.exists():
                unfinished = self._folder / f"{name}.unfinished"
                remove_folder(unfinished)
                unfinished.mkdir(parents=True)
                for archive in archives:
                    _unpack(archive, unfinished)
                _make_read_only(unfinished)
                unfinished.rename(folder)
        return folder

    def changed(self, folder: Path, files: Mapping[str, Path | None]) -> Path:
        """A copy of an unpacked folder, with `files` replaced, or removed where the value is None.

        The other files are hard links. Bytecode of a changed module is removed, because Python
        never compares a layer's bytecode with its source.
        """
        listed = [[path, new and str(new)] for path, new in sorted(files.items())]
        name = hashlib.sha256(json.dumps([folder.name, listed]).encode()).hexdigest()[:32]
        changed = self._folder / name
        with self._lock:
            if not changed.exists():
                unfinished = self._folder / f"{name}.unfinished"
                remove_folder(unfinished)
                shutil.copytree(folder, unfinished, copy_function=os.link)
                _make_folders_writable(unfinished)
                for path, new in files.items():
                    _replace(unfinished / path, new)
                _make_read_only(unfinished)
                unfinished.rename(changed)
        return changed

    def remove(self) -> None:
        """Delete all folders, although they are read-only."""
        remove_folder(self._folder)


def remove_folder(folder: Path) -> None:
    """Delete a folder if it exists, with the read-only folders in it."""
    _make_folders_writable(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for entry in files.infolist():
            extracted = Path(files.extract(entry, folder))
            if not entry.is_dir():
                mode = entry.external_attr >> 16  # ZipFile.extract drops it
                extracted.chmod((mode & 0o777) or 0o644)


def _replace(path: Path, new: Path | None) -> None:
    path.unlink(missing_ok=True)  # a hard link: it must not be written to
    for bytecode in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        bytecode.unlink()
    if new:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(new, path)


def _make_folders_writable(folder: Path) -> None:
    for inner, _, _ in os.walk(folder):
        # An execution environment that has ended deletes its own folder, maybe meanwhile.
        with contextlib.suppress(FileNotFoundError):
            Path(inner).chmod(0o755)


def _make_read_only(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & _READ_ONLY | (0o555 if path.is_dir() else 0o444))
