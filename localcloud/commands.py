"""The commands that run any SAM template on this machine."""

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from botocore.exceptions import ConnectionError as NotConnectedError
from botocore.exceptions import HTTPClientError
from rich.console import Console
from rich.markup import escape

from localcloud import debugger, invocation, logs, owners, signals
from localcloud.application import Application, default_stack_name
from localcloud.arguments import (
    function_and_port,
    listening_address,
    parameter,
    port_number,
)
from localcloud.cloud import (
    STATE,
    AlreadyRunningError,
    Cloud,
    CloudError,
    NotRunningError,
    end,
    free_port,
)
from localcloud.console import command_console
from localcloud.ministack.addresses import on_this_machine
from localcloud.outside_values import OutsideValues
from localcloud.running_application import (
    RunningApplication,
    build_and_deploy,
    check_and_show,
    running_application,
)
from localcloud.source_watch import SourceWatch, watching
from localcloud.stack import Stack
from localcloud.template_check import known_types

_FUNCTION: Final = "AWS::Lambda::Function"
_LISTED: Final = {
    _FUNCTION: "function",
    "AWS::StepFunctions::StateMachine": "state machine",
    "AWS::Scheduler::Schedule": "schedule",
    "AWS::Events::Rule": "rule",
    "AWS::DynamoDB::Table": "table",
    "AWS::Kinesis::Stream": "stream",
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::S3::Bucket": "bucket",
}


def main() -> int:
    """Run one command; the exit status is 0 only if it did what was asked."""
    arguments = _parser().parse_args()
    console = command_console()
    own_environment = dict(os.environ)
    os.environ.clear()
    signals.end_on_signals(arguments.command)
    try:
        match arguments.command:
            case "up":
                _up(arguments, own_environment, console)
                return 0
            case "types":
                console.print("\n".join(known_types()), soft_wrap=True)
                return 0
        cloud, owner = _running(arguments)
        os.environ.update(cloud.environment)
        match arguments.command:
            case "deploy":
                _deploy(arguments, cloud, owner, own_environment, console)
            case "logs":
                _logs(Stack(cloud, owner.stack), arguments.functions, console)
            case "invoke":
                return _invoke(Stack(cloud, owner.stack), arguments.function, arguments.event)
            case "down":
                end(cloud)
                console.print(f"The laptop cloud on port {cloud.port} has ended.")
    except CloudError as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    except (NotConnectedError, HTTPClientError) as error:
        console.print(f"[bold red]✗[/] The laptop cloud does not answer: {escape(str(error))}")
        return 1
    except OSError as error:
        console.print(f"[bold red]✗[/] {error.strerror}: {error.filename or STATE}")
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted.")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud")
    commands = parser.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--template", type=Path, default=Path("template.yaml"))
    shared.add_argument("--port", type=port_number, help="of the AWS APIs")
    name_and_value: dict[str, Any] = {
        "type": parameter,
        "action": "append",
        "default": [],
        "metavar": "NAME=VALUE",
    }
    given = argparse.ArgumentParser(add_help=False)
    given.add_argument("--parameter", **name_and_value)
    up = commands.add_parser("up", parents=[shared, given], help="run the application")
    up.add_argument("--cdn-port", type=port_number, help="of CloudFront")
    up.add_argument("--host", type=listening_address, default="127.0.0.1")
    up.add_argument("--stack-name")
    up.add_argument(
        "--ssm-parameter",
        help="a parameter of Parameter Store that the template reads",
        **name_and_value,
    )
    up.add_argument(
        "--export", help="an export of another stack that the template imports", **name_and_value
    )
    up.add_argument(
        "--debug",
        type=function_and_port,
        metavar="FUNCTION[:PORT]",
        help="have a debugger listen in this function",
    )
    commands.add_parser("deploy", parents=[shared, given], help="build and deploy again")
    follow = commands.add_parser("logs", parents=[shared], help="follow the functions' logs")
    follow.add_argument("functions", nargs="*", metavar="FUNCTION", help="logical ids")
    invoke = commands.add_parser("invoke", parents=[shared], help="run one function once")
    invoke.add_argument("function", metavar="FUNCTION", help="logical id")
    invoke.add_argument(
        "event", type=argparse.FileType("rb"), metavar="EVENT", help="a file of JSON, or -"
    )
    commands.add_parser("down", parents=[shared], help="end the laptop cloud")
    commands.add_parser("types", help="list the resource types that a deployment creates")
    return parser


def _running(arguments: argparse.Namespace) -> tuple[Cloud, owners.Owner]:
    """The laptop cloud for a command: the one on the given port, or the one of the template."""
    template = str(arguments.template.resolve())
    found = [
        (Cloud(owner.host, port), owner)
        for port, owner in owners.running(STATE)
        if port == arguments.port or (not arguments.port and owner.template == template)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        ports = " and ".join(str(cloud.port) for cloud, _ in found)
        raise CloudError(f"{template} runs on ports {ports}. Name one with --port.")
    what = f"on port {arguments.port}" if arguments.port else f"for {template}"
    raise NotRunningError(
        f"No laptop cloud runs {what}."
        f" `python -m localcloud up --template {arguments.template}` starts one."
    )


def _up(
    arguments: argparse.Namespace, own_environment: Mapping[str, str], console: Console
) -> None:
    template = arguments.template.resolve()
    application = Application(
        template,
        arguments.stack_name or default_stack_name(template),
        dict(arguments.parameter),
        outside=OutsideValues(dict(arguments.ssm_parameter), dict(arguments.export)),
    )
    while True:
        cloud = Cloud(arguments.host, arguments.port or free_port(arguments.host))
        try:
            _run(application, cloud, arguments, own_environment, console)
            return
        except AlreadyRunningError:
            if arguments.port:
                raise
            time.sleep(0.1)  # another laptop cloud started at the same time and has the port now


def _run(
    application: Application,
    cloud: Cloud,
    arguments: argparse.Namespace,
    own_environment: Mapping[str, str],
    console: Console,
) -> None:
    os.environ.update(cloud.environment)
    cdn_port = arguments.cdn_port or cloud.port + 1
    if arguments.debug:
        debugger.check(application, *arguments.debug)
    with running_application(application, cloud, cdn_port, own_environment, console) as running:
        try:
            with watching(running, own_environment, console) as watch:
                _show_resources(running, console)
                if arguments.debug:
                    function, port = arguments.debug
                    debugger.start(running, function, port, console)
                _follow(running, watch, console)
        except KeyboardInterrupt:
            console.print("\nEnding the laptop cloud.")


def _show_resources(running: RunningApplication, console: Console) -> None:
    lines = [("CloudFront", name, url) for name, url in running.distributions.items()]
    lines += [("API", name, url) for name, url in running.stack.addresses().items()]
    lines += [("function URL", name, url) for name, url in running.stack.function_urls().items()]
    lines += [("load balancer", name, url) for name, url in running.stack.load_balancers().items()]
    lines += [
        (_LISTED[each.type], each.logical_id, each.physical_id)
        for each in sorted(running.stack.resources(), key=lambda each: each.logical_id)
        if each.type in _LISTED
    ]
    lines += [
        ("output", name, on_this_machine(value, running.cloud.endpoint))
        for name, value in sorted(running.outputs.items())
    ]
    console.print(f"\n[bold]{running.application.stack}[/] on {running.cloud.endpoint}\n")
    for kind, name, value in lines:
        console.print(f"  {kind:14}{escape(name):32} {escape(value)}", soft_wrap=True)
    console.print("\nSaved code runs at the next request.")
    console.print("Logs of the functions follow; Ctrl-C ends the laptop cloud.\n")


def _follow(running: RunningApplication, watch: SourceWatch, console: Console) -> None:
    """Print what the functions log and what event source mappings deliver, until Ctrl-C."""
    deliveries = logs.Deliveries(running.event_sources, running.stack.logical_ids())
    for news in logs.follow(running.cloud, running.stack.log_groups):
        signals.raise_if_interrupted()
        _print(news, console)
        for line in deliveries.news():
            console.print(f"[magenta]{escape(line)}[/]", soft_wrap=True)
        watch.deploy_if_asked()


def _print(news: list[tuple[str, str]], console: Console) -> None:
    for function, message in news:
        console.print(f"[cyan]{escape(function):18}[/] {escape(message)}", soft_wrap=True)


def _invoke(stack: Stack, function: str, event: IO[bytes]) -> int:
    name = stack.function_name(function)
    return invocation.show(invocation.invoke(stack.cloud, name, event.read()))


def _logs(stack: Stack, functions: list[str], console: Console) -> None:
    for function in functions:
        stack.function_name(function)  # raises if the stack has no such function

    def groups() -> dict[str, dict[str, str]]:
        return {
            group: {name: each for name, each in ids.items() if not functions or each in functions}
            for group, ids in stack.log_groups().items()
        }

    for news in logs.follow(stack.cloud, groups):
        _print(news, console)


def _deploy(
    arguments: argparse.Namespace,
    cloud: Cloud,
    owner: owners.Owner,
    own_environment: Mapping[str, str],
    console: Console,
) -> None:
    parameters = {**owner.parameters, **dict(arguments.parameter)}
    builds = Path(owner.builds) if owner.builds else None
    application = Application(Path(owner.template), owner.stack, parameters, builds)
    check_and_show(application, cloud, console)
    build_and_deploy(application, cloud, own_environment, console)
