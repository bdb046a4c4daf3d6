"""Mutations: each removes one safeguard of a function or of the engine."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.event_sources.engine import Engine
from localcloud.event_sources.shards import ShardProgress
from tests.simulation.call_faults import THREAD
from tests.simulation.clients import FaultyTables
from tests.simulation.functions import Function

type Mutation = Callable[[Function, pytest.MonkeyPatch], None]


def condition_of_deliveries(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A delivery writes although the totals may have changed since it read them."""
    _change_transactions(function, patch, lambda seen: not _has_receipts(seen))


def condition_after_receipts(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A replay writes although the rows may have changed since it read them."""
    _change_transactions(function, patch, _has_receipts)


def check_of_the_last_sequence(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A delivery reads no receipts, although its views may have some."""
    patch.setattr(function.part("counting"), "may_have_receipts", lambda *_: False)


def minutes_of_the_total(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A total keeps only the minutes of its last transaction."""
    patch.setattr(function.part("segments"), "unpack_minutes", lambda _: {})


def magnitude_of_the_new_total(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A total keeps the magnitude with which it began."""
    segments = function.part("segments")
    magnitude = segments.magnitude
    patch.setattr(segments, "magnitude", lambda views: min(1, magnitude(views)))


def magnitude_of_views_that_count(function: Function, patch: pytest.MonkeyPatch) -> None:
    """The magnitude is also that of views that are left out."""
    segments = function.part("segments")
    magnitude = segments.magnitude
    patch.setattr(segments, "magnitude", lambda views: max(1, magnitude(views)))


def check_of_receipts(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A replay counts all its records."""
    patch.setattr(function.part("counting"), "without_receipt", lambda views, _seen: list(views))


def last_sequence_that_never_decreases(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A replay sets `last_sequence` to its own last record, even if that is lower."""
    counting = function.part("counting")
    make = counting.transaction
    nothing = {"last_sequence": {"S": ""}}

    def transaction(table: str, segment: Any, now: Any, seen: Any) -> Any:
        without_last_sequence = {key: {**row, **nothing} for key, row in seen.items()}
        return make(table, segment, now, without_last_sequence)

    patch.setattr(counting, "transaction", transaction)


def receipts_that_end_at_poison(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A receipt also covers the poison between two views."""
    _change_views(function, patch, run=0)


def rows_by_photo(function: Function, patch: pytest.MonkeyPatch) -> None:
    """All partition keys of a photo share the rows of the photo id."""
    _change_views(function, patch, suffix="")


def receipts_by_photo(function: Function, patch: pytest.MonkeyPatch) -> None:
    """All partition keys of a photo share the rows of minutes, and so their receipts."""
    segments = function.part("segments")
    patch.setattr(
        segments, "_minute_row", lambda view: (view.photo_id, segments.minute_period(view.minute))
    )


def receipts_below_the_last_sequence(function: Function, patch: pytest.MonkeyPatch) -> None:
    """Views up to `last_sequence` count as counted, without a check of the receipts."""

    def above_the_last_sequence(views: Any, seen: Any) -> list[Any]:
        nothing = {"last_sequence": {"S": ""}}
        return [
            view
            for view in views
            if f"{view.sequence:056}"
            > seen.get((view.photo_id, f"total{view.suffix}"), nothing)["last_sequence"]["S"]
        ]

    patch.setattr(function.part("counting"), "without_receipt", above_the_last_sequence)


def report_of_the_first_failure(function: Function, patch: pytest.MonkeyPatch) -> None:
    """The answer names the last failed record instead of the first."""
    patch.setattr(function.module, "min", max, raising=False)


def version_condition(_: Function, patch: pytest.MonkeyPatch) -> None:
    """The last write wins, even if it is older."""
    put = FaultyTables.put_item

    def put_item(self: FaultyTables, **request: Any) -> dict[str, Any]:
        return put(self, **{**request, "ConditionExpression": None})

    patch.setattr(FaultyTables, "put_item", put_item)


def stop_at_the_first_failure(function: Function, patch: pytest.MonkeyPatch) -> None:
    """All records are tried, and all failed ones are reported."""
    apply, handle = function.module._apply, function.handler

    def apply_or_note_failure(step: Any) -> float:
        try:
            seconds: float = apply(step)
        except (BotoCoreError, ClientError, TimeoutError):
            FAILED[id(THREAD.clock)].append({"itemIdentifier": step.position})
            return 0
        return seconds

    def handler(event: Any, context: Any) -> Any:
        FAILED[id(context)] = []
        answer = handle(event, context)
        return {**answer, "batchItemFailures": FAILED.pop(id(context))}

    patch.setattr(function.module, "_apply", apply_or_note_failure)
    patch.setattr(function.module, "handler", handler)


def invalidation(function: Function, patch: pytest.MonkeyPatch) -> None:
    """Deletions are not invalidated in the CDN."""
    patch.setattr(function.module, "_invalidate", lambda *_: None)


def report_of_failed_invalidations(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A refused invalidation is not reported."""
    invalidate = function.module._invalidate

    def try_to_invalidate(*arguments: Any) -> None:
        with contextlib.suppress(BotoCoreError, ClientError, TimeoutError):
            invalidate(*arguments)

    patch.setattr(function.module, "_invalidate", try_to_invalidate)


def invalidation_of_earlier_tombstones(function: Function, patch: pytest.MonkeyPatch) -> None:
    """Only tombstones that this invocation has written are invalidated."""
    apply, invalidate = function.module._apply, function.module._invalidate
    new: set[str] = set()

    def apply_and_note(step: Any) -> float:
        seconds: float = apply(step)
        (new.add if seconds else new.discard)(step.position)
        return seconds

    def invalidate_new(deletions: Any) -> None:
        if deletions := [each for each in deletions if each.position in new]:
            invalidate(deletions)

    patch.setattr(function.module, "_apply", apply_and_note)
    patch.setattr(function.module, "_invalidate", invalidate_new)


def invalidation_after_the_row(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A deletion is invalidated in the CDN before the catalog has it."""
    apply, invalidate = function.module._apply, function.module._invalidate

    def invalidate_and_apply(step: Any) -> float:
        if getattr(step, "deleted_tag", None):
            invalidate([step])
        seconds: float = apply(step)
        return seconds

    patch.setattr(function.module, "_apply", invalidate_and_apply)


def caller_reference_of_all_records(function: Function, patch: pytest.MonkeyPatch) -> None:
    """Batches with the same first record have the same caller reference."""
    make = function.module.invalidation_batch

    def invalidation_batch(deletions: Any) -> Any:
        return {**make(deletions), "CallerReference": deletions[0].position}

    patch.setattr(function.module, "invalidation_batch", invalidation_batch)


def key_groups_by_key(_: Function, patch: pytest.MonkeyPatch) -> None:
    """Records of a photo go into any of the engine's key groups."""
    take = ShardProgress.take

    def take_any(self: ShardProgress, records: Any, wanted: Any) -> None:
        scattered = [dataclasses.replace(each, key=each.sequence_number) for each in records]
        take(self, scattered, wanted)

    patch.setattr(ShardProgress, "take", take_any)


def children_after_parents(_: Function, patch: pytest.MonkeyPatch) -> None:
    """The engine reads a shard before its parents are finished."""
    patch.setattr(Engine, "_has_ended", lambda _self, _shard_id: True)


FAILED: dict[int, list[dict[str, str]]] = {}
MUTATIONS: dict[str, list[Mutation]] = {
    "view_counter": [
        condition_of_deliveries,
        condition_after_receipts,
        check_of_the_last_sequence,
        minutes_of_the_total,
        magnitude_of_the_new_total,
        magnitude_of_views_that_count,
        check_of_receipts,
        last_sequence_that_never_decreases,
        receipts_that_end_at_poison,
        rows_by_photo,
        receipts_by_photo,
        receipts_below_the_last_sequence,
        report_of_the_first_failure,
        key_groups_by_key,
        children_after_parents,
    ],
    "catalog_replicator": [
        version_condition,
        stop_at_the_first_failure,
        children_after_parents,
        invalidation,
        report_of_failed_invalidations,
        invalidation_of_earlier_tombstones,
        invalidation_after_the_row,
        caller_reference_of_all_records,
    ],
}


def _has_receipts(seen: Any) -> bool:
    """Whether rows of minutes were read."""
    return any(period.startswith("minute") for _, period in seen)


def _change_views(function: Function, patch: pytest.MonkeyPatch, **changes: Any) -> None:
    read = function.module.read_batch

    def read_batch(records: Any) -> Any:
        batch = read(records)
        views = [msgspec.structs.replace(view, **changes) for view in batch.views]
        return msgspec.structs.replace(batch, views=views)

    patch.setattr(function.module, "read_batch", read_batch)


def _change_transactions(
    function: Function, patch: pytest.MonkeyPatch, is_changed: Callable[[Any], bool]
) -> None:
    """Remove the conditions of the transactions for whose rows `is_changed` is true."""
    counting = function.part("counting")
    make = counting.transaction

    def transaction(table: str, segment: Any, now: Any, seen: Any) -> Any:
        actions = make(table, segment, now, seen)
        for action in actions if is_changed(seen) else ():
            action["Update"].pop("ConditionExpression", None)
        return actions

    patch.setattr(counting, "transaction", transaction)
