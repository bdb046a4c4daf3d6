from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from fakes.view_records import NOW, photo
from gallery_api.recent_totals import RecentTotals

HOT, COLD = photo(0), photo(1)


class Table:
    """A views table that notes who is read, and the time."""

    def __init__(self) -> None:
        self.now = NOW
        self.reads: Counter[str] = Counter()
        self.fails = False

    def read(self, photo_id: str) -> list[dict[str, Any]]:
        self.reads[photo_id] += 1
        if self.fails:
            raise TimeoutError
        return [{"photo_id": photo_id, "views": self.reads[photo_id]}]

    def environment(self) -> RecentTotals:
        return RecentTotals(self.read, lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def views(totals: Any) -> int:
    [row] = totals
    return int(row["views"])


def test_totals_are_read_again_after_two_seconds():
    table = Table()
    recent = table.environment()
    assert [views(recent.of(HOT)), views(recent.of(COLD)), views(recent.of(HOT))] == [1, 1, 1]
    table.wait(1.999)
    assert views(recent.of(HOT)) == 1
    table.wait(0.001)
    assert views(recent.of(HOT)) == 2


def test_nothing_is_left_of_photos_that_are_not_viewed():
    table = Table()
    recent = table.environment()
    for number in range(100):
        recent.of(photo(number))
        table.wait(0.1)
    assert len(recent.found) == 20


def test_reads_of_a_photo_depend_on_the_environments_and_not_on_its_views():
    table = Table()
    environments = [table.environment() for _ in range(20)]
    for number in range(50_000):
        environments[number % 20].of(HOT)
        table.wait(10 / 50_000)
    assert table.reads[HOT] <= 20 * 10 / 2


def test_after_a_failure_nothing_is_read_for_five_seconds():
    table = Table()
    recent = table.environment()
    recent.of(COLD)
    table.fails = True
    with pytest.raises(TimeoutError):
        recent.of(HOT)
    assert recent.of(HOT) is None
    assert views(recent.of(COLD)) == 1
    table.wait(4.999)
    assert recent.of(HOT) is None
    table.wait(0.001)
    table.fails = False
    assert views(recent.of(HOT)) == 2
    assert table.reads == {HOT: 2, COLD: 1}
