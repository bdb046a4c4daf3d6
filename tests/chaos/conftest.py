from collections.abc import Iterator

import pytest

from tests.chaos.gallery import Gallery, running_gallery

SUMMARY: list[str] = []
"""What the runs have held and survived, for the lines that pytest ends with."""


@pytest.fixture(scope="session")
def gallery() -> Iterator[Gallery]:
    """One for all tests of this folder: what one has done must still be right after the next."""
    with running_gallery() as gallery:
        yield gallery


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SUMMARY:
        terminalreporter.section("chaos")
        for line in SUMMARY:
            terminalreporter.write_line(line)
