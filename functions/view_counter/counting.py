"""Count each stream record exactly once.

This is also true if a record is delivered again or replayed, the function crashes, or DynamoDB
refuses a transaction.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from view_counter.segments import (
    CHANGED,
    Action,
    Rows,
    cut,
    may_have_receipts,
    reads,
    refusals,
    transaction,
    without_receipt,
)
from view_counter.view_records import View

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class CountResult(msgspec.Struct):
    """What became of the views of a batch.

    Each view is in one of three places. `new` counts the views of transactions that succeeded.
    `already_counted` counts the views for which a receipt was found. `not_counted` lists the
    others: they must be delivered again. If a transaction got no answer, they may have been
    counted; the next attempt then finds their receipts.

    `left_out` is the part of `new` that adds nothing to the totals (see `View.left_out`).
    `reasons` has the error codes of all transactions that failed.
    """

    not_counted: list[View]
    new: int = 0
    left_out: int = 0
    already_counted: int = 0
    reasons: set[str] = set()


class _NotCountedError(Exception):
    """A transaction was refused, got no answer or was not begun.

    `reasons` has an error code for each partition key whose rows DynamoDB refused. If the
    transaction failed as a whole, each of its keys has the same code.
    """

    def __init__(self, reasons: dict[str, str]) -> None:
        self.reasons = reasons


class ViewCounter(msgspec.Struct, frozen=True):
    """Counts views in the views table; `pause` sleeps for at most the given number of seconds."""

    dynamodb: "DynamoDBClient"
    table: str
    clock: Callable[[], datetime]
    pause: Callable[[float], None]

    def count(
        self, views: list[View], time_left: Callable[[], float], *, replay: bool = False
    ) -> CountResult:
        """Count the views that have no receipt.

        In a `replay` the first read of the rows already includes the receipts. They are usually
        needed, because later views of the same partition keys have been counted: see
        `may_have_receipts`.

        Once `time_left()` returns 0 seconds or less, no call to AWS begins. The views that are not
        counted by then are in `not_counted`.
        """
        result = CountResult(views)
        longest_pause = 0.1
        while True:
            self._try(result, time_left, replay=replay)
            if not result.not_counted or time_left() < longest_pause:
                return result
            self.pause(longest_pause)
            longest_pause = min(longest_pause * 2, 5.0)

    def _try(self, result: CountResult, time_left: Callable[[], float], *, replay: bool) -> None:
        views, result.not_counted = result.not_counted, []
        for segment in cut(views):
            rest = segment
            while rest and time_left() > 0:
                try:
                    new = self._count_segment(rest, time_left, replay=replay)
                except _NotCountedError as error:
                    # The views of the keys in `failed` wait for the pause. The segment's other
                    # views, also those whose total has changed, are tried again at once.
                    failed = {key for key, why in error.reasons.items() if why != CHANGED}
                    result.reasons |= set(error.reasons.values())
                    result.not_counted += [view for view in rest if view.partition_key in failed]
                    rest = [view for view in rest if view.partition_key not in failed]
                else:
                    result.new += len(new)
                    result.left_out += sum(view.left_out for view in new)
                    result.already_counted += len(rest) - len(new)
                    rest = []
            result.not_counted += rest

    def _count_segment(
        self, views: list[View], time_left: Callable[[], float], *, replay: bool
    ) -> list[View]:
        """Count one segment in one transaction; returns its views that were new."""
        seen = self._read(views, time_left, with_receipts=replay)
        if not replay and may_have_receipts(views, seen):
            seen = self._read(views, time_left, with_receipts=True)
        new = without_receipt(views, seen)
        if new:
            actions = transaction(self.table, new, self.clock(), seen)
            _transact(self.dynamodb.transact_write_items, actions, time_left)
        return new

    def _read(
        self, views: list[View], time_left: Callable[[], float], *, with_receipts: bool
    ) -> Rows:
        """The rows to which the views are added, as they are at one moment."""
        actions = reads(self.table, views, with_receipts=with_receipts)
        found = _transact(self.dynamodb.transact_get_items, actions, time_left)
        items = [response["Item"] for response in found["Responses"] if response.get("Item")]
        return {(item["photo_id"]["S"], item["period"]["S"]): item for item in items}


def _transact(
    operation: Callable[..., Any], actions: list[Action], time_left: Callable[[], float]
) -> Any:
    if time_left() <= 0:
        raise _NotCountedError(refusals(actions, [{"Code": "no time is left"}] * len(actions)))
    try:
        return operation(TransactItems=actions)
    except (BotoCoreError, ClientError) as error:
        unanswered = {"Error": {"Code": type(error).__name__}}
        response: Any = error.response if isinstance(error, ClientError) else unanswered
        reasons = response.get("CancellationReasons", [response["Error"]] * len(actions))
        raise _NotCountedError(refusals(actions, reasons)) from error
