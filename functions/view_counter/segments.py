"""The transactions that count views, and what DynamoDB's answers to them mean.

A partition key has one row for its total and one for each minute: the photo id, and each further
key of a photo whose views are spread. Only sequence numbers of one partition key are in an order
that a range of them can describe, so keys share no row. A transaction that adds views to the row of
a minute also adds a receipt to it: the first and the last sequence number that it counted.

The row of the total has `last_sequence`, the highest sequence number that has been counted. A view
above it is new, and no receipt has to be read to know that. It also has the counts of the last
hour's minutes (`recent`), so that a reader needs no row of a minute.
"""

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from shared.timestamps import iso_milliseconds
from shared.view_rows import TOTAL, key_suffix, minute_key, pack_minutes, unpack_minutes
from view_counter.view_records import View

LIFETIME_SECONDS: Final = 30 * 24 * 60 * 60  # of receipts: twice as long as failed batches are kept
CHANGED: Final = "ConditionalCheckFailed"  # a row has changed since it was read
_MOST_ROWS: Final = 100  # in one transaction
_RECENT_MINUTES: Final = 60 + 1  # one more than are read: the reader's clock may be behind

# The defaults of a total that does not exist, and of the tombstone of a deleted photo.
_NOTHING_COUNTED: Final[dict[str, Any]] = {
    "last_sequence": {"S": ""},
    "version": {"N": "0"},
    "recent": {"S": ""},
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
            new_keys = {minute, total} - keys  # a row each
            if len(keys) + len(new_keys) > _MOST_ROWS:
                yield segment
                segment, keys = [], set()
            keys |= {minute, total}
        segment.append(view)
    if segment:
        yield segment


def transaction(table: str, segment: Iterable[View], now: datetime, seen: Rows) -> list[Action]:
    """The actions that count a segment, all or none of them, on a condition for each partition key.

    `seen` are the rows as they were read, with the total of each key; no receipt in them covers one
    of these views. The condition is that the key's total has not changed since.
    """
    keys: dict[tuple[str, str], dict[int, list[View]]] = defaultdict(lambda: defaultdict(list))
    for view in segment:
        keys[view.photo_id, view.suffix][view.minute].append(view)
    actions: list[Action] = []
    counted_at = iso_milliseconds(now)
    first_recent = int(now.timestamp()) // 60 - _RECENT_MINUTES + 1
    for (photo_id, suffix), minutes in keys.items():
        total_key = (photo_id, TOTAL + suffix)
        total = _NOTHING_COUNTED | dict(seen.get(total_key, {}))
        added = {minute: _added(views) for minute, views in minutes.items()}
        last = _padded(max(view.sequence for views in minutes.values() for view in views))
        values: dict[str, Any] = {
            ":one": {"N": "1"},
            ":last": {"S": max(last, total["last_sequence"]["S"])},
            ":now": {"S": counted_at},
            ":recent": {"S": _recent(total["recent"]["S"], added, first_recent)},
            ":version": total["version"],
        }
        more = ", version :one SET last_sequence = :last, counted_at = :now, recent = :recent"
        update = _add(table, total_key, sum(added.values()), more, values)
        update["ConditionExpression"] = "attribute_not_exists(version) OR version = :version"
        actions.append({"Update": update})
        for minute, views in minutes.items():
            end = {"N": str(minute * 60 + LIFETIME_SECONDS)}
            values = {":receipts": {"BS": _receipts(views)}, ":end": end}
            more = ", receipts :receipts SET expires_at = :end"
            update = _add(table, _minute_row(views[0]), added[minute], more, values)
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
    """The reads, in one transaction, of the rows that the segment would be added to.

    `with_receipts` are also those of minutes, otherwise only totals.
    """
    rows = set()
    for view in segment:
        rows.add(_total_row(view))
        if with_receipts:
            rows.add(_minute_row(view))
    return [{"Get": {"TableName": table, "Key": _key(*row)}} for row in rows]


def may_have_receipts(segment: Iterable[View], seen: Rows) -> bool:
    """Whether one of the views may have been counted, by the totals in `seen`."""
    last = {row: total["last_sequence"]["S"] for row, total in seen.items() if "version" in total}
    return any(_padded(view.sequence) <= last.get(_total_row(view), "") for view in segment)


def without_receipt(segment: Iterable[View], seen: Rows) -> list[View]:
    """The views without a receipt: they have not been counted."""

    def is_covered(view: View) -> bool:
        row = seen.get(_minute_row(view), {"receipts": {"BS": ()}})
        number = _octets(view.sequence)
        return any(receipt[:24] <= number <= receipt[24:] for receipt in row["receipts"]["BS"])

    return [view for view in segment if not is_covered(view)]


@functools.lru_cache(maxsize=1024)
def period(minute: int) -> str:
    """The sort key of a minute's row, without suffix; minutes are numbered from 1970."""
    return minute_key(datetime.fromtimestamp(minute * 60, UTC))


def _total_row(view: View) -> tuple[str, str]:
    return view.photo_id, TOTAL + view.suffix


def _minute_row(view: View) -> tuple[str, str]:
    return view.photo_id, period(view.minute) + view.suffix


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


def _recent(before: str, added: Mapping[int, int], first: int) -> str:
    """The attribute `recent` after `added` is added, without the minutes before `first`."""
    views = unpack_minutes(before)
    for minute, number in added.items():
        views[minute] = views.get(minute, 0) + number
    return pack_minutes({minute: views[minute] for minute in views if minute >= first})


def _added(views: Iterable[View]) -> int:
    """How many of the views add to a count."""
    return sum(not view.left_out for view in views)


def _key(photo_id: str, period: str) -> dict[str, Any]:
    return {"photo_id": {"S": photo_id}, "period": {"S": period}}


def _padded(sequence: int) -> str:
    """Text in the order of the numbers: DynamoDB numbers have 38 digits, sequence numbers 56."""
    return f"{sequence:056}"


def _receipts(views: Iterable[View]) -> list[bytes]:
    runs = (list(run) for _, run in groupby(views, attrgetter("run")))
    return [_octets(run[0].sequence) + _octets(run[-1].sequence) for run in runs]


def _octets(sequence: int) -> bytes:
    """Bytes in the order of the numbers: 24 bytes instead of 56 digits."""
    return sequence.to_bytes(24)
