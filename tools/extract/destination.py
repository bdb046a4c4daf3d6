"""The folder that an application is written to: all of it, or nothing."""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")


class UnusableFolderError(Exception):
    """Nothing can be written there; the message says why and what to do."""


def checked(given: str, repository: Path) -> Path:
    """The absolute path of a folder that can be written.

    Raises:
        UnusableFolderError: it cannot.
    """
    if not given:
        raise UnusableFolderError("no folder is named: pass TO=../my-app")
    to = Path(os.path.normpath(Path.cwd() / Path(given).expanduser()))
    parent = to.parent
    if to.resolve().is_relative_to(repository.resolve()):
        raise UnusableFolderError(
            f"{to} is in this repository: name a folder outside of it, such as TO=../my-app"
        )
    if not _NAME.fullmatch(to.name):
        raise UnusableFolderError(
            f"{to.name!r} is not the name of a stack: the folder needs a name of letters, digits"
            " and hyphens that begins with a letter"
        )
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UnusableFolderError(f"{to} is not empty: name a folder that does not exist")
    if not parent.is_dir():
        raise UnusableFolderError(f"there is no folder {parent}: create it first")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UnusableFolderError(f"the folder {parent} is not writable: name another one")
    return to


def write(files: Mapping[Path, str | Path], to: Path) -> None:
    """Write the files beside the folder, and move them there once all are written.

    Raises:
        UnusableFolderError: the disk or the permissions prevent it; nothing is left.
    """
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    except OSError as error:
        raise _error(to, error) from error
    try:
        for path, content in files.items():
            target = temporary / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copy(content, target)
            else:
                target.write_text(content)
        temporary.chmod(0o755)
        temporary.rename(to)
    except OSError as error:
        raise _error(to, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _error(to: Path, error: OSError) -> UnusableFolderError:
    return UnusableFolderError(f"{to} cannot be written: {error.strerror}")
