"""Gives one function of a running application a debugger, to which any DAP client can attach."""

import importlib.util
import sys
from typing import Final

from rich.console import Console

from localcloud.artifacts import artifacts
from localcloud.cloud import CloudError, listening_error
from localcloud.execution import debugging
from localcloud.execution.debugging import Debugger
from localcloud.ministack.own_requests import DEBUGGER
from localcloud.running_application import RunningApplication
from localcloud.source_files import Copies

_DEFAULT_PORT: Final = 5678


def start(running: RunningApplication, function: str, port: int | None, console: Console) -> None:
    """Have debugpy listen in the function's execution environment, on a port of this machine.

    Raises:
        CloudError: the system is not Linux, the stack has no such function, it is not in Python,
            debugpy is not installed, or the port is in use.
    """
    if sys.platform != "linux":
        raise CloudError(f"--debug needs Linux: on {sys.platform} no function can be debugged.")
    port = port or _DEFAULT_PORT
    name = running.stack.function_name(function)
    runtime = running.stack.functions()[function].get("Runtime", "")
    if not runtime.startswith("python"):
        raise CloudError(f"{function} has the runtime {runtime}: debugpy debugs Python only.")
    debugpy = importlib.util.find_spec("debugpy")
    if debugpy is None or not debugpy.submodule_search_locations:
        raise CloudError("The package debugpy is not installed. `make install` installs it.")
    if error := listening_error("127.0.0.1", port):
        raise CloudError(
            f"The debugger cannot listen on port {port}: {error}."
            f" Choose another with --debug {function}:PORT."
        )
    sources = _sources(running, function)
    package = debugpy.submodule_search_locations[0]
    file = running.cloud.folder / "tmp" / debugging.FILE
    debugging.write(file, name, Debugger(port, package, sources))
    running.cloud.post(DEBUGGER, f"The debugger of {function} did not start")
    console.print(
        f"Debugger: {function} on 127.0.0.1:{port}. Its timeout and memory limit are suspended, and"
        " its invocations wait for each other.",
        soft_wrap=True,
    )


def _sources(running: RunningApplication, function: str) -> tuple[tuple[str, str], ...]:
    """Folders of the function and of layers, and where Lambda has their copies."""
    found: list[tuple[str, str]] = []
    functions = running.stack.functions()
    for artifact in artifacts(running.application):
        if artifact.logical_id in functions and artifact.logical_id != function:
            continue
        root = "/var/task" if artifact.logical_id == function else "/opt"
        copies = Copies.of(artifact.source, artifact.built)
        found += [
            (str(copies.source / folder), f"{root}/{copy}".removesuffix("/."))
            for folder, copy in copies.folders.items()
        ]
    return tuple(sorted(found, key=lambda each: len(each[0]), reverse=True))
