"""What the last build of an application read and wrote, so that an equal one can be left out.

Files count by time, size and inode. The record covers the whole folder of the template, because a
Makefile or a requirements file may read files outside the folder of its function.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from localcloud.application import Application
from localcloud.source_files import signatures
from localcloud.templates import NESTED, Template, code_of, read_template, resources_of

_FILE: Final = "build-record.json"


@dataclass(frozen=True)
class BuildRecord:
    """Digests of what a build has read and written.

    `read` is empty if the build may have read files that the digest does not cover.
    """

    read: str
    written: str

    @classmethod
    def last(cls, application: Application) -> "BuildRecord":
        """The record of the last build that succeeded."""
        try:
            return cls(**json.loads((application.folder / _FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return cls("", "")

    @classmethod
    def now(cls, application: Application, machine: str) -> "BuildRecord":
        """What a build would read now, and what is in the folder of the artifacts."""
        return cls(_read(application, machine), _digest(_files(application.artifacts)))

    def store(self, application: Application) -> None:
        (application.folder / _FILE).write_text(json.dumps(asdict(self)))


def forget(application: Application) -> None:
    """Remove the record, before a build that may fail."""
    (application.folder / _FILE).unlink(missing_ok=True)


def _read(application: Application, machine: str) -> str:
    folder = application.template.parent
    template = read_template(application.template, application.parameters)
    if not all(_is_below(each, folder) for each in _sources(template, folder)):
        return ""
    settings = {
        "template": [str(application.template), template],
        "parameters": dict(application.parameters),
        "tools": [sys.version, version("aws-sam-cli"), machine],
    }
    text = json.dumps(settings, sort_keys=True, default=str)
    return _digest(_files(folder, without_hidden_folders=True), text)


def _sources(template: Template, folder: Path) -> Iterator[Path | None]:
    """The folders of functions and layers; None for what cannot be told."""
    for _, resource in resources_of(template):
        if resource.get("Type") in NESTED:
            yield None
        if ".." in json.dumps(resource.get("Metadata") or {}, default=str):
            yield None
    for _, _, code in code_of(template):
        if isinstance(code, str):
            yield (folder / code).resolve()
        elif code is None:
            yield None  # sam takes the folder of the template


def _is_below(source: Path | None, folder: Path) -> bool:
    return source is not None and source != folder and source.is_relative_to(folder)


def _files(folder: Path, *, without_hidden_folders: bool = False) -> Iterator[Path]:
    """All files but bytecode; without hidden folders at the top, such as .git, if asked for."""
    for name, folders, files in os.walk(folder):
        is_top = without_hidden_folders and Path(name) == folder
        folders[:] = [
            each
            for each in folders
            if each != "__pycache__" and not (is_top and each.startswith("."))
        ]
        yield from (Path(name, file) for file in files)


def _digest(files: Iterator[Path], text: str = "") -> str:
    found = sorted((str(file), *signature) for file, signature in signatures(files).items())
    return hashlib.sha256(json.dumps([text, found]).encode()).hexdigest()
