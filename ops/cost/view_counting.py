"""Computes from a rate of views the batches, rows and write units of `view_counter`.

Some photos are viewed far more often than others (Zipf's law), and Lambda processes all views of a
photo in one of the shard's parallel batches (ParallelizationFactor). So each photo is computed in
its own batches: they contain its views and an equal share of the views of all other photos.
"""

import functools
import math
from collections.abc import Iterator
from typing import Final

import msgspec

from ops.cost.stack_settings import EventSourceSettings

_KB: Final = 1024
READ_UNIT: Final = 4096
_TRANSACTIONAL: Final = 2  # factor of write units in a transaction
_MAX_ROWS: Final = 100  # maximum of a transaction
SHARD_RECORDS: Final = 1000.0  # per second
KEYS: Final = 17  # of a photo whose views a shard refuses: SUFFIXES in layers/shared/view_rows.py
_TOTAL_WITH_MINUTES: Final = 660  # bytes: the row, and the minutes of an hour as text
_MINUTES_KEPT: Final = 30 * 24 * 60
_SINGLE_RANKS: Final = 20
_ROUNDS: Final = 1000  # maximum of an iteration that usually takes four
_MANY: Final = 2000  # receipts in a minute; for more of them the mean is approximated


class Rows(msgspec.Struct, frozen=True):
    """Sizes of the views table's rows in bytes, by DynamoDB's rule."""

    total: int
    minute: int
    receipt: int


class Work(msgspec.Struct, frozen=True):
    """The time of `view_counter` in seconds: per record, and CPU and wait per transaction."""

    cpu_per_record: float
    cpu_per_transaction: float
    wait_per_transaction: float
    slowdown: float

    def seconds(self, records: float, rows: float) -> float:
        """The duration of a batch; a transaction writes at most 100 rows."""
        transactions = max(1.0, rows / _MAX_ROWS)
        cpu = self.cpu_per_record * records + self.cpu_per_transaction * transactions
        return cpu * self.slowdown + self.wait_per_transaction * transactions


class Hottest(msgspec.Struct, frozen=True):
    """The load of the most viewed photo on the one partition that has all its rows."""

    views: float
    write_units: float


class ViewCounting(msgspec.Struct, frozen=True):
    """Rates per second, unless the name says otherwise."""

    batches: float
    records_per_batch: float
    seconds_per_batch: float
    write_units: float
    read_units: float
    read_units_per_look: list[float]  # for each group of photos
    table_bytes: float
    totals: float  # rows, each with an entry in the index ranking
    rows_per_photo: float
    hottest: Hottest
    busy_share: float


@functools.lru_cache
def popularity(photos: int, exponent: float) -> list[tuple[float, float]]:
    """Groups of photos, the most viewed first: their number, and each photo's share of views."""
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
    """The load of counting `rate` views per second, in total and for the most viewed photo."""
    concurrent = shards * reader.parallel_batches
    batches, records, seconds = _batches(rate, shares, concurrent, reader, work)
    write_units = read_units = table_bytes = totals = rows_kept = 0.0
    looks = []
    hottest = Hottest(0, 0)
    for number, (count, share) in enumerate(shares):
        keys = _keys(rate * share)
        views = rate * share / keys  # of each key, which has its own batches and rows
        written = _batches_with(views, (rate - views) / concurrent, reader, seconds)
        minute_rows = -math.expm1(-60 * views)
        receipts = max(1.0, 60 * written / minute_rows) if minute_rows else 1.0
        units = written * _TRANSACTIONAL * (1 + _mean_units(rows, receipts))
        minute_bytes = rows.minute + rows.receipt * receipts
        # A read gets one total for each key of the photo, with the minutes of the last hour.
        looks.append(0.5 * max(1, math.ceil(keys * _TOTAL_WITH_MINUTES / READ_UNIT)))
        kept = _MINUTES_KEPT * minute_rows
        if number == 0:
            hottest = Hottest(views * keys, units * keys)
        write_units += count * keys * units
        # Each total is read before it is written.
        read_units += count * keys * written * _TRANSACTIONAL
        totals += count * keys
        rows_kept += count * keys * (1 + kept)
        table_bytes += count * keys * (rows.total + kept * minute_bytes)
    return ViewCounting(
        batches=batches,
        records_per_batch=records,
        seconds_per_batch=seconds,
        write_units=write_units,
        read_units=read_units,
        read_units_per_look=looks,
        table_bytes=table_bytes,
        totals=totals,
        rows_per_photo=rows_kept / sum(count for count, _ in shares),
        hottest=hottest,
        busy_share=rate
        / concurrent
        * work.seconds(reader.batch_size, _rows(reader.batch_size, shares))
        / reader.batch_size,
    )


def ranking_units(rate: float, shares: list[tuple[float, float]], views: float) -> float:
    """Write units of the index `ranking` for a photo that gets `views`, as a mean of all photos.

    Each of its totals reaches each magnitude once: the entry moves, by a deletion and a put.
    """
    photos = sum(count for count, _ in shares)
    units = 0.0
    for count, share in shares:
        keys = _keys(rate * share)
        total = math.floor(views * photos * share / keys)
        magnitude = len(f"{total:x}") if total else 0
        units += count * keys * max(0, 2 * magnitude - 1)
    return units / photos


def _keys(views: float) -> int:
    """The partition keys of a photo with this number of views per second."""
    return 1 if views <= SHARD_RECORDS else KEYS


def _batches(
    rate: float,
    shares: list[tuple[float, float]],
    concurrent: int,
    reader: EventSourceSettings,
    work: Work,
) -> tuple[float, float, float]:
    """Batches per second, records and seconds per batch; these depend on each other."""
    seconds, records = 0.0, 1.0
    for _ in range(_ROUNDS):
        records = _gathered(rate / concurrent, reader, seconds)
        before, seconds = seconds, work.seconds(records, _rows(records, shares))
        if math.isclose(seconds, before, rel_tol=1e-6):
            break
    return rate / records, records, seconds


def _gathered(rate: float, reader: EventSourceSettings, seconds: float) -> float:
    """Records of a batch: one, and those that arrive during the window and the previous batch."""
    return min(float(reader.batch_size), 1 + rate * (reader.window_seconds + seconds))


def _batches_with(
    views: float, others: float, reader: EventSourceSettings, seconds: float
) -> float:
    """Batches per second that contain a view of this photo."""
    rate = views + others
    if not rate:
        return 0.0
    records = _gathered(rate, reader, seconds)
    return rate / records * (1 - math.pow(1 - views / rate, records))


def _rows(records: float, shares: list[tuple[float, float]]) -> float:
    """Rows that a batch writes: a total and a minute for each photo in it."""
    return 2 * sum(count * (1 - math.pow(1 - share, records)) for count, share in shares)


def _mean_units(rows: Rows, receipts: float) -> float:
    """Mean write units of a minute's row that gets this number of receipts."""
    most = max(1, round(receipts))
    if most > _MANY:  # computed from the row's mean size
        return (rows.minute + rows.receipt * most / 2) / _KB
    return _mean_of_first(rows, most)


@functools.lru_cache(maxsize=2 * _MANY)
def _mean_of_first(rows: Rows, most: int) -> float:
    sizes = (rows.minute + rows.receipt * number for number in range(1, most + 1))
    return sum(math.ceil(size / _KB) for size in sizes) / most


def _ranks(photos: int) -> Iterator[tuple[int, int]]:
    """Ranges of ranks: single ranks first, then growing groups."""
    first = 1
    while first <= photos:
        last = first if first <= _SINGLE_RANKS else min(photos, math.floor(first * 1.5))
        yield first, last
        first = last + 1


def _integral(low: float, high: float, exponent: float) -> float:
    """The integral of rank ** -exponent from low to high."""
    if exponent == 1:
        return math.log(high / low)
    power = 1 - exponent
    return (math.pow(high, power) - math.pow(low, power)) / power
