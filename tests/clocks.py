"""Pytest plugin that runs each test under each clock of CLOCKS, in a process of `faketime`.

All tests take an hour or more; `CLOCKS='leap_day_ends new_year'` in the environment chooses clocks:

    .venv/bin/python -m tests.clocks tests/unit tests/integration tests/simulation

Each test starts LEAD seconds before the clock's moment. So a test that reads the clock twice may
see both sides of midnight, of New Year or of a change to or from daylight saving time.

A process that a test starts with an environment of its own has the real clock. So
tests/integration/localcloud/execution, which compares times of two processes, cannot be run so.
"""

import os
import select
import shutil
import sys
import time
from datetime import datetime
from typing import Final

import pytest

CLOCKS: Final = {
    "end_of_month": ("2026-12-01T00:00Z", "UTC"),
    "new_year": ("2027-01-01T00:00Z", "UTC"),
    "leap_day_begins": ("2028-02-29T00:00Z", "UTC"),
    "leap_day_ends": ("2028-03-01T00:00Z", "UTC"),
    "summer_time_begins_in_berlin": ("2027-03-28T02:00+01:00", "Europe/Berlin"),
    "summer_time_ends_in_berlin": ("2027-10-31T03:00+02:00", "Europe/Berlin"),
    "summer_time_begins_in_new_york": ("2027-03-14T02:00-05:00", "America/New_York"),
    "summer_time_ends_in_new_york": ("2027-11-07T02:00-04:00", "America/New_York"),
    "local_date_is_tomorrow": ("2026-12-31T12:00Z", "Pacific/Kiritimati"),
    "local_date_is_yesterday": ("2027-01-01T00:00Z", "America/St_Johns"),
}
LEAD: Final = 0.02

# libfaketime 0.9.10: with a faked monotonic clock, CPython's timeouts of locks never end; with
# faked times of files, every import compiles its module again.
_SETTINGS: Final = {
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "FAKETIME_NO_CACHE": "1",  # follow each change of FAKETIME
    "NO_FAKE_STAT": "1",
}


def pytest_configure() -> None:
    if "FAKETIME" not in os.environ:
        raise pytest.UsageError("the system clock is not faked: run `python -m tests.clocks`")
    # libfaketime 0.9.10 lets time.sleep raise EINVAL if the monotonic clock is not faked.
    time.sleep = lambda seconds: select.select([], [], [], seconds)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.fixturenames.append("faked_clock")
    metafunc.parametrize("faked_clock", os.environ.get("CLOCKS", " ".join(CLOCKS)).split())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    moment, os.environ["TZ"] = CLOCKS[item.callspec.params["faked_clock"]]
    time.tzset()
    start = datetime.fromisoformat(moment).timestamp() - LEAD
    os.environ["FAKETIME"] = f"{float(os.environ['FAKETIME']) + start - time.time():+.6f}"


def main() -> None:
    """Become pytest under `faketime`, with this plugin and the given arguments."""
    faketime = shutil.which("faketime")
    if not faketime:
        sys.exit("faketime is not installed: apt-get install faketime")
    command = [faketime, "-f", "+0", sys.executable, "-m", "pytest", "-p", "tests.clocks"]
    os.execve(faketime, [*command, *sys.argv[1:]], os.environ | _SETTINGS)  # noqa: S606


if __name__ == "__main__":
    main()
