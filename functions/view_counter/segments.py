"""Views in, transactions out: what DynamoDB is asked, and what its answers mean.

A photo has one row `total` and one a minute. What adds to a minute leaves its receipt there: the
first and last sequence number that it counted. So receipts take no rows of their own from a
transaction, and are found in the rows that the same views would be added to. `last_sequence` is the
highest number with a receipt: above it no view can have been counted, and none has to be read.
"""

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from view_counter.views import View

LIFETIME_SECONDS: Final = 30 * 24 * 60 * 60  # of receipts: twice that of what failed
COUNTED: Final = "ConditionalCheckFailed"
_MOST_ROWS: Final = 100  # in one transaction

type Action = dict[str, Any]
type Rows = dict[tuple[str, str], Mapping[str, Any]]  # by photo and period


def cut(views: Iterable[View]) -> Iterator[list[View]]:
    """Segments that fit into one transaction each, in the order of the stream."""
    segment: list[View] = []
    keys: set[object] = set()
    for view in views:
        key = (view.photo_id, view.minute)
        if key not in keys:
            if len(keys) + 1 + (view.photo_id not in keys) > _MOST_ROWS:
                yield segment
                segment, keys = [], set()
            keys.update((key, view.photo_id))
        segment.append(view)
    if segment:
        yield segment


def transaction(
    table: str, segment: Iterable[View], now: str, seen: Rows | None = None
) -> list[Action]:
    """Count the segment whole or not at all.

    If each photo's views are all above its `last_sequence`; or with the rows `seen`, in which they
    have no receipts, if nothing has counted the photo since.
    """
    photos: dict[str, dict[int, list[View]]] = defaultdict(lambda: defaultdict(list))
    for view in segment:
        photos[view.photo_id][view.minute].append(view)
    actions: list[Action] = []
    for photo_id, minutes in photos.items():
        numbers = [view.sequence for views in minutes.values() for view in views]
        last = _padded(max(numbers))
        if seen is None:
            guard, bound = "last_sequence < :bound", {"S": _padded(min(numbers))}
        else:
            total = seen.get(
                (photo_id, "total"), {"last_sequence": {"S": ""}, "version": {"N": "0"}}
            )
            guard, bound = "version = :bound", total["version"]
            last = max(last, total["last_sequence"]["S"])
        values: dict[str, Any] = {":one": {"N": "1"}, ":last": {"S": last}, ":now": {"S": now}}
        more = ", version :one SET last_sequence = :last, counted_at = :now"
        update = _add(table, (photo_id, "total"), len(numbers), more, values | {":bound": bound})
        update["ConditionExpression"] = f"attribute_not_exists(version) OR {guard}"
        actions.append({"Update": update})
        for minute, views in minutes.items():
            end = {"N": str(minute * 60 + LIFETIME_SECONDS)}
            values = {":receipts": {"BS": _receipts(views)}, ":end": end}
            more = ", receipts :receipts SET expires_at = :end"
            update = _add(table, (photo_id, period(minute)), len(views), more, values)
            actions.append({"Update": update})
    return actions


def refusals(actions: Iterable[Action], reasons: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Why a transaction failed, by photo; COUNTED if some of its views may be counted already."""
    keys = [request["Key"] for action in actions for request in action.values()]
    return {
        key["photo_id"]["S"]: reason["Code"]
        for key, reason in zip(keys, reasons, strict=True)
        if reason["Code"] != "None"
    }


def reads(table: str, segment: Iterable[View]) -> list[Action]:
    """The rows that the segment would be added to, all at one moment."""
    keys = {(view.photo_id, row) for view in segment for row in ("total", period(view.minute))}
    return [{"Get": {"TableName": table, "Key": _key(*key)}} for key in keys]


def uncovered(segment: Iterable[View], seen: Rows) -> list[View]:
    """Views without a receipt: they were not counted."""

    def is_covered(view: View) -> bool:
        row = seen.get((view.photo_id, period(view.minute)), {"receipts": {"BS": ()}})
        number = _octets(view.sequence)
        return any(receipt[:24] <= number <= receipt[24:] for receipt in row["receipts"]["BS"])

    return [view for view in segment if not is_covered(view)]


@functools.lru_cache(maxsize=1024)
def period(minute: int) -> str:
    """The minute's range key, `minute#2026-11-20T12:34Z`."""
    return datetime.fromtimestamp(minute * 60, UTC).strftime("minute#%Y-%m-%dT%H:%MZ")


def _add(
    table: str, key: tuple[str, str], views: int, more: str, values: dict[str, Any]
) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": _key(*key),
        "UpdateExpression": f"ADD #views :views{more}",
        "ExpressionAttributeNames": {"#views": "views"},
        "ExpressionAttributeValues": {":views": {"N": str(views)}, **values},
    }


def _key(photo_id: str, period: str) -> dict[str, Any]:
    return {"photo_id": {"S": photo_id}, "period": {"S": period}}


def _padded(sequence: int) -> str:
    """To be compared as text: a sequence number has 56 digits, DynamoDB's numbers have 38."""
    return f"{sequence:056}"


def _receipts(views: Iterable[View]) -> list[bytes]:
    stretches = (list(stretch) for _, stretch in groupby(views, attrgetter("stretch")))
    return [_octets(stretch[0].sequence) + _octets(stretch[-1].sequence) for stretch in stretches]


def _octets(sequence: int) -> bytes:
    """To be compared as bytes, in less than half the room."""
    return sequence.to_bytes(24)
