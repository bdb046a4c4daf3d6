import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulation import tally
from tests.simulation.functions import Function, deployed


@pytest.fixture(scope="package", autouse=True)
def one_core() -> Iterator[None]:
    """Keep all threads on one core: only one runs at a time, and a change of core is slow."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    core = sorted(cores, reverse=True)[worker % len(cores)]
    os.sched_setaffinity(0, {core})
    yield
    os.sched_setaffinity(0, cores)


@pytest.fixture(scope="package")
def functions(one_core: None) -> Iterator[dict[str, Function]]:  # noqa: ARG001 - before it
    with deployed() as functions:
        yield functions


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := tally.lines():
        terminalreporter.section("simulation")
        for line in lines:
            terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker of pytest-xdist: send the counts to the main process."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["simulation"] = tally.dump()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the main process: add the counts of a worker that has ended."""
    if dumped := getattr(node, "workeroutput", {}).get("simulation"):
        tally.add(dumped)
