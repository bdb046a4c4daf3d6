"""A machine whose disk can fill and whose clock can jump, for the processes of one laptop cloud."""

import contextlib
import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

import pytest
import time_machine

from tests.e2e.conftest import OWN_ENVIRONMENT

_MEGABYTES: Final = 768
_PAGE: Final = 4096


class Disk:
    """A file system of its own below a folder."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no page free. Space that a process frees later is filled by the next call."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (2**20, _PAGE):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        self._filler.unlink()


@contextlib.contextmanager
def own_disk(folder: Path) -> Iterator[Disk]:
    """Mount a small file system on the folder; its log files stay there afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    options = f"size={_MEGABYTES}m,mode=0777"
    mount = [*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        cannot_run(f"neither root nor sudo: {error}")
    if mounted.returncode:
        cannot_run(f"no file system can be mounted: {mounted.stderr.strip()}")
    kept = folder.with_name(f"{folder.name}.logs")
    try:
        yield Disk(folder)
    finally:
        kept.mkdir(exist_ok=True)
        for log in folder.glob("*.log"):
            shutil.copy(log, kept)
        subprocess.run([*as_root, "umount", "--lazy", str(folder)], check=True)
        for log in kept.iterdir():
            shutil.move(log, folder / log.name)
        kept.rmdir()


class Clock:
    """The wall clock of this process and of Python processes that are started with `variables`.

    The other processes notice a jump some tenths of a second after it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.write_text("0")
        self._changed_time = contextlib.ExitStack()
        packages = folder / "packages"  # of other environments than this one's
        packages.mkdir()
        for installed in Path(time_machine.__file__).parents[1].glob("*time_machine*"):
            (packages / installed.name).symlink_to(installed)
        self.variables: Mapping[str, str] = {
            "PYTHONPATH": f"{Path(__file__).parent / 'clock'}:{packages}",
            "CHAOS_CLOCK": str(self._file),
        }

    def jump(self, seconds: int) -> None:
        """Set the clock to the real time plus this number of seconds."""
        self._changed_time.close()
        if seconds:
            target = datetime.now(UTC) + timedelta(seconds=seconds)
            self._changed_time.enter_context(time_machine.travel(target, tick=True))
        new = self._file.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._file)

    def interpreter(self, folder: Path, python: Path) -> Path:
        """A program that starts `python` with this clock."""
        program = folder / "bin" / "python"
        program.parent.mkdir(parents=True)
        settings = " ".join(f"{name}={value}" for name, value in self.variables.items())
        program.write_text(f'#!/bin/sh\n{settings} exec {python} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program


def cannot_run(reason: str) -> NoReturn:
    """Skip the test, but never in CI."""
    if OWN_ENVIRONMENT.get("CI"):
        pytest.fail(f"CI must not skip this test: {reason}")
    pytest.skip(reason)
