"""Views into DynamoDB, each once: when delivered again, interrupted, refused, or replayed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from shared.timestamps import iso_milliseconds
from view_counter.segments import Action, cut, reads, refusals, transaction, uncovered
from view_counter.views import View

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Count(msgspec.Struct):
    """What became of views; those `left` are in the order of the stream, and `reasons` say why."""

    left: list[View]
    counted: int = 0
    repeated: int = 0
    reasons: list[str] = []


class _RefusedError(Exception):
    """Nothing was written, or nobody knows."""

    def __init__(self, actions: Sequence[Action], reasons: Sequence[Mapping[str, Any]]) -> None:
        self.counted_to, self.waiting = refusals(actions, reasons)


class ViewCounter(msgspec.Struct, frozen=True):
    """Counts views in the views table; `pause` sleeps for at most so many seconds."""

    dynamodb: "DynamoDBClient"
    table: str
    clock: Callable[[], datetime]
    pause: Callable[[float], None]

    def count(
        self, views: list[View], time_left: Callable[[], float], *, replay: bool = False
    ) -> Count:
        """Count the views that were not counted yet.

        In a delivery these are the views above their photo's guard, in a replay those without a
        receipt. When `time_left`, in seconds, is over, no call begins and the rest is left.
        """
        count = Count(views)
        longest_pause = 0.1
        while True:
            self._try(count, time_left, replay=replay)
            if not count.left or time_left() < longest_pause:
                return count
            self.pause(longest_pause)
            longest_pause = min(longest_pause * 2, 5.0)

    def _try(self, count: Count, time_left: Callable[[], float], *, replay: bool) -> None:
        left: list[View] = []
        # A refused photo waits with all that follows: its guard must not pass what is not counted.
        waiting: dict[str, str] = {}
        for segment in cut(count.left):
            rest = segment
            while time_left() > 0:
                pending = [view for view in rest if view.photo_id not in (waiting if rest is not segment else {})]
                if not pending:
                    break
                try:
                    counted = self._write(pending, replay=replay)
                except _RefusedError as error:
                    waiting |= error.waiting
                    new = [v for v in rest if v.sequence > error.counted_to.get(v.photo_id, 0)]
                    count.repeated += len(rest) - len(new)
                    rest = new
                else:
                    count.counted += counted
                    count.repeated += len(pending) - counted
                    rest = [view for view in rest if view.photo_id in waiting]
            left += rest
        count.left = left
        count.reasons = sorted(set(waiting.values()))

    def _write(self, views: list[View], *, replay: bool) -> int:
        """Add one segment, whole or not at all; how many of its views were new."""
        seen = None
        if replay:
            found = _ask(self.dynamodb.transact_get_items, reads(self.table, views))
            items = [response["Item"] for response in found["Responses"] if response.get("Item")]
            seen = {(item["photo_id"]["S"], item["period"]["S"]): item for item in items}
            views = uncovered(views, seen)
        if views:
            actions = transaction(self.table, views, iso_milliseconds(self.clock()), seen)
            _ask(self.dynamodb.transact_write_items, actions)
        return len(views)


def _ask(operation: Callable[..., Any], actions: Sequence[Action]) -> Any:
    try:
        return operation(TransactItems=actions)
    except ClientError as error:
        otherwise = [error.response["Error"]] * len(actions)
        reasons = cast("Any", error.response).get("CancellationReasons", otherwise)
        raise _RefusedError(actions, reasons) from error
    except BotoCoreError as error:
        raise _RefusedError(actions, [{"Code": type(error).__name__}] * len(actions)) from error
