"""`python -m demo`: what the Makefile's targets of the laptop cloud run."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from demo import application, log_lines
from demo.client import GalleryError
from demo.demo import demo
from demo.deployed_gallery import DeployedGallery
from demo.sample_event import put_photo_of_sample_event
from demo.sign_in import PASSWORD, USER, make_user, sign_in
from localcloud import cloudfront, deployment, logs, sam_local
from localcloud.cloud import DEFAULT_PORT, STATE, Cloud, CloudError, end, require_owner, running
from localcloud.event_sources import poller
from localcloud.event_sources.engine import Counters
from localcloud.event_sources.poller import EventSources
from ops import dashboard, publish_site, redrive, report, trace
from ops.publish_site import PublishingError

NOT_AS_ON_AWS = """\
Not as on AWS: the gateway checks no request bodies (the function does) and throttles nothing,
buckets and queues may be spoken to in plain HTTP, and nothing is kept when the cloud ends."""

OPERATOR_TOOLS: Final[dict[str, Callable[[list[str]], int]]] = {
    "dashboard": dashboard.main,
    "redrive": redrive.main,
    "report": report.main,
    "trace": trace.main,
}
"""The same as for a stack in an account; what follows their names is theirs."""

_interrupted: Final = threading.Event()


def main() -> int:
    """Run one command; the exit status is 0 only if it did all it was asked for."""
    parser = argparse.ArgumentParser(prog="python -m demo")
    parser.add_argument(
        "command", choices=["build", "demo", "up", "down", "invoke", *OPERATOR_TOOLS]
    )
    parser.add_argument("function", nargs="?", help="to invoke, by its logical id")
    parser.add_argument("event", nargs="?", type=Path, help="to invoke it with, a file of events/")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT)
    parser.add_argument("--edge-port", type=_port, help="of the page; one above --port")
    parser.add_argument("--host", type=_address, default="127.0.0.1", help="where to listen")
    given = sys.argv[1:]
    behind_tool = next((n for n, word in enumerate(given, 1) if word in OPERATOR_TOOLS), len(given))
    arguments = parser.parse_args(given[:behind_tool])
    cloud = Cloud(arguments.host, arguments.port)
    edge_port = arguments.edge_port or arguments.port + 1
    console = Console(highlight=False)
    own_environment = dict(os.environ)
    os.environ.clear()
    os.environ.update(cloud.environment)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGINT, _interrupt)
    try:
        match arguments.command:
            case "build":
                _build(own_environment, console)
            case "demo":
                return _demo(cloud, edge_port, own_environment, console)
            case "up":
                _up(cloud, edge_port, own_environment, console)
            case "down":
                _down(cloud, console)
            case tool if tool in OPERATOR_TOOLS:
                require_owner(cloud)
                options = given[behind_tool:]
                return OPERATOR_TOOLS[tool](["--stack", application.STACK, *options])
            case "invoke":
                parameters = application.parameters(cloud)
                function, event = arguments.function, arguments.event
                return sam_local.invoke(cloud, function, event, parameters, own_environment)
    except (CloudError, GalleryError, PublishingError, TimeoutError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    except OSError as error:
        console.print(f"[bold red]✗[/] {error.strerror}: {error.filename or STATE}")
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted. Nothing is left running.")
        return 130
    return 0


def _interrupt(*_: object) -> None:
    _interrupted.set()
    raise KeyboardInterrupt


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f"invalid port {text!r}: expected 1 to 65535")
    return int(text)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:  # an empty one too, which would mean every interface
        message = f"invalid IP address {text!r}: expected one of this machine, such as 127.0.0.1"
        raise argparse.ArgumentTypeError(message) from None


def _demo(cloud: Cloud, edge_port: int, own_environment: dict[str, str], console: Console) -> int:
    started = time.monotonic()
    with _gallery(cloud, edge_port, own_environment, console) as deployed:
        good = demo(deployed, console)
    seconds = time.monotonic() - started
    if good:
        console.print(f"[green]✓[/] Everything came through ({seconds:.0f} s in all).")
        return 0
    console.print("[bold red]✗[/] Not everything came through as it should.")
    console.print(f"  The logs in {cloud.folder} say what the cloud did.")
    return 1


def _up(cloud: Cloud, edge_port: int, own_environment: dict[str, str], console: Console) -> None:
    with _gallery(cloud, edge_port, own_environment, console) as deployed:
        sam_local.write_environments(cloud, application.STACK)
        put_photo_of_sample_event(cloud, deployed.outputs)
        try:
            console.print(f"""
[bold]the page[/]  {deployed.url}
[bold]sign in[/]   {USER} with the password [bold]{PASSWORD}[/]
[bold]API[/]       {deployed.url}/api
[bold]AWS[/]       {cloud.endpoint}

[dim]{NOT_AS_ON_AWS}[/]

Function logs follow; Ctrl-C ends the cloud.
""")
            _open_browser(deployed.url, own_environment)
            _follow(deployed, console)
        except KeyboardInterrupt:
            console.print("\nEnding the cloud.")


def _follow(deployed: DeployedGallery, console: Console) -> None:
    """Show what the functions log and the streams deliver, for ever."""
    groups = {
        value: name.removesuffix("LogGroupName")
        for name, value in deployed.outputs.items()
        if name.endswith("LogGroupName")
    }
    counted: dict[str, Counters] = {}
    for news in logs.follow(deployed.cloud, groups):
        if _interrupted.is_set():  # while Python was where it drops exceptions, as in a finalizer
            raise KeyboardInterrupt
        for function, message in news:
            if line := log_lines.summary(message):
                console.print(f"[cyan]{function:18}[/] {escape(line)}", soft_wrap=True)
        counted = _show_counters(deployed.event_sources, counted, console)


def _open_browser(url: str, own_environment: Mapping[str, str]) -> None:
    """On a desktop; elsewhere the address is enough."""
    desktop = sys.platform == "darwin" or own_environment.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}
    if desktop and sys.stdout.isatty():
        command = [sys.executable, "-m", "webbrowser", url]
        subprocess.run(command, env=own_environment, check=False, capture_output=True)


def _show_counters(
    event_sources: EventSources, before: dict[str, Counters], console: Console
) -> dict[str, Counters]:
    now = {arn: replace(counters) for arn, counters in event_sources.counters().items()}
    for arn, counters in now.items():
        if counters != before.get(arn, Counters()):
            console.print(
                f"[magenta]stream → {_logical_id(arn)}[/] {counters.processed:,} records,"
                f" {counters.invocations:,} invocations, {counters.retries:,} retries,"
                f" {counters.discarded:,} discarded",
                soft_wrap=True,
            )
    return now


def _logical_id(function_arn: str) -> str:
    """Of `…:function:STACK-LogicalId-RANDOM[:alias]`, as CloudFormation names functions."""
    return function_arn.split(":")[6].split("-")[-2]


def _down(cloud: Cloud, console: Console) -> None:
    if end(cloud):
        console.print(f"The laptop cloud on port {cloud.port} has ended.")
    else:
        console.print(f"No laptop cloud runs on port {cloud.port}.")


def _build(own_environment: dict[str, str], console: Console) -> None:
    with _stage(console, "sam build") as status:
        sizes = application.build(own_environment, status)
    for name, megabytes in sizes.items():
        console.print(f"  [dim]{name:22}{megabytes * 1024:>10,.0f} kB[/]")


@contextlib.contextmanager
def _gallery(
    cloud: Cloud, edge_port: int, own_environment: dict[str, str], console: Console
) -> Iterator[DeployedGallery]:
    with contextlib.ExitStack() as cleanup:
        with _stage(console, "laptop cloud"):
            cleanup.enter_context(running(cloud))
        with cloudfront.listening(cloud, edge_port):
            pass  # better told now than after the deployment, if the port is taken
        with deployment.building():
            _build(own_environment, console)
            with _stage(console, "sam deploy") as status:
                outputs = application.deploy(cloud, status)
        event_sources = cleanup.enter_context(poller.running(cloud))
        with _stage(console, "page, user and CloudFront"):
            make_user(cloud, outputs)
            publish_site.publish(
                publish_site.Site(cloud.client("s3"), cloud.client("cloudfront"), outputs)
            )
            url = cleanup.enter_context(cloudfront.running(cloud, edge_port)).url
        yield DeployedGallery(
            cloud, outputs, event_sources, url, sign_in(cloud, outputs)["IdToken"]
        )


@contextlib.contextmanager
def _stage(console: Console, name: str) -> Iterator[deployment.Report]:
    started = time.monotonic()
    with console.status(name) as status:
        yield lambda detail: status.update(f"{name} [dim]{escape(detail)}[/]")
    console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - started:.1f} s[/]")


if __name__ == "__main__":
    sys.exit(main())
