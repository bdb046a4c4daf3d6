"""Runs an application on a laptop cloud of its own: starts, builds, deploys and ends both."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from localcloud import cloudfront, deployment, owners
from localcloud.application import Application
from localcloud.arguments import LAST_PORT
from localcloud.cloud import Cloud, CloudError, PortError, running
from localcloud.deployment import Report
from localcloud.event_sources import poller
from localcloud.event_sources.poller import EventSources
from localcloud.execution import cgroups
from localcloud.stack import Stack
from localcloud.template_check import Checked, check

_DISTRIBUTION = "AWS::CloudFront::Distribution"


@dataclass(frozen=True)
class RunningApplication:
    """What is deployed: its stack, event source mappings, and distributions by logical id."""

    application: Application
    cloud: Cloud
    stack: Stack
    outputs: Mapping[str, str]
    event_sources: EventSources
    distributions: Mapping[str, str]


@contextlib.contextmanager
def running_application(
    application: Application,
    cloud: Cloud,
    cdn_port: int,
    own_environment: Mapping[str, str],
    console: Console,
) -> Iterator[RunningApplication]:
    """Check, start, build, deploy and run an application until the block ends.

    CloudFront serves the first distribution on `cdn_port`, the next on the next port.

    Raises:
        CloudError: one of the steps failed; the message says what to do.
    """
    _require_two_ports(cloud.port, cdn_port)
    with contextlib.ExitStack() as cleanup:
        memory = cleanup.enter_context(cgroups.delegated())
        with step(console, "laptop cloud"):
            cleanup.enter_context(running(cloud, memory.settings))
            application.outside.create(cloud)
        if sys.platform == "linux":
            console.print(f"  [dim]memory limit of functions: {escape(str(memory))}[/]")
        checked = check_and_show(application, cloud, console)
        if _DISTRIBUTION in checked.types:
            with cloudfront.listening(cdn_port):
                pass  # raises before the build if the port is in use
        owners.add(
            cloud.folder,
            template=application.template,
            stack=application.stack,
            parameters=application.parameters,
            builds=application.builds,
        )
        outputs = build_and_deploy(application, cloud, own_environment, console)
        event_sources = cleanup.enter_context(poller.running(cloud))
        stack = Stack(cloud, application.stack)
        distributions = {}
        found = stack.of_type(_DISTRIBUTION) if _DISTRIBUTION in checked.types else {}
        for number, (logical_id, distribution) in enumerate(found.items()):
            served = cloudfront.running(cloud, cdn_port + number, distribution)
            try:
                distributions[logical_id] = cleanup.enter_context(served).url
            except CloudError as error:
                console.print(f"[yellow]![/] {logical_id}: {escape(str(error))}")
        yield RunningApplication(application, cloud, stack, outputs, event_sources, distributions)


def _require_two_ports(port: int, cdn_port: int) -> None:
    if cdn_port == port:
        raise PortError(f"CloudFront and the AWS APIs cannot have the same port {port}.")
    if cdn_port > LAST_PORT:
        raise PortError(
            f"CloudFront needs a port, and there is none after {port}: choose another"
            f" one for it, or one of at most {LAST_PORT - 1} for the AWS APIs."
        )


def check_and_show(application: Application, cloud: Cloud, console: Console) -> Checked:
    """Print what is not as on AWS.

    Raises:
        CloudError: the template is not valid, or a resource would make the deployment fail.
    """
    checked = check(application, cloud)
    if checked.limitations:
        console.print(checked.table())
    checked.require_nothing_refused()
    return checked


def build_and_deploy(
    application: Application,
    cloud: Cloud,
    own_environment: Mapping[str, str],
    console: Console,
) -> dict[str, str]:
    """Build and deploy, and print the artifacts' sizes; returns the stack's outputs."""
    with application.building():
        build(application, own_environment, console)
        with step(console, "sam deploy") as status:
            return deployment.deploy(cloud, application, status)


def build(application: Application, own_environment: Mapping[str, str], console: Console) -> None:
    """Build, and print the artifacts' sizes."""
    with step(console, "sam build") as status:
        sizes = deployment.build(application, own_environment, status)
    width = max(map(len, sizes), default=0)
    for name, megabytes in sizes.items():
        console.print(f"  [dim]{name:{width}}{megabytes * 1024:>10,.0f} kB[/]")


@contextlib.contextmanager
def step(console: Console, name: str) -> Iterator[Report]:
    """Show that a step runs, and its duration once it has ended."""
    started = time.monotonic()
    with console.status(name) as status:
        yield lambda detail: status.update(f"{name} [dim]{escape(detail)}[/]")
    console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - started:.1f} s[/]")
