"""Source files of an application, and where the build copies them to."""

import filecmp
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.execution.saved_code import SavedFile

_SKIPPED_FOLDERS: Final = {"__pycache__", "node_modules", "venv"}
_SKIPPED_ENDINGS: Final = (
    "~",
    ".pyc",
    ".swp",
    ".tmp",
)  # of bytecode, and of editors while they save
_BUILD_INPUTS: Final = {
    "Makefile",
    "Pipfile",
    "poetry.lock",
    "pyproject.toml",
    "requirements.txt",
    "uv.lock",
}
"""They decide what is installed; builders copy some of them too."""
_ROOTS_OF_ARTIFACTS: Final = {Path(), Path("python")}

type Signature = tuple[int, int, int]


def files_below(folder: Path) -> Iterator[Path]:
    """The files that a person edits: no hidden ones, no bytecode, nothing installed."""
    for name, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if _is_edited(each) and each not in _SKIPPED_FOLDERS]
        for file in files:
            if _is_edited(file):
                yield Path(name, file)


def signatures(files: Iterable[Path]) -> dict[Path, Signature]:
    """What changes when a file is saved: its time, size and inode; missing files are left out."""
    found = {}
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        found[file] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def is_build_input(file: Path) -> bool:
    """Whether a change of the file needs a build, also if the build copies it."""
    return file.name in _BUILD_INPUTS


@dataclass(frozen=True)
class Copies:
    """Where a build has copied the files of a source folder to."""

    source: Path
    built: Path
    files: Mapping[Path, Path]
    """Paths below `built` by paths below `source`, as they were after the build."""
    folders: Mapping[Path, Path]
    """The same for folders."""

    @classmethod
    def of(cls, source: Path, built: Path) -> "Copies":
        """Find the copies by their content.

        A folder's copy is the folder of the artifact that has most files in common with it. Whether
        sam or a Makefile copied it makes no difference.
        """
        if built == source:
            return cls(source, built, {}, {})
        sources = [file.relative_to(source) for file in files_below(source)]
        by_name: dict[str, list[Path]] = defaultdict(list)
        for file in built.rglob("*"):
            by_name[file.name].append(file.relative_to(built).parent)
        common: dict[Path, Counter[Path]] = defaultdict(Counter)
        for file in sources:
            for folder in by_name.get(file.name, []):
                if folder.name == (source / file).parent.name or folder in _ROOTS_OF_ARTIFACTS:
                    is_same = filecmp.cmp(source / file, built / folder / file.name, shallow=False)
                    common[file.parent][folder] += is_same
        folders = {folder: counts.most_common(1)[0][0] for folder, counts in common.items()}
        files = {
            file: folders[file.parent] / file.name
            for file in sources
            if file.parent in folders and (built / folders[file.parent] / file.name).is_file()
        }
        return cls(source, built, files, folders)

    def target(self, file: Path) -> Path | None:
        """Where a file would be copied to; None if a build has to decide that.

        A new file is copied to where the files with its suffix in its folder were copied.
        """
        if file in self.files:
            return self.files[file]
        for folder in file.parents:
            kinds = {each.suffix for each in self.files if each.parent == folder}
            if folder in self.folders and kinds:
                if file.suffix not in kinds:
                    return None
                return self.folders[folder] / file.relative_to(folder)
        return None

    def different(self) -> Iterator[tuple[Path, tuple[str, SavedFile | None]]]:
        """Files whose source is not what was built: (source, (path in the artifact, content)).

        A file that was deleted since the build has no content.
        """
        current = {file.relative_to(self.source) for file in files_below(self.source)}
        for file in sorted(current | self.files.keys()):
            target = self.target(file)
            source = self.source / file
            if target is None or is_build_input(file):
                continue
            if file not in current:
                yield source, (str(target), None)
            elif not _is_same(source, self.built / target):
                is_executable = bool(source.stat().st_mode & 0o100)
                yield source, (str(target), SavedFile(source.read_bytes(), is_executable))


def _is_same(source: Path, built: Path) -> bool:
    return built.is_file() and filecmp.cmp(source, built, shallow=False)


def _is_edited(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(_SKIPPED_ENDINGS)
