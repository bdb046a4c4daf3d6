from localcloud.ministack.set_back_clock import SetBacks, limit, move_back

TWO_HOURS = 7200.0


class Clocks:
    wall = 10_000.0
    steady = 50.0


def test_only_a_clock_that_was_set_back_is_noticed():
    clocks = Clocks()
    set_backs = SetBacks(lambda: clocks.wall, lambda: clocks.steady)
    clocks.wall, clocks.steady = 10_010.0, 60.0
    assert set_backs.since_last_call() == 0
    clocks.wall = 10_010.0 + TWO_HOURS
    assert set_backs.since_last_call() == 0
    clocks.wall, clocks.steady = 10_011.0, 61.0
    assert set_backs.since_last_call() == TWO_HOURS
    assert set_backs.since_last_call() == 0
    clocks.wall -= 0.01
    assert set_backs.since_last_call() == 0


def test_message_is_invisible_for_no_longer_after_the_clock_was_set_back():
    now = 10_000.0
    waiting = {"visible_at": now + TWO_HOURS - 5, "sent_at": now + TWO_HOURS - 5}
    in_flight = {"visible_at": now + TWO_HOURS + 20, "sent_at": now + TWO_HOURS - 60}
    since = {"visible_at": now, "sent_at": now}
    queue = {"messages": [waiting, in_flight, since], "dedup_cache": {}}
    move_back(queue, now, TWO_HOURS)
    assert waiting == {"visible_at": now - 5, "sent_at": now - 5}
    assert in_flight == {"visible_at": now + 20, "sent_at": now - 60}
    assert since == {"visible_at": now, "sent_at": now}


def test_deduplication_ends_no_later_after_the_clock_was_set_back():
    now = 10_000.0
    cache = {"before": {"expire": now + TWO_HOURS + 100}, "since": {"expire": now + 299}}
    move_back({"messages": [], "dedup_cache": cache}, now, TWO_HOURS)
    assert cache == {"before": {"expire": now + 100}, "since": {"expire": now + 299}}


def test_schedule_that_fired_in_the_future_counts_from_now():
    moments = {"hourly": 10_000.0 + TWO_HOURS, "daily": 9_000.0}
    limit(moments, 10_000.0)
    assert moments == {"hourly": 10_000.0, "daily": 9_000.0}
