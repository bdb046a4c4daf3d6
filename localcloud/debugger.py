"""Gives one function of a running application a debugger, to which any DAP client can attach."""

import importlib.util
import sys
from typing import Final

from rich.console import Console

from localcloud.application import Application
from localcloud.artifacts import artifacts
from localcloud.cloud import CloudError, listening_error
from localcloud.execution import debugging
from localcloud.execution.debugging import Debugger
from localcloud.ministack.own_requests import DEBUGGER
from localcloud.running_application import RunningApplication
from localcloud.source_files import Copies
from localcloud.templates import require_function

_DEFAULT_PORT: Final = 5678


def check(application: Application, function: str, port: int | None) -> None:
    """Find before the build what would prevent `start`.

    Raises:
        CloudError: the system is not Linux, the template has no such function, debugpy is not
            installed, or the port is in use.
    """
    if sys.platform != "linux":
        raise CloudError(f"--debug needs Linux: on {sys.platform} no function can be debugged.")
    require_function(application.template, application.parameters, function)
    _package()
    if error := listening_error("127.0.0.1", port or _DEFAULT_PORT):
        raise CloudError(
            f"The debugger cannot listen on port {port or _DEFAULT_PORT}: {error}."
            f" Choose another with --debug {function}:PORT."
        )


def start(running: RunningApplication, function: str, port: int | None, console: Console) -> None:
    """Have debugpy listen in the function's execution environment, on a port of this machine.

    Raises:
        CloudError: the stack has no such function, it is not in Python, or debugpy did not start.
    """
    port = port or _DEFAULT_PORT
    name = running.stack.function_name(function)
    runtime = running.stack.functions()[function].get("Runtime", "")
    if not runtime.startswith("python"):
        raise CloudError(f"{function} has the runtime {runtime}: debugpy debugs Python only.")
    sources = _sources(running, function)
    file = running.cloud.folder / "tmp" / debugging.FILE
    debugging.write(file, name, Debugger(port, _package(), sources))
    running.cloud.post(DEBUGGER, f"The debugger of {function} did not start")
    console.print(
        f"Debugger: {function} on 127.0.0.1:{port}. Its timeout and memory limit are suspended, and"
        " its invocations wait for each other.",
        soft_wrap=True,
    )


def _package() -> str:
    debugpy = importlib.util.find_spec("debugpy")
    if debugpy is None or not debugpy.submodule_search_locations:
        raise CloudError("The package debugpy is not installed. `make install` installs it.")
    return debugpy.submodule_search_locations[0]


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
