"""How views become batches, rows and write units: `view_counter` in figures.

Some photos are seen far more often than others (Zipf's law), and a photo's views all go through one
shard and one lane of it, whatever the number of shards. So each photo is reckoned in its own lane:
its own views and a fair share of everybody else's.
"""

import functools
import math
from collections.abc import Iterator
from typing import Final

import msgspec

from ops.cost.stack_settings import EventSourceSettings

_KB: Final = 1024
_READ_UNIT: Final = 4096
_TRANSACTIONAL: Final = 2  # units for one
_MOST_ROWS: Final = 100  # in one transaction
_MINUTES_KEPT: Final = 30 * 24 * 60
_SINGLE_RANKS: Final = 20
_ROUNDS: Final = 1000  # of an iteration that mostly takes four
_MANY: Final = 2000  # receipts in a minute


class Rows(msgspec.Struct, frozen=True):
    """Bytes of the views table's rows, as DynamoDB counts them."""

    total: int
    minute: int
    receipt: int


class Work(msgspec.Struct, frozen=True):
    """What a batch takes of `view_counter`, in seconds: a record, a transaction's CPU and wait."""

    cpu_a_record: float
    cpu_a_transaction: float
    wait_a_transaction: float
    slowdown: float

    def seconds(self, records: float, rows: float) -> float:
        """How long a batch runs; a transaction takes at most 100 rows."""
        transactions = max(1.0, rows / _MOST_ROWS)
        cpu = self.cpu_a_record * records + self.cpu_a_transaction * transactions
        return cpu * self.slowdown + self.wait_a_transaction * transactions


class Hottest(msgspec.Struct, frozen=True):
    """The photo with the most views: what it asks of the one partition that all its rows are in."""

    views: float
    write_units: float
    read_units_a_look: float


class ViewCounting(msgspec.Struct, frozen=True):
    """Rates by the second, unless the name says otherwise."""

    batches: float
    records_a_batch: float
    seconds_a_batch: float
    write_units: float
    read_units_a_look: float
    table_bytes: float
    rows_a_photo: float
    hottest: Hottest
    lane_load: float


@functools.lru_cache
def popularity(photos: int, exponent: float) -> list[tuple[float, float]]:
    """Groups of photos, the most viewed first: how many they are, and each one's share of views."""
    groups = list(_ranks(photos))
    weights = [
        _integral(first - 0.5, last + 0.5, exponent) / (last - first + 1) for first, last in groups
    ]
    counts = [last - first + 1 for first, last in groups]
    whole = sum(map(lambda count, weight: count * weight, counts, weights))
    return [(float(count), weight / whole) for count, weight in zip(counts, weights, strict=True)]


def count_views(
    rate: float,
    shares: list[tuple[float, float]],
    *,
    shards: int,
    reader: EventSourceSettings,
    work: Work,
    rows: Rows,
) -> ViewCounting:
    """What counting so many views a second takes, in all and of the hottest photo."""
    lanes = shards * reader.lanes_a_shard
    batches, records, seconds = _batches(rate, shares, lanes, reader, work)
    write_units = table_bytes = rows_kept = read_units = 0.0
    hottest = Hottest(0, 0, 0)
    for number, (count, share) in enumerate(shares):
        views = rate * share
        written = _batches_with(views, (rate - views) / lanes, reader, seconds)
        minute_rows = -math.expm1(-60 * views)
        receipts = max(1.0, 60 * written / minute_rows) if minute_rows else 1.0
        units = written * _TRANSACTIONAL * (1 + _mean_units(rows, receipts))
        minute_bytes = rows.minute + rows.receipt * receipts
        look = 0.5 * max(1, math.ceil((rows.total + 60 * minute_rows * minute_bytes) / _READ_UNIT))
        kept = _MINUTES_KEPT * minute_rows
        if number == 0:
            hottest = Hottest(views, units, look)
        write_units += count * units
        read_units += count * share * look
        rows_kept += count * (1 + kept)
        table_bytes += count * (rows.total + kept * minute_bytes)
    return ViewCounting(
        batches=batches,
        records_a_batch=records,
        seconds_a_batch=seconds,
        write_units=write_units,
        read_units_a_look=read_units,
        table_bytes=table_bytes,
        rows_a_photo=rows_kept / sum(count for count, _ in shares),
        hottest=hottest,
        lane_load=rate
        / lanes
        * work.seconds(reader.batch_size, _rows(reader.batch_size, shares))
        / reader.batch_size,
    )


def _batches(
    rate: float,
    shares: list[tuple[float, float]],
    lanes: int,
    reader: EventSourceSettings,
    work: Work,
) -> tuple[float, float, float]:
    """Batches a second, records of each, and its seconds; these depend on each other."""
    seconds, records = 0.0, 1.0
    for _ in range(_ROUNDS):
        records = _gathered(rate / lanes, reader, seconds)
        before, seconds = seconds, work.seconds(records, _rows(records, shares))
        if math.isclose(seconds, before, rel_tol=1e-6):
            break
    return rate / records, records, seconds


def _gathered(rate: float, reader: EventSourceSettings, seconds: float) -> float:
    """Records of a batch: the first, and what comes while Lambda waits and the last batch runs."""
    return min(float(reader.batch_size), 1 + rate * (reader.window_seconds + seconds))


def _batches_with(
    views: float, others: float, reader: EventSourceSettings, seconds: float
) -> float:
    """How many batches a second have a view of this photo."""
    rate = views + others
    if not rate:
        return 0.0
    records = _gathered(rate, reader, seconds)
    return rate / records * (1 - math.pow(1 - views / rate, records))


def _rows(records: float, shares: list[tuple[float, float]]) -> float:
    """Rows that a batch writes: for each photo in it a total and a minute."""
    return 2 * sum(count * (1 - math.pow(1 - share, records)) for count, share in shares)


def _mean_units(rows: Rows, receipts: float) -> float:
    """Of a minute's row, over a minute in which it gets so many receipts."""
    most = max(1, round(receipts))
    if most > _MANY:  # the row's mean size is as good
        return (rows.minute + rows.receipt * most / 2) / _KB
    return _mean_of_first(rows, most)


@functools.lru_cache(maxsize=2 * _MANY)
def _mean_of_first(rows: Rows, most: int) -> float:
    sizes = (rows.minute + rows.receipt * number for number in range(1, most + 1))
    return sum(math.ceil(size / _KB) for size in sizes) / most


def _ranks(photos: int) -> Iterator[tuple[int, int]]:
    """The first ones alone, then ever larger groups."""
    first = 1
    while first <= photos:
        last = first if first <= _SINGLE_RANKS else min(photos, math.floor(first * 1.5))
        yield first, last
        first = last + 1


def _integral(low: float, high: float, exponent: float) -> float:
    """Of rank to the power of minus the exponent."""
    if exponent == 1:
        return math.log(high / low)
    power = 1 - exponent
    return (math.pow(high, power) - math.pow(low, power)) / power
