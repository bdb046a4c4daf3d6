"""Pytest plugin that runs each test once under each clock of CLOCKS.

`CLOCKS='leap_day_ends new_year'` in the environment chooses clocks. All tests under all clocks
take hours:

    .venv/bin/python -m pytest -p tests.clocks tests/unit tests/integration tests/simulation

Each test starts LEAD seconds before the clock's moment. So a test that reads the clock twice may
see both sides of midnight, of New Year or of a change to or from daylight saving time.

A process that a test starts has the real clock. So tests/integration/localcloud/execution, which
compares times of two processes, cannot be run so.
"""

import os
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
import time_machine

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
LEAD: Final = timedelta(seconds=0.02)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.fixturenames.append("clock_of_test")
    names = os.environ.get("CLOCKS", " ".join(CLOCKS)).split()
    metafunc.parametrize("clock_of_test", names)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Function) -> Generator[None, object, object]:
    moment, zone = CLOCKS[str(item.callspec.params["clock_of_test"])]
    start = datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)) - LEAD
    # The time zone of `start` becomes that of the process.
    with time_machine.travel(start, tick=True):
        return (yield)
