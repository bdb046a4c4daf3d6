"""Queues and schedules after the wall clock was set back; runs inside ministack's process.

ministack notes by the wall clock from when a message is visible, and when a schedule fired last.
After the clock was set back by two hours, waiting messages would be invisible for two hours, and
schedules idle.
"""

import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

_DEDUPLICATION_SECONDS: Final = 300.0


class SetBacks:
    """Tells by how much the wall clock was set back; `steady` is a clock that never is."""

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall = wall
        self._steady = steady
        self._difference = wall() - steady()

    def since_last_call(self) -> float:
        """Seconds; 0 if the clock was corrected by less than one, or set forward."""
        before, self._difference = self._difference, self._wall() - self._steady()
        back = before - self._difference
        return back if back >= 1 else 0


def install() -> None:
    """Wrap the functions of ministack that read a queue, and that look for due schedules.

    Raises:
        AttributeError: this version of ministack lacks something that is needed here.
    """
    from ministack.services import eventbridge, scheduler, sqs  # noqa: PLC0415

    set_backs, lock = SetBacks(time.time, time.monotonic), threading.Lock()
    expire = sqs._expire_retained  # noqa: SLF001 - called before each look at a queue's messages
    tick, tick_rules = scheduler._tick_schedules, eventbridge._tick_scheduled_rules  # noqa: SLF001
    fired, rules_fired = scheduler._schedule_last_fired, eventbridge._rule_last_fired  # noqa: SLF001

    def expire_after_correction(queue: dict[str, Any]) -> None:
        with lock:
            if back := set_backs.since_last_call():
                for each in sqs._queues._data.values():  # noqa: SLF001 - of all accounts
                    move_back(each, time.time(), back)
        expire(queue)

    def tick_after_correction() -> None:
        limit(fired, time.time())
        tick()

    def tick_rules_after_correction() -> None:
        limit(rules_fired, time.time())
        tick_rules()

    sqs._expire_retained = expire_after_correction  # noqa: SLF001
    scheduler._tick_schedules = tick_after_correction  # noqa: SLF001
    eventbridge._tick_scheduled_rules = tick_rules_after_correction  # noqa: SLF001


def move_back(queue: dict[str, Any], now: float, seconds: float) -> None:
    """Move what a queue noted before the clock was set back.

    What is not in the future may have been noted since, and stays.
    """
    for message in queue["messages"]:
        for name in ("visible_at", "sent_at", "enqueued_at"):
            if message.get(name) and message[name] > now:
                message[name] -= seconds
    for sent in queue["dedup_cache"].values():
        if sent["expire"] > now + _DEDUPLICATION_SECONDS:
            sent["expire"] -= seconds


def limit[Key](moments: MutableMapping[Key, float], now: float) -> None:
    """Set moments in the future to now."""
    for key, moment in list(moments.items()):
        moments[key] = min(moment, now)
