"""Start a function as Lambda does, by its real runtime client, and measure the start.

A start is a new process that runs until the client asks for an invocation, or until it has answered
one. No process writes bytecode, because Lambda's folders of code are read-only.
"""

import json
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from samcli.yamlhelper import yaml_parse

from localcloud import execution
from localcloud.cloud import RUNTIME_PYTHON

LAUNCHER: Final = Path(execution.__file__).with_name("launcher.py")
SECONDS: Final = 300  # of one start
ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_SESSION_TOKEN": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}
SETTINGS: Final = {
    "API_CALLERS": "anyone",
    "REPEATED_VIEWS": "counted",
    "LOGGED_FRACTION": "1",
    "POWERTOOLS_METRICS_NAMESPACE": "Bench",
    "POWERTOOLS_SERVICE_NAME": "bench",
}
# As the launcher, but it ends instead of asking for an invocation.
INITIALIZE: Final = """
import os, sys
import awslambdaric.__main__
from awslambdaric import bootstrap
task, layers = sys.argv[1:3]
sys.path[:0] = [task, layers]
opened = set()
sys.addaudithook(lambda name, values: opened.add(values[0]) if name == "open" else None)
with open("/proc/self/io", "rb", buffering=0) as io:
    before, loaded = io.read(), len(sys.modules)
    bootstrap._get_handler(os.environ["_HANDLER"])
    io.seek(0)
    after = io.read()
if len(sys.argv) > 3:
    import json
    read = [int(each.split()[1]) for each in (before, after)]
    print(json.dumps({
        "modules": len(sys.modules) - loaded,
        "files": len(opened),
        "bytes": read[1] - read[0] - len(before),
        "from": sorted({
            module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)
        }),
    }))
"""


@dataclass(frozen=True)
class MeasuredFunction:
    """What Lambda starts: folder of the code, folder of the layers' packages, and settings."""

    handler: str
    task: Path
    layers: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        return {
            **ENVIRONMENT,
            **self.environment,
            "_HANDLER": self.handler,
            "LAMBDA_TASK_ROOT": str(self.task),
        }


def built_functions(build: Path, merged: Path) -> dict[str, MeasuredFunction]:
    """The functions that sam build has built, by the name of their folder in functions/.

    `merged` gets a folder of links for each of them, because Lambda puts all layers into /opt.
    """
    resources = yaml_parse((build / "template.yaml").read_text())
    shared = [layer["Ref"] for layer in resources["Globals"]["Function"]["Layers"]]
    found = {}
    for name, resource in resources["Resources"].items():
        if resource.get("Type") != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        declared = properties.get("Environment", {}).get("Variables", {})
        own = [layer["Ref"] for layer in properties.get("Layers", [])]
        layers = own if "IgnoreGlobals" in resource else [*shared, *own]
        packages = merged / name / "python"
        (packages / "__pycache__").mkdir(parents=True)
        for layer in layers:
            for path in (build / layer / "python").iterdir():
                inner = path.iterdir() if path.name == "__pycache__" else [path]
                for each in inner:
                    (packages / each.relative_to(build / layer / "python")).symlink_to(each)
        folder = properties["Handler"].split(".")[0]
        environment = dict.fromkeys(declared, "bench") | SETTINGS
        found[folder] = MeasuredFunction(properties["Handler"], build / name, packages, environment)
    return found


@dataclass(frozen=True)
class Start:
    """One start; the CPU time is that of all its threads."""

    seconds: float
    cpu_seconds: float
    resident_bytes: int


@dataclass(frozen=True)
class Counts:
    """What the import of a handler does on top of the runtime client: the same on every machine."""

    modules: int
    files: int
    bytes: int


def measured_start(function: MeasuredFunction, event: Any = None) -> Start:
    """Start the function until it asks for an invocation; with `event`, until it has answered it.

    Raises:
        RuntimeError: it fails.
    """
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.TemporaryFile() as log:
        server.settimeout(SECONDS)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        started = time.perf_counter()
        process = subprocess.Popen(
            [RUNTIME_PYTHON, "-I", "-B", LAUNCHER, *opt(function)],
            env={**function.variables, "AWS_LAMBDA_RUNTIME_API": address},
            stdout=log,
            stderr=log,
        )
        try:
            for method, path, connection in requests(server):
                if method == "GET" and event is not None:
                    send_invocation(connection, event)
                elif path.endswith(("/next", "/response")):
                    seconds = time.perf_counter() - started
                    return Start(seconds, cpu_seconds(process.pid), resident(process.pid))
                else:
                    break
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        raise RuntimeError(f"{function.handler} fails: {log.read().decode()}")


def opt(function: MeasuredFunction) -> list[str]:
    """The folder that has `python` in it, Lambda's /opt."""
    return [str(function.layers.parent)]


def requests(server: socket.socket) -> Iterator[tuple[str, str, socket.socket]]:
    """Method and path of each request, and the connection that waits for the answer."""
    while True:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(SECONDS)
            while head := connection.recv(65536):
                method, path, _ = head.decode(errors="replace").split(" ", 2)
                yield method, path, connection


def send_invocation(connection: socket.socket, event: Any) -> None:
    body = json.dumps(event).encode()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nLambda-Runtime-Aws-Request-Id: bench\r\n"
        f"Lambda-Runtime-Deadline-Ms: {int((time.time() + SECONDS) * 1000)}\r\n"
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:b\r\n"
        "\r\n"
    )
    connection.sendall(head.encode() + body)


def cpu_seconds(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in tasks) / 1e9


def resident(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def counted(function: MeasuredFunction) -> tuple[Counts, list[str]]:
    """What the start imports and reads, and the files of all modules."""
    done = subprocess.run(
        [*initialization(function), "print"],
        env=function.variables,
        check=True,
        capture_output=True,
    )
    found = json.loads(done.stdout)
    return Counts(found["modules"], found["files"], found["bytes"]), found["from"]


def instructions(function: MeasuredFunction) -> int:
    """The instructions of a start as valgrind counts them: almost the same on every run."""
    with tempfile.NamedTemporaryFile() as file:
        command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--error-exitcode=0"]
        done = subprocess.run(
            [*command, f"--cachegrind-out-file={file.name}", *initialization(function)],
            env={**function.variables, "PATH": os.environ["PATH"]},
            check=True,
            capture_output=True,
            text=True,
        )
    found = re.search(r"I +refs: +([\d,]+)", done.stderr)
    if not found:
        raise RuntimeError(f"valgrind counts no instructions: {done.stderr}")
    return int(found[1].replace(",", ""))


def initialization(function: MeasuredFunction) -> list[str]:
    python = str(RUNTIME_PYTHON)
    return [python, "-I", "-B", "-c", INITIALIZE, str(function.task), str(function.layers)]


def compile_runtime() -> None:
    """Write the bytecode of the runtime client, which Lambda has; the installation writes none."""
    packages = RUNTIME_PYTHON.parents[1] / "lib"
    subprocess.run([RUNTIME_PYTHON, "-m", "compileall", "-q", packages], check=True)


def drop_from_page_cache(*folders: Path) -> None:
    """Remove the files of these folders from the page cache, except those that are mapped."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(descriptor)
