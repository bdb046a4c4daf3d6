"""`view_counter`'s batches and write units, compared with bench/streams.py and DynamoDB's rules."""

import itertools

import pytest

from ops.cost.stack_settings import EventSourceSettings
from ops.cost.view_counting import KEYS, Rows, ViewCounting, Work, count_views, popularity
from shared.view_rows import SUFFIXES

ROWS = Rows(total=174, minute=105, receipt=48)
NOTHING = Work(0, 0, 0, 1)
WORK = Work(
    cpu_per_record=8e-6, cpu_per_transaction=0.002, wait_per_transaction=0.02, slowdown=3.455
)


def test_hot_photo_has_the_keys_of_its_rows():
    assert len(SUFFIXES) == KEYS


def counted(
    rate: float,
    photos: int,
    *,
    shards: int = 1,
    concurrent: int = 1,
    work: Work = NOTHING,
    **more: float,
) -> ViewCounting:
    reader = EventSourceSettings(
        batch_size=1000, window_seconds=more.get("window", 1), parallel_batches=concurrent
    )
    shares = popularity(photos, more.get("exponent", 0))
    return count_views(rate, shares, shards=shards, reader=reader, work=work, rows=ROWS)


def test_a_minute_of_batches_costs_what_the_benchmark_measured():
    """1,000 views of 50 photos each second: 302 units a batch on average of the minute's 60."""
    found = counted(1000, 50)
    assert found.records_per_batch == 1000
    assert found.write_units / found.batches == pytest.approx(302, abs=0.5)


def test_the_first_batch_of_a_minute_costs_what_the_benchmark_measured():
    """Each photo seen once a minute at most: 50 totals and 50 minutes, twice for a transaction."""
    found = counted(1000, 10_000_000)
    assert found.write_units / found.records_per_batch / found.batches == pytest.approx(
        4, rel=0.001
    )


def test_sparse_views_are_a_batch_each():
    found = counted(0.001, 100)
    assert found.batches == pytest.approx(0.001, rel=0.002)
    assert found.write_units == pytest.approx(0.004, rel=0.01)


def test_busy_views_share_batches_and_units():
    alone, together = counted(0.001, 10), counted(500, 10)
    assert together.write_units / 500 < alone.write_units / 0.001 / 10


def test_a_single_photo_writes_two_rows_per_batch_however_often_it_is_viewed():
    """600 views a second of one photo: 60 batches, whose receipts end at 105 + 60 x 48 bytes."""
    found = counted(600, 1)
    batches = 600 / 601
    mean_minute = (19 * 1 + 21 * 2 + 20 * 3) / 60
    assert found.hottest.write_units == pytest.approx(batches * 2 * (1 + mean_minute), rel=0.01)


def test_answer_reads_the_total_of_each_key():
    """Beyond 1,000 views a second a photo has 17 keys, whose totals take three blocks of 4 kB."""
    assert counted(600, 1).read_units_per_look == [0.5]
    assert counted(1001, 1).read_units_per_look == [1.5]


def test_photo_that_a_shard_refuses_writes_rows_of_each_key():
    """17 keys of 59 views a second: each in nearly every batch, so in one a second."""
    found = counted(1003, 1)
    key = counted(59, 1)
    assert found.hottest.views == pytest.approx(1003)
    assert found.hottest.write_units == pytest.approx(17 * key.hottest.write_units, rel=0.1)


def test_each_total_is_read_before_it_is_written():
    """A view alone in its batch: a total in a transaction, two units."""
    assert counted(0.01, 1_000_000).read_units == pytest.approx(0.02, rel=0.01)


def test_rows_are_kept_for_thirty_days():
    """A photo that is seen all the time has a row for each of 43,200 minutes, and the total."""
    found = counted(600, 1)
    assert found.rows_per_photo == pytest.approx(43_201)
    assert found.table_bytes == pytest.approx(174 + 43_200 * (105 + 48 * 60), rel=0.01)


def test_batches_run_longer_the_more_photos_are_in_them():
    """1,000 records in 20 transactions of 100 rows, or in one."""
    many, few = counted(2000, 10_000_000, work=WORK), counted(2000, 50, work=WORK)
    assert many.seconds_per_batch == pytest.approx(20 * (0.002 * 3.455 + 0.02) + 0.0276, rel=0.01)
    assert few.seconds_per_batch == pytest.approx(0.002 * 3.455 + 0.02 + 0.0276, rel=0.01)


def test_capacity_is_used_up_when_a_full_batch_takes_as_long_as_its_views_take_to_arrive():
    seconds = counted(2000, 10_000_000, work=WORK).seconds_per_batch
    assert counted(1000 / seconds, 10_000_000, work=WORK).busy_share == pytest.approx(1, rel=0.01)
    assert counted(1000 / seconds, 10_000_000, work=WORK, concurrent=2).busy_share == pytest.approx(
        0.5, rel=0.01
    )


@pytest.mark.parametrize("exponent", [0, 0.5, 1, 1.5])
@pytest.mark.parametrize("photos", [1, 49, 50, 51, 1000, 12_345_678])
def test_shares_of_all_photos_add_up_to_one_and_decrease(photos: int, exponent: float):
    groups = popularity(photos, exponent)
    assert sum(count for count, _ in groups) == photos
    assert sum(count * share for count, share in groups) == pytest.approx(1)
    shares = [share for _, share in groups]
    assert all(former >= latter * (1 - 1e-9) for former, latter in itertools.pairwise(shares))


def test_zipf_gives_the_second_half_of_the_first():
    (_, first), (_, second), *_ = popularity(1_000_000, 1)
    assert first / second == pytest.approx(2, rel=0.1)
    # The harmonic number of a million is 14.39.
    assert first == pytest.approx(1 / 14.39, rel=0.1)
