import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import view_counter.view_records as core
from fakes.view_records import FIRST_SEQUENCE, SHARD, Record, photo, poison, record
from shared.events import UnexpectedEventError
from shared.quarantine import BrokenReleaseError
from shared.view_rows import SUFFIXES
from view_counter.view_records import View, read_batch, records_in

ARRIVED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = int(ARRIVED.timestamp()) // 60
VIEWED = "2026-11-20T12:34:56.789Z"


def minute_of(viewed_at: datetime) -> int:
    [view] = read_batch([record(1, viewed_at=viewed_at, arrived=ARRIVED)]).views
    return view.minute


def test_view_is_of_its_photo_and_minute():
    [view] = read_batch([record(7, photo(3), viewed_at=ARRIVED + timedelta(seconds=59.999))]).views
    assert view == View(FIRST_SEQUENCE + 7, photo(3), MINUTE, 0)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_view_has_any_partition_key_of_its_photo(suffix: str):
    [view] = read_batch([record(7, photo(3), key=f"{photo(3)}{suffix}")]).views
    assert (view.photo_id, view.partition_key) == (photo(3), f"{photo(3)}{suffix}")


def test_run_of_a_view_counts_poison_of_its_partition_key():
    own, spread = photo(0), f"{photo(0)}#0"
    records = [
        record(1, key=spread),
        record(2, data=b"poison"),
        record(3, key=spread),
        record(4, key=spread, data=b"poison"),
        record(5, key=own),
        record(6, key=spread),
    ]
    assert [view.run for view in read_batch(records).views] == [0, 0, 1, 1]


def test_repeated_view_is_left_out_under_any_key_of_the_photo():
    records = [record(1, viewer="maria"), record(2, key=f"{photo(0)}#a", viewer="maria")]
    assert [view.left_out for view in read_batch(records).views] == [False, True]


@pytest.mark.parametrize("hours", [-24, 0, 24])
def test_minute_within_the_streams_retention_is_that_of_the_view(hours: int):
    assert minute_of(ARRIVED + timedelta(hours=hours)) == MINUTE + hours * 60


@pytest.mark.parametrize(
    "viewed_at",
    [
        ARRIVED - timedelta(days=1, milliseconds=1),
        ARRIVED + timedelta(days=1, milliseconds=1),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_minute_beyond_it_is_that_of_the_arrival(viewed_at: datetime):
    assert minute_of(viewed_at) == MINUTE


def test_repeated_view_of_a_viewer_in_a_batch_is_left_out():
    batch = [
        record(1, photo(0), viewer="maria"),
        record(2, photo(0), viewer="otto"),
        record(3, photo(1), viewer="maria"),
        record(4, photo(0), viewer="maria"),
        record(5, photo(0)),
        record(6, photo(0)),
        record(7, photo(0), viewer="maria", viewed_at=ARRIVED + timedelta(hours=1)),
    ]
    views = read_batch(reversed(batch)).views
    assert [view.left_out for view in views] == [False, False, False, True, False, False, True]


def test_view_whose_first_is_poison_is_counted():
    first = record(
        1, data=b'{"photo_id": "x", "viewer": "maria", "viewed_at": "%s"}' % VIEWED.encode()
    )
    [view] = read_batch([first, record(2, viewer="maria")]).views
    assert not view.left_out


POISON: dict[str, Record] = {
    "viewer is a number": record(
        1,
        data=b'{"photo_id": "%s", "viewed_at": "%s", "viewer": 1}'
        % (photo(0).encode(), VIEWED.encode()),
    ),
    "empty": record(1, data=b""),
    "not base64": record(1, data="-"),
    "not JSON": record(1, data=b"not JSON"),
    "not UTF-8": record(1, data=b'{"photo_id": "\xff"}'),
    "a list": record(1, data=b"[]"),
    "no photo": record(1, data=b'{"viewed_at": "%s"}' % VIEWED.encode()),
    "no time": record(1, data=b'{"photo_id": "%s"}' % photo(0).encode()),
    "photo is a number": record(1, data=b'{"photo_id": 1, "viewed_at": "%s"}' % VIEWED.encode()),
    "time is a number": record(
        1, data=b'{"photo_id": "%s", "viewed_at": 1795091696}' % photo(0).encode()
    ),
    "time of no zone": record(
        1, data=b'{"photo_id": "%s", "viewed_at": "2026-11-20T12:34:56"}' % photo(0).encode()
    ),
    "time of no clock": record(
        1, data=b'{"photo_id": "%s", "viewed_at": "2026-11-20T25:34:56Z"}' % photo(0).encode()
    ),
    "two documents": record(1, data=b"{}{}"),
    "foreign partition key": record(1, photo(0), key=photo(1)),
    "spread key of another photo": record(1, photo(0), key=f"{photo(1)}#0"),
    "no spread key": record(1, key=f"{photo(0)}#g"),
    "spread key of two digits": record(1, key=f"{photo(0)}#00"),
    "spread key in capitals": record(1, key=f"{photo(0)}#A"),
    "spread key without a digit": record(1, key=f"{photo(0)}#"),
    "id is a spread key": record(1, f"{photo(0)}#0"),
    "UUIDv4": record(1, "5f0c0a3e-8a43-4f0c-9d5d-0e3f6a3b2c1d"),
    "capitals": record(1, photo(10).upper()),
    "braces": record(1, f"{{{photo(0)}}}"),
    "no UUID": record(1, "photo"),
    "aggregated": record(1, data=b"\xf3\x89\x9a\xc2\n\x24" + photo(0).encode()),
    "1 MB of nothing": record(1, data=bytes(1024 * 1024)),
    "1 MB of spaces": record(1, data=b" " * 1024 * 1024),
    "1 MB of brackets": record(1, data=b"[" * 1024 * 1024),
    "1 MB of nesting": record(1, data=b'{"x":' + b"[" * 1024 * 1024),
}


@pytest.mark.parametrize("case", POISON)
def test_poison_is_separated_from_its_neighbours_and_kept_whole(case: str):
    bad = POISON[case]
    batch = read_batch([record(0), bad, record(2)])
    assert [view.sequence - FIRST_SEQUENCE for view in batch.views] == [0, 2]
    [(sequence, kept)] = batch.poison
    assert sequence == FIRST_SEQUENCE + 1
    assert kept.record is bad
    assert kept.position == f"{SHARD}/{sequence}"
    assert kept.function == "view_counter"
    assert kept.reason
    assert "the function raised" not in kept.reason


def test_view_with_fields_of_a_newer_api_is_not_poison():
    data = b'{"photo_id": "%s", "viewed_at": "%s", "from": "DE"}' % (
        photo(0).encode(),
        VIEWED.encode(),
    )
    assert len(read_batch([record(1, data=data)]).views) == 1


def test_poison_splits_the_receipts_of_its_own_partition_key_only():
    batch = read_batch(
        [
            record(1, photo(0)),
            record(2, photo(1)),
            poison(3, photo(0)),
            record(4, photo(0)),
            record(5, photo(1)),
        ]
    )
    assert [(view.photo_id, view.run) for view in batch.views] == [
        (photo(0), 0),
        (photo(1), 0),
        (photo(0), 1),
        (photo(1), 0),
    ]


def test_repeated_and_reordered_records_are_read_like_the_stream():
    records = [record(number) for number in (1, 2, 3)]
    disorder = [records[2], records[0], records[0], records[1], records[2]]
    assert read_batch(disorder) == read_batch(records)


def raise_on(monkeypatch: pytest.MonkeyPatch, count: int) -> list[Record]:
    """A batch on which a broken version of the function raises the given number of times."""
    read = core._read

    def broken(kinesis: dict[str, Any], *key: str) -> tuple[int, str | None]:
        if base64.b64decode(kinesis["data"]) == b"unexpected":
            raise ZeroDivisionError
        return read(kinesis, *key)

    monkeypatch.setattr(core, "_read", broken)
    return [record(0), *(record(number, data=b"unexpected") for number in range(1, count + 1))]


def test_record_that_our_own_code_raises_on_is_poison(monkeypatch: pytest.MonkeyPatch):
    batch = read_batch(raise_on(monkeypatch, 10))
    assert len(batch.views) == 1
    assert {kept.reason for _, kept in batch.poison} == {"the function raised ZeroDivisionError()"}


def test_more_than_ten_of_them_are_a_broken_release(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(BrokenReleaseError, match="11 records") as raised:
        read_batch(raise_on(monkeypatch, 11))
    assert len(raised.value.exceptions) == 11


def test_a_thousand_poison_records_are_not_a_broken_release():
    assert len(read_batch([poison(number) for number in range(1000)]).poison) == 1000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("approximateArrivalTimestamp", None),
        ("approximateArrivalTimestamp", "1795178096"),
        ("approximateArrivalTimestamp", float("nan")),
        ("data", None),
        ("data", 7),
        ("data", ["aGk="]),
    ],
)
def test_record_that_lacks_what_kinesis_writes_is_poison_alone(field: str, value: Any):
    records = [record(number) for number in range(40)]
    for each in records[1:21]:
        each["kinesis"][field] = value
        if value is None:
            del each["kinesis"][field]
    batch = read_batch(records)
    assert (len(batch.views), len(batch.poison)) == (20, 20), "no broken release, no exception"


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        None,
        {"httpMethod": "GET"},
        {"Records": {}},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"Records": [{"dynamodb": {"SequenceNumber": "1"}, "eventName": "MODIFY"}]},
        {"redrive": {}},
        {"redrive": {"records": [{"eventSource": "aws:s3"}]}},
    ],
)
def test_event_of_another_source_is_refused(event: Any):
    with pytest.raises(UnexpectedEventError, match="view_counter expects a batch of Kinesis"):
        records_in(event)


def test_records_of_a_delivery_and_of_a_redrive_are_found():
    records = [record(1), record(2)]
    assert records_in({"Records": records}) == records
    assert records_in({"redrive": {"records": records}}) == records
