"""`python -m tests.hostile`: attack the application that runs on this machine."""

import argparse
import itertools
import os
import sys
from collections.abc import Sequence
from http.client import HTTPException
from ipaddress import ip_address
from typing import Final

from playwright.sync_api import Error as BrowserError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo import application
from localcloud.arguments import DEFAULT_PORT, LAST_PORT, port_number
from localcloud.cloud import Cloud, CloudError, running_on
from localcloud.stack import Stack
from ops.console import command_console
from tests.hostile.browser_cases import NOT_RUN
from tests.hostile.case import Case
from tests.hostile.cases import CASES
from tests.hostile.raw_http import Address
from tests.hostile.target import Target, prepared

OUTCOMES: Final = {True: "as expected", False: "unexpected", None: "not run"}


def main(arguments: list[str]) -> int:
    """Run every case and print the table; returns 0 only if every outcome was expected."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", usage=argparse.SUPPRESS)
    parser.add_argument("--port", type=port_number, default=DEFAULT_PORT)
    parser.add_argument("--edge-port", type=port_number, help="default: the port after --port")
    parser.add_argument("--only", default="", help="run only the cases of one group")
    given = parser.parse_args(arguments)
    cases = [case for case in CASES if case.group.startswith(given.only)]
    if not cases:
        groups = ", ".join(sorted({case.group for case in CASES}))
        parser.error(f"no group begins with '{given.only}': expected one of {groups}")
    edge_port = given.edge_port or given.port + 1
    if edge_port > LAST_PORT:
        parser.error(
            f"no port follows {given.port}: give CloudFront's as --edge-port or EDGE_PORT="
        )
    edge = Address("127.0.0.1", edge_port)
    console = command_console()
    os.environ.clear()
    try:
        cloud = attacked(given.port)
        os.environ.update(cloud.environment)
        with prepared(cloud, Stack(cloud, application.STACK).outputs(), edge) as target:
            results = attack(cases, target, command_console(stderr=True))
        return report(results, console)
    except CloudError as error:
        console.print(f"[bold red]✗[/] {escape(str(error))} `make up` starts one on 127.0.0.1.")
        return 1


def attacked(port: int) -> Cloud:
    """The laptop cloud on a port.

    Raises:
        CloudError: there is none, or other machines can reach it.
    """
    cloud = running_on(port)
    if not ip_address(cloud.host).is_loopback:
        raise CloudError(f"Only a loopback address is attacked, and not {cloud.host}.")
    return cloud


def attack(cases: Sequence[Case], target: Target, progress: Console) -> list[tuple[Case, str]]:
    """Run the cases; `progress` shows which group runs, since all of them take minutes."""
    results: list[tuple[Case, str]] = []
    for group, of_group in itertools.groupby(cases, key=lambda case: case.group):
        progress.print(f"{len(results)} of {len(cases)} cases done; next: {escape(group)}")
        results += [(case, outcome_of(case, target)) for case in of_group]
    return results


def outcome_of(case: Case, target: Target) -> str:
    """The outcome of a case; an attack that cannot be carried out counts as unexpected."""
    try:
        return case.attack(target)
    except (OSError, ValueError, HTTPException, BrowserError) as error:
        return f"not carried out: {type(error).__name__}: {error}"


def report(results: list[tuple[Case, str]], console: Console) -> int:
    """Print what each case expected and got; 1 if they differ in any, or none was run."""
    table = Table("", "group", "case", "expected", "got", box=None, pad_edge=False)
    marks = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "[yellow]-[/]"}
    as_expected = [None if got == NOT_RUN else got in case.expected for case, got in results]
    for (case, got), each in zip(results, as_expected, strict=True):
        cells = (case.group, case.name, " or ".join(case.expected), got)
        table.add_row(marks[each], *map(escape, cells))
    console.print(table)
    counts = [f"{as_expected.count(each)} {word}" for each, word in OUTCOMES.items()]
    console.print(f"{len(results)} cases: {', '.join(counts)}.")
    return 0 if True in as_expected and False not in as_expected else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
