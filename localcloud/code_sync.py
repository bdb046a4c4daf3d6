"""Brings saved source files into the functions of a running application, without a deployment."""

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.application import Application
from localcloud.artifacts import artifacts, deployed_as
from localcloud.cloud import Cloud
from localcloud.execution.saved_code import FOLDER, SavedCode, SavedFile
from localcloud.ministack.own_requests import SAVED_CODE
from localcloud.source_files import Copies, is_build_input
from localcloud.stack import Stack

type Files = Mapping[str, SavedFile | None]


@dataclass(frozen=True)
class Synced:
    """The result for each changed file: functions run it now, it has an error, or needs a build."""

    running: Mapping[Path, list[str]]
    """The functions and layers that a file is part of, by file."""
    errors: Mapping[Path, str]
    build_needed: list[Path]


class CodeSync:
    """Compares the sources with the artifacts, and passes the differences to the laptop cloud.

    The files that it passes replace files of the deployed code until the next deployment, under
    every alias. A Python file with a syntax error is not passed: its previous code still runs.
    """

    def __init__(self, application: Application, cloud: Cloud) -> None:
        self._application = application
        self._stack = Stack(cloud, application.stack)
        self._saved = SavedCode(cloud.folder / "tmp" / FOLDER)
        self._copies: list[tuple[str, Copies]] = []
        self._deployed_as: dict[str, set[str]] = {}
        self._kept: dict[str, Files] = {}
        self._files: dict[str, Files] = {}
        self.read_deployed()

    @property
    def sources(self) -> set[Path]:
        """The folders that functions and layers are built from."""
        return {copies.source for _, copies in self._copies}

    def read_deployed(self) -> None:
        """Compare with the last build from now on. Call it after each build and deployment.

        Raises:
            CloudError: the stack or a template cannot be read.
        """
        self._copies = [
            (each.logical_id, Copies.of(each.source, each.built))
            for each in artifacts(self._application)
        ]
        if sys.platform == "linux":  # elsewhere ministack's workers run what is deployed
            self._deployed_as = deployed_as(self._stack)
        # The new build contains what was saved before it. Until its deployment, saved files stay.
        deployed = {each for archives in self._deployed_as.values() for each in archives}
        self._kept = {name: files for name, files in self._files.items() if name in deployed}
        self.sync([])

    def sync(self, changed: Iterable[Path]) -> Synced:
        """Pass all current differences to the laptop cloud; report on the files in `changed`.

        Raises:
            CloudError: the laptop cloud does not accept the files.
            OSError: a file cannot be read.
        """
        errors: dict[Path, str] = {}
        files: dict[str, Files] = dict(self._kept)
        for logical_id, copies in self._copies:
            different = dict(copies.different())
            for archive in self._deployed_as.get(logical_id, ()):
                before = self._files.get(archive, {})
                runnable = dict(_runnable(different, before, errors))
                files[archive] = {**files.get(archive, {}), **runnable}
        files = {archive: each for archive, each in files.items() if each}
        if files != self._files:
            self._pass_on(files)
        running = {file: self._parts(file) for file in changed if file not in errors}
        return Synced(
            running={file: parts for file, parts in running.items() if parts},
            errors=errors,
            build_needed=[file for file, parts in running.items() if not parts],
        )

    def _pass_on(self, files: Mapping[str, Files]) -> None:
        self._saved.write(files)
        self._stack.cloud.post(SAVED_CODE, "The laptop cloud does not accept the saved files")
        self._files = dict(files)

    def _parts(self, file: Path) -> list[str]:
        """The functions and layers that run a file as it is saved."""
        if is_build_input(file):
            return []
        return [
            logical_id
            for logical_id, copies in self._copies
            if logical_id in self._deployed_as
            and file.is_relative_to(copies.source)
            and copies.target(file.relative_to(copies.source))
        ]


def _runnable(
    different: Mapping[Path, tuple[str, SavedFile | None]], before: Files, errors: dict[Path, str]
) -> Iterator[tuple[str, SavedFile | None]]:
    """The different files by path in the archive; a file with an error as it was passed before."""
    for source, (target, saved) in different.items():
        error = _syntax_error(source, saved) if saved else None
        if not error:
            yield target, saved
            continue
        errors[source] = error
        if target in before:
            yield target, before[target]


def _syntax_error(source: Path, saved: SavedFile) -> str | None:
    if source.suffix != ".py":
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(saved.content, source, "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except ValueError as error:  # a null byte
        return str(error)
    return None
