"""The folders that execution environments run: deployed code, and files that were saved since."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ministack.services import lambda_svc

from localcloud.execution.code_store import CodeStore
from localcloud.execution.saved_code import SavedCode

type Function = dict[str, Any]


class CodeFolders:
    """Folders of functions and of layers; each archive is read and unpacked once."""

    def __init__(self, store: CodeStore, saved: SavedCode) -> None:
        self._store = store
        self._saved = saved
        self._changes: Mapping[str, Mapping[str, Path | None]] = {}
        self._deployed: dict[tuple[str, ...], Path] = {}
        self._lock = threading.Lock()

    def of_function(self, function: Function, config: Function) -> Path:
        """The folder that Lambda mounts at /var/task."""
        return self._folder((config["CodeSha256"],), lambda: [function["code_zip"]])

    def of_layers(self, config: Function) -> Path:
        """The folder that Lambda mounts at /opt: all layers in one."""
        layers = config.get("Layers") or []
        return self._folder(
            tuple(each["Arn"] for each in layers),
            lambda: [zipped for each in layers if (zipped := _layer(each))],
        )

    def read_saved(self) -> set[str]:
        """Run the saved files from now on; returns the archives whose saved files have changed."""
        with self._lock:
            before, self._changes = self._changes, self._saved.read()
            return {
                archive
                for archive in {*before, *self._changes}
                if before.get(archive) != self._changes.get(archive)
            }

    def _folder(self, archives: tuple[str, ...], read: Callable[[], Sequence[bytes]]) -> Path:
        if archives not in self._deployed:
            self._deployed[archives] = self._store.unpacked(read())
        changes = self._changes
        files: dict[str, Path | None] = {}
        for archive in archives:
            files |= changes.get(archive, {})
        deployed = self._deployed[archives]
        return self._store.changed(deployed, files) if files else deployed


def _layer(layer: Function) -> bytes | None:
    zipped: bytes | None = lambda_svc._resolve_layer_zip(layer)  # noqa: SLF001
    return zipped
