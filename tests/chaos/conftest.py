import pytest

SUMMARY: list[str] = []
"""What the runs have held and survived, for the lines that pytest ends with."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SUMMARY:
        terminalreporter.section("chaos")
        for line in SUMMARY:
            terminalreporter.write_line(line)
