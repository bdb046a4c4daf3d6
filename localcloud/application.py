"""A SAM application: its template, its stack, and the folder that it is built in."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import filelock

from localcloud.cloud import STATE, CloudError
from localcloud.outside_values import OutsideValues

_STACK_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


@dataclass(frozen=True)
class Application:
    """A template, its parameters, and the values that exist before its deployment.

    `template` is absolute. It is built in `builds`, by default in a folder of its own.
    """

    template: Path
    stack: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    builds: Path | None = None
    outside: OutsideValues = field(default_factory=OutsideValues)

    def __post_init__(self) -> None:
        if not self.template.is_file():
            raise CloudError(f"There is no template {self.template}. Name it with --template.")
        if not _STACK_NAME.fullmatch(self.stack):
            raise CloudError(
                f"'{self.stack}' is not a stack name: letters, digits and hyphens, a letter first."
                " Name the stack with --stack-name."
            )

    @property
    def folder(self) -> Path:
        """The folder of this template's builds, the same for every laptop cloud."""
        if self.builds:
            return self.builds
        digest = hashlib.sha256(str(self.template).encode()).hexdigest()[:8]
        return STATE / "builds" / f"{self.template.parent.name}-{digest}"

    @property
    def artifacts(self) -> Path:
        """The folder that sam build writes: a folder per function and layer, and a template."""
        return self.folder / "build"

    def building(self) -> filelock.BaseFileLock:
        """The lock to hold from build to deployment: two laptop clouds can run one template."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.folder / "lock")


def default_stack_name(template: Path) -> str:
    """The template's folder name, without characters that stack names forbid, and `-local`."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", template.parent.name).strip("-")
    return f"{name if name[:1].isalpha() else f'app-{name}'}-local".replace("--", "-")
