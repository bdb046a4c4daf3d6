import os

import pytest

from tests.chaos.plan import plans_of

SUMMARY: list[str] = []
"""Load, faults and losses of the runs, which pytest prints at the end."""


def pytest_configure() -> None:
    try:
        plans_of(os.environ)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SUMMARY:
        terminalreporter.section("chaos")
        for line in SUMMARY:
            terminalreporter.write_line(line)
