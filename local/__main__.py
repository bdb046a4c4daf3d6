"""`python -m local`: what the Makefile's targets of the laptop cloud run."""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from local import deployment, logs
from local.cloud import DEFAULT_PORT, STATE, Cloud, CloudError, end, running
from local.demo import api_host, demo
from local.event_sources import poller
from local.event_sources.engine import Counters
from local.event_sources.poller import EventSources
from local.gallery import GalleryError
from local.sam_local import invoke, prepare
from ops import redrive

NOT_AS_ON_AWS = """\
Not as on AWS: the gateway checks no request bodies (the function does) and throttles nothing,
buckets and queues may be spoken to in plain HTTP, and nothing is kept when the cloud ends."""


def main() -> int:
    """Run one command; the exit status is 0 only if it did all it was asked for."""
    parser = argparse.ArgumentParser(prog="python -m local")
    commands = ["build", "demo", "up", "down", "invoke", "redrive"]
    parser.add_argument("command", choices=commands)
    parser.add_argument("function", nargs="?", help="to invoke, by its logical id")
    parser.add_argument("event", nargs="?", type=Path, help="to invoke it with, a file of events/")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT)
    parser.add_argument("--host", type=_address, default="127.0.0.1", help="where to listen")
    arguments, others = parser.parse_known_args()
    if others and arguments.command != "redrive":
        parser.error(f"unknown: {' '.join(others)}")
    cloud = Cloud(arguments.host, arguments.port)
    console = Console(highlight=False)
    own_environment = dict(os.environ)
    os.environ.clear()
    os.environ.update(cloud.environment)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        match arguments.command:
            case "build":
                _build(own_environment, console)
            case "demo":
                return _demo(cloud, own_environment, console)
            case "up":
                _up(cloud, own_environment, console)
            case "down":
                _down(cloud, console)
            case "redrive":
                return redrive.main(["--stack", deployment.STACK, *others])
            case "invoke":
                return invoke(cloud, arguments.function, arguments.event, own_environment)
    except (CloudError, GalleryError, TimeoutError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    except OSError as error:
        console.print(f"[bold red]✗[/] {error.strerror}: {error.filename or STATE}")
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted. Nothing is left running.")
        return 130
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 1 to 65535")
    return int(text)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:  # an empty one too, which would mean every interface
        message = f"{text!r} is no IP address of this machine, such as 127.0.0.1"
        raise argparse.ArgumentTypeError(message) from None


def _demo(cloud: Cloud, own_environment: dict[str, str], console: Console) -> int:
    started = time.monotonic()
    with _gallery(cloud, own_environment, console) as (stack, event_sources):
        good = demo(cloud, stack, event_sources, console)
    seconds = time.monotonic() - started
    if good:
        console.print(f"[green]✓[/] Everything came through ({seconds:.0f} s in all).")
        return 0
    console.print("[bold red]✗[/] Not everything came through as it should.")
    console.print(f"  The logs in {cloud.folder} say what the cloud did.")
    return 1


def _up(cloud: Cloud, own_environment: dict[str, str], console: Console) -> None:
    with _gallery(cloud, own_environment, console) as (stack, event_sources):
        prepare(cloud, stack)
        console.print(f"""
[bold]API[/]      http://{api_host(cloud, stack)}/api
[bold]AWS[/]      {cloud.endpoint}
[bold]try[/]      curl http://{api_host(cloud, stack)}/api/health

[dim]{NOT_AS_ON_AWS}[/]

Function logs follow; Ctrl-C ends the cloud.
""")
        groups = {
            value: name.removesuffix("LogGroupName")
            for name, value in stack.items()
            if name.endswith("LogGroupName")
        }
        counted: dict[str, Counters] = {}
        try:
            for news in logs.follow(cloud, groups):
                for function, message in news:
                    if line := logs.summary(message):
                        console.print(f"[cyan]{function:18}[/] {escape(line)}", soft_wrap=True)
                counted = _show_counters(event_sources, counted, console)
        except KeyboardInterrupt:
            console.print("\nEnding the cloud.")


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
        sizes = deployment.build(own_environment, status)
    for name, megabytes in sizes.items():
        console.print(f"  [dim]{name:22}{megabytes * 1024:>10,.0f} kB[/]")


@contextlib.contextmanager
def _gallery(
    cloud: Cloud, own_environment: dict[str, str], console: Console
) -> Iterator[tuple[dict[str, str], EventSources]]:
    with contextlib.ExitStack() as cleanup:
        with _stage(console, "laptop cloud"):
            cleanup.enter_context(running(cloud))
        with deployment.building():
            _build(own_environment, console)
            with _stage(console, "sam deploy") as status:
                stack = deployment.deploy(cloud, status)
        yield stack, cleanup.enter_context(poller.running(cloud))


@contextlib.contextmanager
def _stage(console: Console, name: str) -> Iterator[deployment.Report]:
    started = time.monotonic()
    with console.status(name) as status:
        yield lambda detail: status.update(f"{name} [dim]{escape(detail)}[/]")
    console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - started:.1f} s[/]")


if __name__ == "__main__":
    sys.exit(main())
