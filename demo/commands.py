"""The commands of the Makefile's targets for the laptop cloud."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from demo import application, log_lines
from demo.client import GalleryError
from demo.demo import demo
from demo.deployed_gallery import DeployedGallery
from demo.sample_photos import put_sample_photos
from demo.sign_in import PASSWORD, USER, make_user, sign_in
from localcloud import debugger, invocation, logs, sam_local, signals
from localcloud.arguments import DEFAULT_PORT, function_and_port, listening_address, port_number
from localcloud.cloud import (
    STATE,
    AlreadyRunningError,
    Cloud,
    CloudError,
    NotRunningError,
    PortError,
    end,
    running_on,
)
from localcloud.console import command_console
from localcloud.running_application import RunningApplication, build, running_application, step
from localcloud.source_watch import SourceWatch, watching
from localcloud.stack import Stack
from localcloud.templates import require_function
from ops import dashboard, redrive, report, trace
from ops.publish_site import PublishingError

NOT_AS_ON_AWS = """\
Not as on AWS: everything speaks plain HTTP, the API's throttling limits per method have no \
effect, and nothing is kept when the laptop cloud ends."""

OPERATOR_TOOLS: Final[dict[str, Callable[[list[str]], int]]] = {
    "dashboard": dashboard.main,
    "redrive": redrive.main,
    "report": report.main,
    "trace": trace.main,
}
"""Commands that also work on a stack in an account; they get all further arguments."""


def main() -> int:
    """Run one command; the exit status is 0 only if it did what was asked."""
    # A person runs targets of the Makefile, so an error is one sentence without these options.
    parser = argparse.ArgumentParser(prog="python -m demo", usage=argparse.SUPPRESS)
    parser.add_argument(
        "command", choices=["build", "demo", "up", "down", "invoke", *OPERATOR_TOOLS]
    )
    parser.add_argument(
        "function", nargs="?", default="", help="the logical id of the function to invoke"
    )
    parser.add_argument(
        "event", nargs="?", default="", help="the event to invoke it with: a file of events/"
    )
    parser.add_argument("--port", type=port_number, default=DEFAULT_PORT)
    parser.add_argument(
        "--edge-port", type=port_number, help="port of the page; default: the port after --port"
    )
    parser.add_argument(
        "--host", type=listening_address, default="127.0.0.1", help="the address to listen on"
    )
    parser.add_argument(
        "--debug",
        type=function_and_port,
        metavar="FUNCTION[:PORT]",
        help="with up: have a debugger listen in this function",
    )
    given = sys.argv[1:]
    own_count = len(given)  # an operator's tool gets the arguments after its name
    for number, word in enumerate(given, 1):
        if word in OPERATOR_TOOLS:
            own_count = number
            break
    arguments = parser.parse_args(given[:own_count])
    cloud = Cloud(arguments.host, arguments.port)
    edge_port = arguments.edge_port or arguments.port + 1
    console = command_console()
    own_environment = dict(os.environ)
    os.environ.clear()
    os.environ.update(cloud.environment)
    signals.end_on_signals(arguments.command)
    try:
        match arguments.command:
            case "build":
                environment = application.build_environment(own_environment)
                with application.gallery(cloud).building():
                    build(application.gallery(cloud), environment, console)
            case "demo":
                return _demo(cloud, edge_port, own_environment, console)
            case "up":
                _up(cloud, edge_port, arguments.debug, own_environment, console)
            case "down":
                _down(cloud, console)
            case tool if tool in OPERATOR_TOOLS:
                os.environ.update(running_on(cloud.port).environment)
                options = given[own_count:]
                return OPERATOR_TOOLS[tool](["--stack", application.STACK, *options])
            case "invoke":
                function = arguments.function
                gallery = application.gallery(cloud)
                require_function(gallery.template, gallery.parameters, function)
                event = _event_file(arguments.event)
                return _invoke(running_on(cloud.port), function, event, own_environment, console)
    except (CloudError, GalleryError, PublishingError, TimeoutError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}{_make_advice(error, cloud)}")
        return 1
    except OSError as error:
        console.print(f"[bold red]✗[/] {error.strerror}: {error.filename or STATE}")
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted. Nothing is left running.")
        return 130
    return 0


def _make_advice(error: Exception, cloud: Cloud) -> str:
    """What to do about an error of the laptop cloud, with targets and variables of the Makefile."""
    port = f" PORT={cloud.port}" if cloud.port != DEFAULT_PORT else ""
    match error:
        case AlreadyRunningError():
            return f" `make down{port}` ends it; PORT={cloud.port + 10} chooses another port."
        case NotRunningError():
            return f" `make up{port}` starts one."
        case PortError():
            return " PORT=, EDGE_PORT= and HOST= choose them."
        case sam_local.UnreachableError():
            again = f"`make down{port}`, then `make up{port} HOST=172.17.0.1`"
            return f" {again} starts it on the usual address of Docker's bridge."
        case _:
            return ""


def _demo(cloud: Cloud, edge_port: int, own_environment: dict[str, str], console: Console) -> int:
    started = time.monotonic()
    with _gallery(cloud, edge_port, own_environment, console) as (_, deployed):
        all_as_expected = demo(deployed, console)
    seconds = time.monotonic() - started
    if all_as_expected:
        console.print(f"[green]✓[/] All results are as expected ({seconds:.0f} s in all).")
        return 0
    console.print("[bold red]✗[/] Not all results are as expected.")
    console.print(f"  The logs in {cloud.folder} say what the cloud did.")
    return 1


def _up(
    cloud: Cloud,
    edge_port: int,
    debugged: tuple[str, int | None] | None,
    own_environment: dict[str, str],
    console: Console,
) -> None:
    if debugged:
        debugger.check(application.gallery(cloud), *debugged)
    with _gallery(cloud, edge_port, own_environment, console) as (running, deployed):
        sam_local.write_environments(cloud, application.STACK)
        put_sample_photos(cloud, deployed.outputs)
        environment = application.build_environment(own_environment)
        try:
            with watching(running, environment, console) as watch:
                _show(deployed, cloud, console)
                if debugged:
                    debugger.start(running, *debugged, console)
                _open_browser(deployed.url, own_environment)
                _follow(running, watch, console)
        except KeyboardInterrupt:
            console.print("\nEnding the cloud.")


def _show(deployed: DeployedGallery, cloud: Cloud, console: Console) -> None:
    console.print(f"""
[bold]the page[/]  {deployed.url}
[bold]sign in[/]   {USER} with the password [bold]{PASSWORD}[/]
[bold]API[/]       {deployed.url}/api
[bold]AWS[/]       {cloud.endpoint}

[dim]{NOT_AS_ON_AWS}[/]

Saved code runs at the next request. Function logs follow; Ctrl-C ends the cloud.
""")


def _follow(running: RunningApplication, watch: SourceWatch, console: Console) -> None:
    """Print the functions' logs and the deliveries of the stream mappings, until Ctrl-C."""
    deliveries = logs.Deliveries(running.event_sources, running.stack.logical_ids())
    for news in logs.follow(running.cloud, running.stack.log_groups):
        signals.raise_if_interrupted()
        for function, message in news:
            if line := log_lines.summary(message):
                name = function.removesuffix("Function")
                console.print(f"[cyan]{name:18}[/] {escape(line)}", soft_wrap=True)
        for line in deliveries.news():
            console.print(f"[magenta]{escape(line)}[/]", soft_wrap=True)
        watch.deploy_if_asked()


def _open_browser(url: str, own_environment: Mapping[str, str]) -> None:
    """Open the page in a browser on a desktop; elsewhere do nothing."""
    desktop = sys.platform == "darwin" or own_environment.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}
    if desktop and sys.stdout.isatty():
        command = [sys.executable, "-m", "webbrowser", url]
        subprocess.run(command, env=own_environment, check=False, capture_output=True)


def _event_file(name: str) -> Path:
    """Check the event before it is known whether there is a cloud and a Docker engine."""
    event = Path(name)
    if not event.exists() or event.is_dir():
        raise CloudError(
            f"There is no event file '{name}'. EVENT= names one; events/README.md lists them."
        )
    if event.is_file():  # a pipe can be read only once
        try:
            json.loads(event.read_bytes())
        except ValueError as error:
            raise CloudError(f"The event {event} is not JSON: {error}.") from None
    return event


def _invoke(
    cloud: Cloud, function: str, event: Path, own_environment: dict[str, str], console: Console
) -> int:
    """Run `sam local invoke`, or without a Docker engine the runtime client on this machine."""
    name = Stack(cloud, application.STACK).function_name(function)
    if sam_local.has_docker(own_environment):
        gallery = application.gallery(cloud)
        return sam_local.invoke(cloud, gallery, function, event, own_environment)
    os.environ.update(cloud.environment)
    console.print(
        "[yellow]![/] There is no Docker engine: the function runs in Lambda's runtime client,"
        " but on this machine and not in Lambda's container image.",
        soft_wrap=True,
    )
    return invocation.show(invocation.invoke(cloud, name, event.read_bytes()))


def _down(cloud: Cloud, console: Console) -> None:
    if end(cloud):
        console.print(f"The laptop cloud on port {cloud.port} has ended.")
    else:
        console.print(f"No laptop cloud runs on port {cloud.port}.")


@contextlib.contextmanager
def _gallery(
    cloud: Cloud, edge_port: int, own_environment: dict[str, str], console: Console
) -> Iterator[tuple[RunningApplication, DeployedGallery]]:
    environment = application.build_environment(own_environment)
    gallery = application.gallery(cloud)
    with running_application(gallery, cloud, edge_port, environment, console) as running:
        if not running.distributions:
            raise CloudError(
                "The gallery's CloudFront distribution is not served. The line with ! above says"
                f" why; the logs are in {cloud.folder}."
            )
        [url] = running.distributions.values()
        with step(console, "page and user"):
            make_user(cloud, running.outputs)
            application.publish_page(cloud, running.outputs, USER, PASSWORD)
            token = sign_in(cloud, running.outputs)["IdToken"]
        yield (
            running,
            DeployedGallery(cloud, running.outputs, running.event_sources, url, token),
        )
