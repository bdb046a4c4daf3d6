"""Batches of one shard of the views stream in simulated time, by the laptop cloud's engine."""

import heapq
import itertools
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from localcloud.event_sources.answers import Answer  # noqa: E402 - only now are they found
from localcloud.event_sources.engine import Engine  # noqa: E402
from localcloud.event_sources.mappings import EventSourceMapping  # noqa: E402
from localcloud.event_sources.records import Page, Record, Shard  # noqa: E402
from localcloud.event_sources.tasks import BatchInvocation, Read, Unit  # noqa: E402

IDLE_POLL_SECONDS: Final = 1.0  # Lambda polls a shard once a second
BUSY_POLL_SECONDS: Final = 0.2  # five reads a second are the limit of a shard
MAX_OF_ONE_READ: Final = 2_000_000 // 5 // 131  # views: a shard gives 2 MB a second
_SEQUENCE_NUMBER: Final = re.compile(r'"sequenceNumber":"(\d+)"')


@dataclass(frozen=True)
class Views:
    """The views of one shard: when each arrives, in order, and of which photo it is."""

    arrived: Sequence[float]
    photos: Sequence[str]


class _Stream:
    """A stream of one shard, which has the views that have arrived until now."""

    def __init__(self, views: Views, clock: Callable[[], float]) -> None:
        self._views = views
        self._clock = clock

    def shards(self) -> Sequence[Shard]:
        return [Shard("shardId-000000000000")]

    def read(self, _: str, after: str | None, limit: int) -> Page:
        start = int(after) + 1 if after else 0
        arrived = bisect_right(self._views.arrived, self._clock())
        end = min(arrived, start + limit, start + MAX_OF_ONE_READ)
        records = [
            Record(
                str(number),
                self._views.photos[number],
                self._views.arrived[number],
                f'{{"sequenceNumber":"{number}"}}',
            )
            for number in range(start, end)
        ]
        return Page(records, more=end < arrived)

    def newest(self, _: str) -> str | None:
        return None


def lags(
    mapping: EventSourceMapping,
    views: Views,
    seconds_of_batch: Callable[[Sequence[str]], float],
    until: float,
) -> Iterator[float]:
    """The seconds from the arrival of each view until it is counted, as far as it is by `until`.

    `seconds_of_batch` takes the photos of a batch, one for each view.
    """
    now = 0.0
    done = Answer({"batchItemFailures": []})
    stream = _Stream(views, lambda: now)
    engine = Engine(mapping, stream, lambda _: done, None, lambda: now)
    not_before: dict[Unit, float] = {}
    under_way: list[tuple[float, int, Unit, Any, Any]] = []
    numbers = itertools.count()
    left = len(views.arrived)
    while left and now < until:
        for unit in engine.ready():
            if not_before.get(unit, 0.0) > now:
                continue
            task = engine.begin(unit)
            ends = now
            if isinstance(task, BatchInvocation):
                batch = [views.photos[number] for number in _sequence_numbers(task.event)]
                ends += seconds_of_batch(batch)
            heapq.heappush(under_way, (ends, next(numbers), unit, task, engine.perform(task)))
        wait = engine.wait()
        known = [at for at in not_before.values() if at > now]
        known += [under_way[0][0]] if under_way else []
        known += [now + wait] if wait is not None else []
        now = min(known, default=until)
        while under_way and under_way[0][0] <= now:
            _, _, unit, task, result = heapq.heappop(under_way)
            found = engine.finish(task, result)
            if isinstance(task, BatchInvocation):
                counted = _sequence_numbers(task.event)
                left -= len(counted)
                yield from (now - views.arrived[each] for each in counted)
            elif isinstance(unit, Read):
                not_before[unit] = now + (BUSY_POLL_SECONDS if found else IDLE_POLL_SECONDS)
            else:
                not_before[unit] = until  # the shards do not change


def _sequence_numbers(event: str) -> list[int]:
    return [int(number) for number in _SEQUENCE_NUMBER.findall(event)]
