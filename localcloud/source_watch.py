"""Watches the sources of a running application: saved code runs, a changed template is announced.

It checks the files several times a second. A project has only some hundred files, and
notifications of the operating system have limits and do not work on every mount.
"""

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from localcloud.cloud import CloudError
from localcloud.code_sync import CodeSync
from localcloud.running_application import RunningApplication, build_and_deploy, check_and_show
from localcloud.source_files import Signature, files_below, signatures
from localcloud.templates import files_of_template

_CHECK_SECONDS: Final = 0.25
_LARGEST_SHARE: Final = 0.1  # checks take at most this share of the time
_SETTLED_SECONDS: Final = 0.03

type _Seen = dict[Path, Signature]


@contextlib.contextmanager
def watching(
    running: RunningApplication, own_environment: Mapping[str, str], console: Console
) -> Iterator["SourceWatch"]:
    """Watch until the block ends."""
    watch = SourceWatch(running, own_environment, console)
    thread = threading.Thread(target=watch.run, name="watch-sources", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.end()
        thread.join(timeout=5)


class SourceWatch:
    """One thread calls `run`; `deploy_if_asked` is called by the thread that owns the terminal."""

    def __init__(
        self, running: RunningApplication, own_environment: Mapping[str, str], console: Console
    ) -> None:
        self._running = running
        self._application = running.application
        self._own_environment = own_environment
        self._console = console
        self._sync = CodeSync(running.application, running.cloud)
        self._template_files = files_of_template(running.application.template)
        self._built_template = running.application.artifacts / "template.yaml"
        self._seen, _ = self._check()
        self._sync.sync([])  # files may have been saved between its first comparison and this one
        self._ended = threading.Event()
        self._deployment_needed = threading.Event()

    def run(self) -> None:
        """Act on changes until `end`."""
        wait = _CHECK_SECONDS
        while not self._ended.wait(wait):
            seen, seconds = self._check()
            wait = max(_CHECK_SECONDS, seconds / _LARGEST_SHARE)
            if seen == self._seen:
                continue
            seen = self._settled(seen)
            before, self._seen = self._seen, seen
            changed = {file for file in {*before, *seen} if before.get(file) != seen.get(file)}
            try:
                self._act(changed)
            except (CloudError, OSError, BotoCoreError, ClientError) as error:
                if not self._ended.is_set():
                    self._say(f"[bold red]✗[/] {escape(str(error))}")

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()

    def deploy_if_asked(self) -> None:
        """Deploy if a deployment is needed and the person has pressed Enter."""
        if not _line_entered() or not self._deployment_needed.is_set():
            return
        self._deployment_needed.clear()
        try:
            check_and_show(self._application, self._running.cloud, self._console)
            build_and_deploy(
                self._application, self._running.cloud, self._own_environment, self._console
            )
        except CloudError as error:
            self._deployment_needed.set()
            self._say(f"[bold red]✗[/] {escape(str(error))}")

    def _check(self) -> tuple[_Seen, float]:
        began = time.monotonic()
        sources = (file for folder in self._sync.sources for file in files_below(folder))
        seen = signatures({*self._template_files, self._built_template, *sources})
        return seen, time.monotonic() - began

    def _settled(self, seen: _Seen) -> _Seen:
        """The files once nothing changes any more: an editor may save in several steps."""
        while not self._ended.wait(_SETTLED_SECONDS):
            before, seen = seen, self._check()[0]
            if seen == before:
                break
        return seen

    def _act(self, changed: set[Path]) -> None:
        with self._application.building():  # not between a build and its deployment
            if self._built_template in changed:
                self._sync.read_deployed()
                self._deployment_needed.clear()
            of_template = changed & self._template_files
            if of_template:
                self._template_files = files_of_template(self._application.template)
            sources = changed - of_template - {self._built_template}
            synced = self._sync.sync(sorted(sources))
        for file, parts in synced.running.items():
            self._say(f"[green]✓[/] {_name(file)} runs now in {', '.join(parts)}.")
        for file, error in synced.errors.items():
            if file in sources:
                self._say(
                    f"[bold red]✗[/] {_name(file)}, {escape(error)}. The previous code still runs."
                )
        if self._built_template in changed:
            return
        for file in sorted(of_template):
            self._announce(f"{_name(file)} changed: the stack needs a deployment.")
        for file in synced.build_needed:
            self._announce(f"{_name(file)} changed: it needs a build and a deployment.")

    def _announce(self, what: str) -> None:
        self._deployment_needed.set()
        template = os.path.relpath(self._application.template)
        command = f"python -m localcloud deploy --template '{template}'"
        how = f"Press Enter to deploy, or run `{command}`." if _has_terminal() else f"`{command}`."
        self._say(f"[yellow]![/] {what} {escape(how)}")

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def _name(file: Path) -> str:
    return escape(os.path.relpath(file))


def _has_terminal() -> bool:
    """Whether this process can read the terminal: one in the background would be stopped."""
    with contextlib.suppress(OSError, ValueError):
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    return False


def _line_entered() -> bool:
    if not _has_terminal() or not select.select([sys.stdin], [], [], 0)[0]:
        return False
    sys.stdin.readline()
    return True
