"""Files saved since the deployment, which run in place of those in the deployed archives.

The process that watches the sources writes them, and ministack's process reads them. An archive is
identified as in Lambda: a function's code by its CodeSha256, a layer by its version's ARN.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = "saved-code"
"""The folder's name, in the temporary folder of a laptop cloud."""


@dataclass(frozen=True)
class SavedFile:
    """A file's new content, and whether it may be executed."""

    content: bytes
    is_executable: bool = False


class SavedCode:
    """Saved files by archive and by their path in it; None for a file that was deleted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = folder / "index.json"

    def write(self, archives: Mapping[str, Mapping[str, SavedFile | None]]) -> None:
        """Replace all saved files. A reader sees either all of the old ones or all of the new."""
        self._folder.mkdir(parents=True, exist_ok=True)
        index = {
            archive: {path: self._stored(saved) for path, saved in sorted(files.items())}
            for archive, files in sorted(archives.items())
            if files
        }
        new = self._index.with_suffix(".new")
        new.write_text(json.dumps(index))
        new.replace(self._index)

    def read(self) -> dict[str, dict[str, Path | None]]:
        """The paths of the saved files' contents; a file that was written never changes."""
        if not self._index.exists():
            return {}
        return {
            archive: {path: self._folder / name if name else None for path, name in files.items()}
            for archive, files in json.loads(self._index.read_text()).items()
        }

    def _stored(self, saved: SavedFile | None) -> str | None:
        if saved is None:
            return None
        mode = 0o555 if saved.is_executable else 0o444
        name = f"{hashlib.sha256(saved.content).hexdigest()}-{mode:o}"
        if not (self._folder / name).exists():
            (self._folder / name).write_bytes(saved.content)
            (self._folder / name).chmod(mode)
        return name
