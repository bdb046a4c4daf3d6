from typing import Any

import pytest

from fakes.tables import updated
from fakes.view_records import FIRST_SEQUENCE, NOW, TABLE, Record, photo, poison, record
from shared.view_rows import SUFFIXES, pack_minutes
from view_counter.segments import (
    RECEIPT_LIFETIME_SECONDS,
    cut,
    may_have_receipts,
    minute_period,
    refusals,
    transaction,
)
from view_counter.view_records import View, read_batch

MINUTE = int(NOW.timestamp()) // 60


def views_of(records: list[Record]) -> list[View]:
    return read_batch(records).views


def in_minutes(*minutes: int) -> list[View]:
    """Views of one photo, each in the minute of that number."""
    return [View(number, photo(0), minute, 0) for number, minute in enumerate(minutes)]


def receipts_of(records: list[Record]) -> set[tuple[int, int]]:
    """The ranges of the transaction's receipts, with the small numbers of the records."""
    return {
        (
            int.from_bytes(receipt[:24]) - FIRST_SEQUENCE,
            int.from_bytes(receipt[24:]) - FIRST_SEQUENCE,
        )
        for action in transaction(TABLE, views_of(records), NOW, {})
        for receipt in action["Update"]["ExpressionAttributeValues"].get(":receipts", {"BS": ()})[
            "BS"
        ]
    }


def test_fifty_photos_of_one_minute_are_one_full_transaction():
    views = views_of([record(number, photo(number % 50)) for number in range(1000)])
    [segment] = cut(views)
    assert segment == views
    assert len(transaction(TABLE, segment, NOW, {})) == 100


@pytest.mark.parametrize(
    ("views", "sizes"),
    [
        ([], []),
        (in_minutes(*range(99)), [99]),
        (in_minutes(*range(100)), [99, 1]),
        (in_minutes(*range(250)), [99, 99, 52]),
        (in_minutes(*range(99), *range(99)), [198]),
        (views_of([record(number, photo(number)) for number in range(51)]), [50, 1]),
        (views_of([record(n, key=photo(0) + SUFFIXES[n]) for n in range(17)]) * 2, [34]),
    ],
    ids=["none", "full", "one too many", "three", "minutes again", "a photo too many", "keys"],
)
def test_segments_fill_transactions(views: list[View], sizes: list[int]):
    segments = list(cut(views))
    assert [len(segment) for segment in segments] == sizes
    assert [view for segment in segments for view in segment] == views
    assert all(len(transaction(TABLE, segment, NOW, {})) <= 100 for segment in segments)


def test_receipt_has_the_first_and_last_record_of_a_minute():
    assert receipts_of([record(1), record(2), record(3, photo(1)), record(5)]) == {(1, 5), (3, 3)}


def test_no_receipt_spans_poison_of_its_photo():
    records = [
        record(1),
        record(2),
        poison(3),
        poison(4),
        record(5),
        poison(6, photo(1)),
        record(7),
    ]
    assert receipts_of(records) == {(1, 2), (5, 7)}


def test_partition_keys_of_a_photo_share_no_row_and_no_receipt():
    keys = [photo(0), f"{photo(0)}#0", f"{photo(0)}#f"]
    records = [record(number, key=keys[number % 3]) for number in range(6)]
    actions = transaction(TABLE, views_of(records), NOW, {})
    rows = [action["Update"]["Key"]["period"]["S"] for action in actions]
    minute = "minute#2026-11-20T12:34Z"
    assert rows == ["total", minute, "total#0", f"{minute}#0", "total#f", f"{minute}#f"]
    assert receipts_of(records) == {(0, 3), (1, 4), (2, 5)}
    assert refusals(
        actions, [{"Code": "None"}] * 3 + [{"Code": "Busy"}] + [{"Code": "None"}] * 2
    ) == {f"{photo(0)}#0": "Busy"}


def total_after(views: list[View], **total: Any) -> dict[str, Any]:
    """The values with which the total of a photo is updated."""
    seen = {(photo(0), "total"): total}
    [update, *_] = transaction(TABLE, views, NOW, seen)
    return dict(update["Update"]["ExpressionAttributeValues"])


def test_last_sequence_is_compared_as_text_of_fixed_length():
    views = [View(9, photo(0), MINUTE, 0), View(10, photo(0), MINUTE, 0)]
    assert total_after(views)[":last"]["S"] == "10".zfill(56)
    assert len(total_after(views_of([record(0)]))[":last"]["S"]) == 56
    for last, has in (("8", False), ("9", True), ("10", True), ("100", True)):
        total = {"version": {"N": "1"}, "last_sequence": {"S": last.zfill(56)}}
        assert may_have_receipts(views, {(photo(0), "total"): total}) == has
    assert not may_have_receipts(views, {(photo(0), "total#0"): total})


def test_tombstone_shows_no_counted_views():
    tombstone = {"views": {"N": "0"}, "expires_at": {"N": "1"}}
    assert not may_have_receipts(in_minutes(MINUTE), {(photo(0), "total"): tombstone})


def test_total_has_the_minutes_of_the_last_hour():
    views = in_minutes(MINUTE, MINUTE, MINUTE - 2, MINUTE - 61, MINUTE + 3)
    recent = {"S": f"{MINUTE - 62} 9 8 7{' 0' * 58} 4"}
    assert total_after(views, recent=recent)[":recent"]["S"] == (
        f"{MINUTE - 60} 7{' 0' * 57} 1 4 2 0 0 1"
    )


def test_left_out_view_adds_no_minute():
    view = View(1, photo(0), MINUTE, 0, left_out=True)
    assert total_after([view])[":recent"]["S"] == ""


@pytest.mark.parametrize(
    ("before", "views", "stored", "written"),
    [
        (None, 1, None, "1"),
        (14, 1, "1", None),
        (15, 1, "1", "2"),
        (15, 250, "1", "3"),
        (0xFFF, 1, "3", "4"),
        (0xFFFE, 1, "4", None),
        (300, 1, None, "3"),
        (300, 1, "2", "3"),
    ],
    ids=[
        "the first view",
        "no new digit",
        "a digit more",
        "two digits more",
        "four digits",
        "still four digits",
        "a total of an earlier release",
        "a total that an earlier release has counted on",
    ],
)
def test_magnitude_is_written_when_it_changes(
    before: int | None, views: int, stored: str | None, written: str | None
):
    total: dict[str, Any] = {"version": {"N": "1"}, "last_sequence": {"S": ""}}
    total |= {} if before is None else {"views": {"N": str(before)}}
    total |= {} if stored is None else {"magnitude": {"N": stored}}
    segment = [View(number, photo(0xB), MINUTE, 0) for number in range(views)]
    [update, _] = transaction(TABLE, segment, NOW, {(photo(0xB), "total"): total})
    item = updated(update["Update"], total)
    assert item["magnitude"] == {"N": written or stored}
    values = update["Update"]["ExpressionAttributeValues"]
    keys = {":magnitude": {"N": written}, ":group": {"S": "b"}} if written else {}
    assert {name: values[name] for name in (":magnitude", ":group") if name in values} == keys


def test_total_without_counted_views_is_not_ranked():
    view = View(1, photo(0), MINUTE, 0, left_out=True)
    assert ":magnitude" not in total_after([view])


def test_tombstone_is_ranked_again_by_the_views_after_it():
    """Readers of the index leave out totals with a TTL."""
    tombstone = {"views": {"N": "0"}, "expires_at": {"N": "1"}}
    [update, _] = transaction(TABLE, in_minutes(MINUTE), NOW, {(photo(0), "total"): tombstone})
    assert updated(update["Update"], tombstone)["magnitude"] == {"N": "1"}


def test_total_with_all_its_minutes_is_one_write_unit():
    recent = pack_minutes(dict.fromkeys(range(MINUTE - 60, MINUTE + 1), 60_000))
    assert len(recent) < 1024 - 200, "the rest of the row has less than 200 bytes"


def test_minutes_expire_and_totals_do_not():
    total, minute = transaction(TABLE, in_minutes(MINUTE), NOW, {})
    assert "expires_at" not in total["Update"]["UpdateExpression"]
    end = int(minute["Update"]["ExpressionAttributeValues"][":end"]["N"])
    assert end - MINUTE * 60 == RECEIPT_LIFETIME_SECONDS


def test_period_sorts_before_total_and_by_time():
    assert minute_period(MINUTE) == "minute#2026-11-20T12:34Z"
    assert minute_period(MINUTE) < minute_period(MINUTE + 1) < "total"
