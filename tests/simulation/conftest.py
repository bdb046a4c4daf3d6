import os
from collections.abc import Iterator

import pytest

from tests.simulation import tally
from tests.simulation.functions import Function, deployed


@pytest.fixture(scope="package", autouse=True)
def one_core() -> Iterator[None]:
    """Threads that take turns lose half their time if each turn is on another core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
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
