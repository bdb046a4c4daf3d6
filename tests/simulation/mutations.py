"""The guards of both functions and of the engine, each of which can be taken away."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.event_sources.engine import Engine
from localcloud.event_sources.shards import ShardProgress
from tests.simulation.clients import StormyTables
from tests.simulation.fates import SCENE
from tests.simulation.functions import Function

type Mutation = Callable[[Function, pytest.MonkeyPatch], None]


def last_sequence_condition(function: Function, patch: pytest.MonkeyPatch) -> None:
    """Deliveries add without looking."""
    _change_transactions(function, patch, lambda seen: seen is None)


def redrive_condition(function: Function, patch: pytest.MonkeyPatch) -> None:
    """What a replay has read may be old when it writes."""
    _change_transactions(function, patch, lambda seen: seen is not None)


def receipts(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A replay counts all that it is given."""
    patch.setattr(function.part("counting"), "uncovered", lambda views, _seen: list(views))


def guard_that_only_rises(function: Function, patch: pytest.MonkeyPatch) -> None:
    """A replay sets the guard to what it replays, however old that is."""
    counting = function.part("counting")
    make = counting.transaction
    nothing = {"last_sequence": {"S": ""}}

    def transaction(table: str, segment: Any, now: str, seen: Any = None) -> Any:
        forgotten = seen and {key: {**row, **nothing} for key, row in seen.items()}
        return make(table, segment, now, forgotten)

    patch.setattr(counting, "transaction", transaction)


def stretches(function: Function, patch: pytest.MonkeyPatch) -> None:
    """Receipts claim the poison between two views."""
    read = function.module.read_batch

    def read_batch(records: Any) -> Any:
        batch = read(records)
        views = [msgspec.structs.replace(view, run=0) for view in batch.views]
        return msgspec.structs.replace(batch, views=views)

    patch.setattr(function.module, "read_batch", read_batch)


def second_look_at_what_the_guard_refused(function: Function, patch: pytest.MonkeyPatch) -> None:
    """What is below a photo's guard is taken to be counted, without a look at its receipts."""
    counting = function.part("counting")
    write = counting.ViewCounter._write

    def _write(self: Any, views: list[Any], time_left: Any, *, exactly: bool) -> int:
        try:
            new: int = write(self, views, time_left, exactly=exactly)
        except counting._RefusedError as error:
            why = error.reasons
            rest = [view for view in views if why.get(view.photo_id) != counting.COUNTED]
            if exactly or len(rest) == len(views):
                raise
            return _write(self, rest, time_left, exactly=False) if rest else 0
        return new

    patch.setattr(counting.ViewCounter, "_write", _write)


def report_of_the_lowest(function: Function, patch: pytest.MonkeyPatch) -> None:
    """The answer names the last record to be delivered again, not the first."""
    patch.setattr(function.module, "min", max, raising=False)


def version_condition(_: Function, patch: pytest.MonkeyPatch) -> None:
    """What comes last stays, however old it is."""
    put = StormyTables.put_item

    def put_item(self: StormyTables, **request: Any) -> dict[str, Any]:
        return put(self, **{**request, "ConditionExpression": None})

    patch.setattr(StormyTables, "put_item", put_item)


def stop_at_the_first_failure(function: Function, patch: pytest.MonkeyPatch) -> None:
    """All that can be written is, and all that could not is reported."""
    apply, handle = function.module._apply, function.handler

    def apply_or_note(step: Any) -> float:
        try:
            seconds: float = apply(step)
        except (BotoCoreError, ClientError, TimeoutError):
            MISSED[id(SCENE.clock)].append({"itemIdentifier": step.position})
            return 0
        return seconds

    def handler(event: Any, context: Any) -> Any:
        MISSED[id(context)] = []
        answer = handle(event, context)
        return {**answer, "batchItemFailures": MISSED.pop(id(context))}

    patch.setattr(function.module, "_apply", apply_or_note)
    patch.setattr(function.module, "handler", handler)


def invalidation(function: Function, patch: pytest.MonkeyPatch) -> None:
    """Deletions are not handed on."""
    patch.setattr(function.module, "_invalidate", lambda *_: None)


def report_of_failed_invalidations(function: Function, patch: pytest.MonkeyPatch) -> None:
    """What the CDN refuses is forgotten."""
    invalidate = function.module._invalidate

    def try_to_invalidate(*arguments: Any) -> None:
        with contextlib.suppress(BotoCoreError, ClientError, TimeoutError):
            invalidate(*arguments)

    patch.setattr(function.module, "_invalidate", try_to_invalidate)


def invalidation_of_what_stood(function: Function, patch: pytest.MonkeyPatch) -> None:
    """Only tombstones that were written just now are handed on."""
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
    """Batches that begin alike have one reference, whatever they end with."""
    make = function.module.invalidation_batch

    def invalidation_batch(deletions: Any) -> Any:
        return {**make(deletions), "CallerReference": deletions[0].position}

    patch.setattr(function.module, "invalidation_batch", invalidation_batch)


def key_groups_by_key(_: Function, patch: pytest.MonkeyPatch) -> None:
    """Records of a photo go into any of the engine's key groups."""
    take = ShardProgress.take

    def take_any(self: ShardProgress, records: Any, wanted: Any) -> None:
        strewn = [dataclasses.replace(each, key=each.sequence_number) for each in records]
        take(self, strewn, wanted)

    patch.setattr(ShardProgress, "take", take_any)


def children_after_parents(_: Function, patch: pytest.MonkeyPatch) -> None:
    """The engine reads a shard while its parents are under way."""
    patch.setattr(Engine, "_has_ended", lambda _self, _shard_id: True)


MISSED: dict[int, list[dict[str, str]]] = {}
MUTATIONS: dict[str, list[Mutation]] = {
    "view_counter": [
        last_sequence_condition,
        receipts,
        redrive_condition,
        guard_that_only_rises,
        stretches,
        second_look_at_what_the_guard_refused,
        report_of_the_lowest,
        key_groups_by_key,
        children_after_parents,
    ],
    "catalog_replicator": [
        version_condition,
        stop_at_the_first_failure,
        children_after_parents,
        invalidation,
        report_of_failed_invalidations,
        invalidation_of_what_stood,
        invalidation_after_the_row,
        caller_reference_of_all_records,
    ],
}


def _change_transactions(
    function: Function, patch: pytest.MonkeyPatch, which: Callable[[Any], bool]
) -> None:
    counting = function.part("counting")
    make = counting.transaction

    def transaction(table: str, segment: Any, now: str, seen: Any = None) -> Any:
        actions = make(table, segment, now, seen)
        for action in actions if which(seen) else ():
            action["Update"].pop("ConditionExpression", None)
        return actions

    patch.setattr(counting, "transaction", transaction)
