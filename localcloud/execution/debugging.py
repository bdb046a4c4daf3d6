"""A debugger in the execution environment of one function: debugpy, inside the function's process.

The process that `up` runs writes which function that is, and ministack's process reads it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FILE: Final = "debugger.json"
"""The file's name, in the temporary folder of a laptop cloud."""
SECONDS: Final = 24 * 60 * 60.0
"""How long an invocation may take while a debugger can be attached: a breakpoint takes time."""


@dataclass(frozen=True)
class Debugger:
    """The debugger's port, the folder of the package debugpy, and the source folders.

    `sources` has pairs of a folder that a person edits and the folder in Lambda that it is copied
    to, below /var/task or /opt. Breakpoints are set in the first and reached in the second.
    """

    port: int
    package: str
    sources: tuple[tuple[str, str], ...]

    def paths(self, task_folder: Path, layers_folder: Path) -> list[list[str]]:
        """Pairs of a source folder and the folder on this machine that the function runs."""
        mounted = {"/var/task": str(task_folder), "/opt": str(layers_folder)}
        return [
            [source, mounted[root] + copy.removeprefix(root)]
            for source, copy in self.sources
            for root in mounted
            if copy == root or copy.startswith(f"{root}/")
        ]


def write(file: Path, function: str, debugger: Debugger) -> None:
    """Write which function has a debugger, by its name in Lambda."""
    file.write_text(json.dumps({"function": function, **asdict(debugger)}))


def read(file: Path) -> tuple[str, Debugger] | None:
    """The function with a debugger, and the debugger; None if no function has one."""
    if not file.exists():
        return None
    found = json.loads(file.read_text())
    sources = tuple((source, copy) for source, copy in found["sources"])
    return found["function"], Debugger(found["port"], found["package"], sources)
