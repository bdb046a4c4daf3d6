import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.view_rows import (
    SUFFIXES,
    TOTAL,
    TOTALS,
    key_suffix,
    pack_minutes,
    split_key,
    unpack_minutes,
)

PHOTO_ID = "019a9fb2-0c7b-7c3e-9a52-000000000000"
FIRST = 29_663_314


def test_a_photo_has_its_own_key_and_sixteen_more():
    assert len(set(SUFFIXES)) == 17
    assert (SUFFIXES[0], SUFFIXES[1], SUFFIXES[-1]) == ("", "#0", "#f")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_end_like_their_partition_key(suffix: str):
    assert split_key(PHOTO_ID + suffix) == (PHOTO_ID, suffix)
    for row in (TOTAL, "minute#2026-11-20T12:34Z"):
        assert key_suffix(row + suffix) == suffix


def test_totals_follow_all_minutes():
    assert sorted((*TOTALS, "minute#9999-12-31T23:59Z#f"))[1:] == list(TOTALS)
    assert all(total.startswith(TOTAL) for total in TOTALS)


def test_minutes_are_written_from_the_first_one_that_has_views():
    assert pack_minutes({FIRST - 1: 0, FIRST: 3, FIRST + 2: 5, FIRST + 3: 0}) == f"{FIRST} 3 0 5"
    assert pack_minutes({}) == pack_minutes({FIRST: 0}) == ""


@given(st.dictionaries(st.integers(FIRST, FIRST + 1500), st.integers(0, 10**9), max_size=100))
def test_minutes_are_read_as_they_were_written(views: dict[int, int]):
    read = unpack_minutes(pack_minutes(views))
    assert {minute: number for minute, number in read.items() if number} == {
        minute: number for minute, number in views.items() if number
    }
