"""The transactions that count views, and what DynamoDB's answers to them mean.

Each partition key of the stream has its own rows in the views table: one for its total and one for
each minute. Usually a photo has one partition key, its id; while its views are spread it has more
(`shared.view_rows`). Partition keys share no row, because sequence numbers are in order only within
one partition key. A transaction that adds views to the row of a minute also adds receipts to that
row: for each `View.run`, the first and the last sequence number of its views in the transaction.

The row of the total has `last_sequence`, the highest sequence number that has been counted. A view
with a higher one is new: no receipt has to be read for it. The row also has the counts of the
last hour's minutes (`recent`), so that readers need not read the rows of minutes.

A total's key in the index `ranking` has its magnitude (`shared.view_rows.magnitude`), not its exact
number. So most views leave the key as it is and cost no write units in the index.
"""

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from shared.timestamps import iso_milliseconds
from shared.view_rows import (
    TOTAL,
    key_suffix,
    magnitude,
    minute_key,
    pack_minutes,
    unpack_minutes,
)
from view_counter.view_records import View

# More than twice as long as failed batches are kept (14 days).
RECEIPT_LIFETIME_SECONDS: Final = 30 * 24 * 60 * 60
CHANGED: Final = "ConditionalCheckFailed"  # a row has changed since it was read
_MAX_ROWS: Final = 100  # in one transaction
_OCTETS: Final = 24  # of a sequence number, which has up to 56 digits
_RECENT_MINUTES: Final = 60 + 1  # readers read 60; their clocks may be a minute late

# Defaults for a total that does not exist, or is the tombstone of a deleted photo.
_NOTHING_COUNTED: Final[dict[str, Any]] = {
    "last_sequence": {"S": ""},
    "version": {"N": "0"},
    "recent": {"S": ""},
    "views": {"N": "0"},
    "magnitude": {"N": "0"},
}

type Action = dict[str, Any]
type Rows = dict[tuple[str, str], Mapping[str, Any]]  # by photo and period


def cut(views: Iterable[View]) -> Iterator[list[View]]:
    """Segments that each fit into one transaction, in the order of the stream."""
    segment: list[View] = []
    keys: set[object] = set()
    for view in views:
        total = (view.photo_id, view.suffix)
        minute = (total, view.minute)
        if minute not in keys:
            new_keys = {minute, total} - keys  # each is a row of the views table
            if len(keys) + len(new_keys) > _MAX_ROWS:
                yield segment
                segment, keys = [], set()
            keys |= {minute, total}
        segment.append(view)
    if segment:
        yield segment


def transaction(table: str, segment: Iterable[View], now: datetime, seen: Rows) -> list[Action]:
    """The actions of the transaction that counts a segment, all of its views or none.

    The segment must not contain a view that has a receipt (see `without_receipt`). `seen` has the
    total of each partition key of the segment as it was read. The transaction fails if one of these
    totals has changed since then, unless a tombstone has replaced it. The tombstone then gets the
    views and keeps its TTL; the totals of deleted photos are never shown.
    """
    by_key: dict[tuple[str, str], dict[int, list[View]]] = defaultdict(lambda: defaultdict(list))
    for view in segment:
        by_key[view.photo_id, view.suffix][view.minute].append(view)
    actions: list[Action] = []
    counted_at = iso_milliseconds(now)
    first_recent = int(now.timestamp()) // 60 - _RECENT_MINUTES + 1
    for (photo_id, suffix), minutes in by_key.items():
        total_key = (photo_id, TOTAL + suffix)
        total = _NOTHING_COUNTED | dict(seen.get(total_key, {}))
        added = {minute: _views_that_count(views) for minute, views in minutes.items()}
        new_views = sum(added.values())
        last = _padded(max(view.sequence for views in minutes.values() for view in views))
        values: dict[str, Any] = {
            ":one": {"N": "1"},
            ":last": {"S": max(last, total["last_sequence"]["S"])},
            ":now": {"S": counted_at},
            ":recent": {"S": _recent(total["recent"]["S"], added, first_recent)},
            ":version": total["version"],
        }
        expression = (
            "ADD #views :views, version :one"
            " SET last_sequence = :last, counted_at = :now, recent = :recent"
        )
        reached = {"N": str(magnitude(int(total["views"]["N"]) + new_views))}
        if reached != total["magnitude"]:
            expression += ", magnitude = :magnitude, rank_group = :group"
            values |= {":magnitude": reached, ":group": {"S": photo_id[-1]}}
        update = _update(table, total_key, new_views, expression, values)
        update["ConditionExpression"] = "attribute_not_exists(version) OR version = :version"
        actions.append({"Update": update})
        for minute, views in minutes.items():
            end = {"N": str(minute * 60 + RECEIPT_LIFETIME_SECONDS)}
            values = {":receipts": {"BS": _receipts(views)}, ":end": end}
            expression = "ADD #views :views, receipts :receipts SET expires_at = :end"
            update = _update(table, _minute_row(views[0]), added[minute], expression, values)
            actions.append({"Update": update})
    return actions


def refusals(actions: Iterable[Action], reasons: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Why a transaction failed, by partition key."""
    rows = [request["Key"] for action in actions for request in action.values()]
    return {
        f"{row['photo_id']['S']}{key_suffix(row['period']['S'])}": reason["Code"]
        for row, reason in zip(rows, reasons, strict=True)
        if reason["Code"] != "None"
    }


def reads(table: str, segment: Iterable[View], *, with_receipts: bool) -> list[Action]:
    """The actions of the transaction that reads the totals to which the segment is added.

    If `with_receipts`, it also reads the rows of the minutes, which have the receipts.
    """
    rows = set()
    for view in segment:
        rows.add(_total_row(view))
        if with_receipts:
            rows.add(_minute_row(view))
    return [{"Get": {"TableName": table, "Key": _key(*row)}} for row in rows]


def may_have_receipts(segment: Iterable[View], seen: Rows) -> bool:
    """Whether one of the views may have been counted before; then its receipt must be looked for.

    This is so if its sequence number is not above `last_sequence` of its total in `seen`.
    """
    last = {row: total["last_sequence"]["S"] for row, total in seen.items() if "version" in total}
    return any(_padded(view.sequence) <= last.get(_total_row(view), "") for view in segment)


def without_receipt(segment: Iterable[View], seen: Rows) -> list[View]:
    """The views that have no receipt in `seen`: they have not been counted."""

    def is_covered(view: View) -> bool:
        row = seen.get(_minute_row(view), {"receipts": {"BS": ()}})
        number = _octets(view.sequence)
        return any(
            receipt[:_OCTETS] <= number <= receipt[_OCTETS:] for receipt in row["receipts"]["BS"]
        )

    return [view for view in segment if not is_covered(view)]


@functools.lru_cache(maxsize=1024)
def minute_period(minute: int) -> str:
    """The sort key `period` of a minute's row, without suffix; minutes are numbered from 1970."""
    return minute_key(datetime.fromtimestamp(minute * 60, UTC))


def _total_row(view: View) -> tuple[str, str]:
    return view.photo_id, TOTAL + view.suffix


def _minute_row(view: View) -> tuple[str, str]:
    return view.photo_id, minute_period(view.minute) + view.suffix


def _update(
    table: str, key: tuple[str, str], views: int, expression: str, values: dict[str, Any]
) -> dict[str, Any]:
    """An update of one row; `expression` adds `:views` to `#views`."""
    return {
        "TableName": table,
        "Key": _key(*key),
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {"#views": "views"},
        "ExpressionAttributeValues": {":views": {"N": str(views)}, **values},
    }


def _recent(before: str, added: Mapping[int, int], first: int) -> str:
    """The attribute `recent` after `added` is added, without the minutes before `first`."""
    views = unpack_minutes(before)
    for minute, number in added.items():
        views[minute] = views.get(minute, 0) + number
    return pack_minutes({minute: views[minute] for minute in views if minute >= first})


def _views_that_count(views: Iterable[View]) -> int:
    """How many of the views add to a count."""
    return sum(not view.left_out for view in views)


def _key(photo_id: str, period: str) -> dict[str, Any]:
    return {"photo_id": {"S": photo_id}, "period": {"S": period}}


def _padded(sequence: int) -> str:
    """Text that sorts like the number, which is too long for a number of DynamoDB (38 digits)."""
    return f"{sequence:056}"


def _receipts(views: Iterable[View]) -> list[bytes]:
    """For each `View.run` of a partition key and minute, the first and last sequence number."""
    runs = (list(run) for _, run in groupby(views, attrgetter("run")))
    return [_octets(run[0].sequence) + _octets(run[-1].sequence) for run in runs]


def _octets(sequence: int) -> bytes:
    """Bytes that sort like the number, and are fewer than its digits."""
    return sequence.to_bytes(_OCTETS)
