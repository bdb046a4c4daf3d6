"""Records that are delivered again, interrupted, or lost and replayed."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from fakes.view_records import Counting, Record, photo, poison, record
from tests.support.faults import CrashError, raising, refusal
from view_counter.view_records import read_batch

READ, WRITE = "TransactGetItems", "TransactWriteItems"


@pytest.fixture
def counting() -> Counting:
    return Counting()


def batch(start: int = 0, count: int = 20, photos: int = 5) -> list[Record]:
    return [record(number, photo(number % photos)) for number in range(start, start + count)]


def long_batch() -> list[Record]:
    """Five segments: 120 photos of one minute, in turn."""
    return [record(number, photo(number % 120)) for number in range(240)]


def at_call(number: int, act: Callable[[], object], operation: str = WRITE) -> Any:
    """A hook that acts once, at the operation's call with the given number."""
    calls = 0

    def hook(called: str, _: object) -> None:
        nonlocal calls
        calls += called == operation
        if called == operation and calls == number:
            act()

    return hook


def test_batch_of_one_minute_is_one_read_and_one_write(counting: Counting):
    records = batch(count=1000, photos=50)
    result = counting.deliver(*records)
    assert (result.new, result.already_counted, result.not_counted) == (1000, 0, [])
    assert counting.tables.calls == {READ: 1, WRITE: 1}
    counting.assert_counted(*records)


def test_number_of_calls_is_that_of_segments(counting: Counting):
    counting.deliver(*long_batch())
    # 50 photos each of 240 views in a round of 120
    assert counting.tables.calls == {READ: 5, WRITE: 5}
    counting.assert_counted(*long_batch())


def test_empty_batch_is_no_call(counting: Counting):
    counting.deliver()
    assert not counting.tables.calls


def test_views_that_may_be_counted_need_the_receipts(counting: Counting):
    counting.deliver(*batch())
    counting.tables.calls.clear()
    counting.deliver(*batch())
    assert counting.tables.calls == {READ: 2}, "the totals, then also the receipts"
    counting.tables.calls.clear()
    counting.replay(*batch())
    assert counting.tables.calls == {READ: 1}


def test_redelivery_counts_nothing(counting: Counting):
    counting.deliver(*batch())
    result = counting.deliver(*batch())
    assert (result.new, result.already_counted) == (0, 20)
    counting.assert_counted(*batch())


@pytest.mark.parametrize("batch_range", [(0, 30), (5, 15), (10, 30), (19, 20), (0, 21)])
def test_redelivery_in_another_batch_counts_only_new_views(
    counting: Counting, batch_range: tuple[int, int]
):
    records = batch(count=30)
    counting.deliver(*records[:20])
    counting.deliver(*records[slice(*batch_range)])
    counting.assert_counted(*records[: max(20, batch_range[1])])


def test_halves_of_a_bisected_batch_count_only_new_views(counting: Counting):
    records = long_batch()
    counting.tables.before = at_call(2, raising(CrashError()))
    with pytest.raises(CrashError):
        counting.deliver(*records)
    for half in (records[:120], records[120:]):
        counting.deliver(*half)
    counting.assert_counted(*records)


def test_two_batches_of_a_shard_at_the_same_time_are_counted(counting: Counting):
    """With a parallelization factor of two: the batches never have the same photo."""
    records = long_batch()
    mine = [each for each in records if int(each["kinesis"]["partitionKey"][-2:], 16) % 2]
    others = [each for each in records if each not in mine]
    counting.tables.before = at_call(2, lambda: counting.deliver(*others))
    counting.deliver(*mine)
    counting.assert_counted(*records)


@pytest.mark.parametrize("lost", range(1, 6))
def test_commit_whose_answer_is_lost_is_found_again(counting: Counting, lost: int):
    counting.tables.after = at_call(lost, raising(ReadTimeoutError(endpoint_url="https://aws")))
    result = counting.deliver(*long_batch())
    assert not result.not_counted
    counting.assert_counted(*long_batch())


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("deaths", [1, 3])
def test_batch_that_fails_between_segments_until_it_is_discarded_is_replayed_exactly(
    counting: Counting, moment: str, deaths: int
):
    for death in range(1, deaths + 1):
        call = death if moment == "before" else 1  # of those that are not refused
        setattr(counting.tables, moment, at_call(call, raising(CrashError())))
        with pytest.raises(CrashError):
            counting.deliver(*long_batch())
    setattr(counting.tables, moment, lambda *_: None)
    partly = sum(counting.totals.values())
    assert partly < 240
    later = [record(number, photo(number % 120)) for number in range(240, 300)]
    counting.deliver(*later)  # the stream continues
    result = counting.replay(*long_batch())
    assert (result.new, result.already_counted, result.not_counted) == (240 - partly, partly, [])
    counting.assert_counted(*long_batch(), *later)


def test_batch_discarded_by_its_age_is_replayed_although_last_sequence_is_higher(
    counting: Counting,
):
    counting.deliver(*batch(20))
    assert counting.replay(*batch()).new == 20
    counting.assert_counted(*batch(), *batch(20))
    assert counting.deliver(*batch(20)).new == 0, "the guard must not go back"


def test_replay_counts_each_view_between_those_that_were_counted(counting: Counting):
    records = batch(count=30, photos=2)
    for start in range(0, 30, 4):
        counting.deliver(*records[start : start + 2])
    counting.replay(*records)
    counting.assert_counted(*records)


def test_replay_finds_the_receipts_of_any_batch(counting: Counting):
    records = batch(count=40)
    counting.deliver(*records[10:25])
    for start in range(0, 40, 7):
        counting.replay(*records[start : start + 9])
    counting.assert_counted(*records)


def test_photo_that_moves_to_a_child_shard_is_counted(counting: Counting):
    parent, discarded = batch(0), batch(20)
    child = [record(10**6 + number, shard="shardId-000000000001") for number in range(9)]
    counting.deliver(*parent)
    counting.deliver(*child)
    counting.deliver(*child)
    assert counting.replay(*discarded).new == 20
    assert counting.replay(*discarded).new == 0
    counting.assert_counted(*parent, *discarded, *child)


def test_keys_of_a_photo_in_shards_whose_numbers_overlap_are_counted(counting: Counting):
    """The range of one key covers sequence numbers that are another key's in another shard."""
    own = [record(number) for number in (0, 10, 20)]
    spread = [record(number, key=f"{photo(0)}#3", shard="shardId-1") for number in (5, 15, 25)]
    counting.deliver(*own)
    assert counting.deliver(*spread).new == 3
    assert counting.replay(*own, *spread).new == 0
    counting.assert_counted(*own, *spread)


def test_busy_key_of_a_photo_holds_back_no_other_key(counting: Counting):
    own, spread = record(1), record(2, key=f"{photo(0)}#3")
    counting.tables.busy = lambda action: (
        "ThrottlingError" if action["Key"]["period"]["S"] == "total#3" else None
    )
    result = counting.deliver(own, spread)
    assert [view.partition_key for view in result.not_counted] == [f"{photo(0)}#3"]
    counting.assert_counted(own)


def test_replay_twice_counts_once(counting: Counting):
    counting.deliver(*batch(0, 7))
    assert counting.replay(*batch()).new == 13
    assert counting.replay(*batch()).new == 0
    counting.assert_counted(*batch())


@pytest.mark.parametrize("guard_is_beyond", [True, False])
@pytest.mark.parametrize("first", ["the same", "one record of it"])
def test_two_replays_at_once_count_once(counting: Counting, first: str, guard_is_beyond: bool):
    later = batch(100) if guard_is_beyond else []
    counting.deliver(*later)
    other = batch() if first == "the same" else batch()[3:4]
    counting.tables.before = at_call(1, lambda: counting.replay(*other))
    assert counting.replay(*batch()).not_counted == []
    counting.assert_counted(*batch(), *later)


def test_replay_during_a_delivery_counts_once(counting: Counting):
    counting.tables.before = at_call(1, lambda: counting.deliver(*batch(20)))
    counting.replay(*batch())
    counting.assert_counted(*batch(), *batch(20))


def test_delivery_during_a_replay_of_the_same_records_counts_once(counting: Counting):
    """As if Lambda stores a failed batch and then delivers it again."""
    counting.tables.before = at_call(1, lambda: counting.replay(*batch()))
    counting.deliver(*batch())
    counting.assert_counted(*batch())


def test_replay_whose_answer_is_lost_counts_once(counting: Counting):
    counting.tables.after = at_call(1, raising(ReadTimeoutError(endpoint_url="https://aws")))
    assert counting.replay(*batch()).not_counted == []
    counting.assert_counted(*batch())


@pytest.mark.parametrize("moment", ["before", "after"])
def test_replay_that_is_killed_is_finished_by_the_next(counting: Counting, moment: str):
    setattr(counting.tables, moment, at_call(3, raising(CrashError())))
    with pytest.raises(CrashError):
        counting.replay(*long_batch())
    counting.replay(*long_batch())
    counting.assert_counted(*long_batch())


def test_quarantined_record_is_counted_by_a_fixed_version_once(counting: Counting):
    """The fixed version reads as a view what was poison between two others."""
    broken = [record(1), poison(2), record(3)]
    fixed = record(2)
    counting.deliver(*broken)
    assert counting.replay(fixed).new == 1
    assert counting.replay(fixed).new == 0
    counting.assert_counted(record(1), fixed, record(3))


def test_record_that_a_fixed_version_was_delivered_has_a_receipt(counting: Counting):
    records = [record(1), record(2), record(3)]
    counting.deliver(*records)
    counting.replay(records[1])
    counting.assert_counted(*records)


def test_record_that_was_replayed_is_not_counted_when_it_is_delivered(counting: Counting):
    records = [record(1), record(2), record(3)]
    counting.deliver(records[0])
    counting.replay(records[1])
    counting.deliver(*records)
    counting.assert_counted(*records)


def busy(*photos: str, times: int = 1, code: str = "ThrottlingError") -> Any:
    """The rows of these photos are busy for the given number of transactions."""
    asked: list[str] = []

    def reason(action: dict[str, Any]) -> str | None:
        photo_id = action["Key"]["photo_id"]["S"]
        if photo_id not in photos or action["Key"]["period"]["S"] != "total":
            return None
        asked.append(photo_id)
        return code if asked.count(photo_id) <= times else None

    return reason


@pytest.mark.parametrize("code", ["ThrottlingError", "TransactionConflict", "ValidationError"])
def test_busy_photo_is_removed_and_tried_again(counting: Counting, code: str):
    counting.tables.busy = busy(photo(2), code=code)
    result = counting.deliver(*batch())
    assert (result.new, result.not_counted) == (20, [])
    assert counting.tables.calls == {READ: 3, WRITE: 3}, "refused, the rest, the photo"
    assert counting.clock.pauses == [0.1]
    counting.assert_counted(*batch())


def test_busy_photo_holds_back_all_its_views_and_no_others(counting: Counting):
    counting.tables.busy = busy(photo(2), times=10**6)
    result = counting.deliver(*long_batch())
    assert [view.photo_id for view in result.not_counted] == [photo(2)] * 2
    assert result.reasons == {"ThrottlingError"}
    others = [each for each in long_batch() if each["kinesis"]["partitionKey"] != photo(2)]
    counting.assert_counted(*others)
    counting.tables.busy = lambda _: None
    counting.deliver(*long_batch())
    counting.assert_counted(*long_batch())


def test_view_that_was_busy_is_counted_though_a_later_one_was_before(counting: Counting):
    """`last_sequence` is higher already, so only the receipts show it."""
    counting.tables.busy = busy(photo(2))
    counting.clock.left = 0.05
    result = counting.deliver(*long_batch())
    assert [view.photo_id for view in result.not_counted] == [photo(2)]
    assert counting.totals[photo(2)] == 1
    counting.deliver(*long_batch())
    counting.assert_counted(*long_batch())


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_no_order_of_deliveries_loses_or_repeats_a_view(counting: Counting, order: tuple[int, ...]):
    """As if sequence numbers did not increase across a reshard; AWS does not promise that."""
    records = batch(count=30)
    for third in (*order, *order):
        counting.deliver(*records[third * 10 : third * 10 + 10])
    counting.assert_counted(*records)


def test_poison_that_is_read_as_a_view_after_later_ones_were_counted_is_counted(
    counting: Counting,
):
    """It could not be quarantined, and was delivered again to a fixed version."""
    counting.deliver(poison(1), record(2))
    result = counting.deliver(record(1), record(2))
    assert (result.new, result.already_counted) == (1, 1)
    counting.assert_counted(record(1), record(2))


def test_busy_and_counted_photos_in_one_refusal(counting: Counting):
    counting.deliver(*batch()[:7])
    counting.tables.busy = busy(photo(4))
    result = counting.deliver(*batch())
    assert (result.new, result.already_counted, result.not_counted) == (13, 7, [])
    counting.assert_counted(*batch())


def test_pauses_grow_and_end_with_the_time(counting: Counting):
    counting.tables.before = always(raising(refusal("ThrottlingException")))
    result = counting.deliver(*batch())
    assert len(result.not_counted) == 20
    assert result.reasons == {"ThrottlingException"}
    assert counting.clock.pauses[:3] == [0.1, 0.2, 0.4]
    assert max(counting.clock.pauses) == 5
    assert 0 <= counting.clock.left < 5


@pytest.mark.parametrize(
    "fault", [refusal("InternalServerError"), ReadTimeoutError(endpoint_url="https://aws")]
)
def test_counting_waits_for_the_end_of_an_outage(counting: Counting, fault: Exception):
    def outage(*_: object) -> None:
        if counting.clock.left > 30:
            raise fault

    counting.tables.before = outage
    assert counting.deliver(*batch()).not_counted == []
    counting.assert_counted(*batch())


@pytest.mark.parametrize("replay", [True, False])
def test_no_call_begins_when_the_time_is_over(counting: Counting, replay: bool):
    counting.clock.left = 0
    result = (counting.replay if replay else counting.deliver)(*batch())
    assert result.not_counted == read_batch(batch()).views
    assert not counting.tables.calls


def test_lack_of_time_between_segments_leaves_the_rest(counting: Counting):
    def pass_time(operation: str, _: object) -> None:
        counting.clock.left -= 20 * (operation == WRITE)

    counting.tables.before = pass_time
    result = counting.deliver(*long_batch())
    assert (result.new, len(result.not_counted)) == (150, 90)
    assert result.not_counted == read_batch(long_batch()).views[150:]


def always(act: Callable[[], object]) -> Any:
    return lambda *_: act()


def test_repeated_view_has_a_receipt_and_adds_nothing(counting: Counting):
    records = [record(number, viewer="maria") for number in range(3)] + [record(3)]
    result = counting.deliver(*records)
    assert (result.new, result.left_out, counting.totals[photo(0)]) == (4, 2, 2)
    again = counting.deliver(*records)
    assert (again.new, again.already_counted, counting.totals[photo(0)]) == (0, 4, 2)


@pytest.mark.parametrize("batch_range", [(0, 1), (1, 2), (2, 3)])
def test_left_out_view_is_not_counted_by_a_redelivery_in_another_batch(
    counting: Counting, batch_range: tuple[int, int]
):
    records = [record(number, viewer="maria") for number in range(3)]
    counting.deliver(*records)
    counting.deliver(*records[slice(*batch_range)])
    counting.replay(*records[slice(*batch_range)])
    assert counting.totals[photo(0)] == 1
