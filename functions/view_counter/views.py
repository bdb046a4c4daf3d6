"""A batch of the views stream in, its views and its poison out."""

import binascii
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from shared.photo_ids import is_photo_id
from shared.quarantine import Poison, refuse_broken_release

_RETENTION_SECONDS: Final = 24 * 60 * 60
# Nesting without end is the sender's fault too, though the decoder's stack ends first.
_POISON: Final = (binascii.Error, msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


class View(msgspec.Struct, frozen=True, gc=False):
    """One view of a photo; `minute` since 1970.

    `stretch` differs between two views of a photo if poison of the photo lies between them: that
    may be counted later, so no receipt may claim it.
    """

    sequence: int
    photo_id: str
    minute: int
    stretch: int


class Batch(msgspec.Struct, frozen=True):
    """The records of a batch in the order of the stream, poison with its sequence number."""

    views: list[View]
    poison: list[tuple[int, Poison]]


class _Event(msgspec.Struct, gc=False):
    photo_id: str
    viewed_at: Annotated[datetime, msgspec.Meta(tz=True)]


_decode = msgspec.json.Decoder(_Event).decode


def read_batch(records: Iterable[Mapping[str, Any]]) -> Batch:
    """Tell views from poison, before anything is written.

    Raises:
        BrokenReleaseError: too many records made our own code raise.
    """
    views: list[View] = []
    poison: list[tuple[int, Poison]] = []
    unexpected: list[Exception] = []
    stretches: Counter[Any] = Counter()
    # By number, so a replay that repeats or reorders records is read like the stream itself.
    by_sequence = {int(record["kinesis"]["sequenceNumber"]): record for record in records}
    for sequence in sorted(by_sequence):
        record = by_sequence[sequence]
        kinesis = record["kinesis"]
        photo_id = kinesis["partitionKey"]
        try:
            minute = _read(kinesis)
        except _POISON as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - a few are put aside, many are raised below
            unexpected.append(error)
            reason = f"the function raised {error!r}"
        else:
            views.append(View(sequence, photo_id, minute, stretches[photo_id] if poison else 0))
            continue
        stretches[photo_id] += 1
        position = f"{record['eventID'].partition(':')[0]}/{sequence}"
        poison.append((sequence, Poison("view_counter", position, reason, record)))
    refuse_broken_release(unexpected)
    return Batch(views, poison)


def _read(kinesis: Mapping[str, Any]) -> int:
    """The minute that a view counts in."""
    event = _decode(binascii.a2b_base64(kinesis["data"]))
    if event.photo_id != kinesis["partitionKey"] or not is_photo_id(event.photo_id):
        raise msgspec.ValidationError("the photo id is none, or is not the partition key")
    # Until what a batch failed on is gone, this must not change: receipts lie with the minute.
    moment, arrived = event.viewed_at.timestamp(), kinesis["approximateArrivalTimestamp"]
    return int((moment if abs(moment - arrived) <= _RETENTION_SECONDS else arrived) // 60)
