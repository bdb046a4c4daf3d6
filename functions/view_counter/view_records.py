"""Read a batch of the views stream: its views, and its poison."""

import binascii
import functools
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from shared.events import check_event
from shared.photo_ids import is_photo_id
from shared.quarantine import Poison, refuse_broken_release
from shared.view_rows import SUFFIXES, split_key

FUNCTION: Final = "view_counter"
_MAX_CLOCK_ERROR_SECONDS: Final = 24 * 60 * 60
_NUMBERS: Final = (int, float)
# RecursionError: JSON that is nested too deeply is the sender's fault, too.
_POISON: Final = (binascii.Error, msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


class View(msgspec.Struct, frozen=True, gc=False):
    """One view of a photo; minutes are numbered from 1970.

    `suffix` is the part of its partition key after the photo id. `run` is the number of poison
    records of the same partition key that precede the view in the batch. Views of one partition key
    and one minute share a receipt only if their `run` is the same: a receipt is a range of sequence
    numbers, and a poison record within the range would look counted, so that a redrive after a fix
    would skip it.

    A view that is `left_out` repeats an earlier view of the same photo by the same viewer in the
    batch. It gets a receipt and adds nothing to the count.
    """

    sequence: int
    photo_id: str
    minute: int
    run: int
    left_out: bool = False
    suffix: str = ""

    @property
    def partition_key(self) -> str:
        """The partition key of the view's record.

        Records of different keys may come from different shards, or in concurrent batches of one
        shard. So only records of one key are sure to arrive in the order of their sequence numbers.
        """
        return f"{self.photo_id}{self.suffix}"


class ViewBatch(msgspec.Struct, frozen=True):
    """The records of a batch in the order of the stream; poison with its sequence number."""

    views: list[View]
    poison: list[tuple[int, Poison]]


class _ViewBody(msgspec.Struct, gc=False):
    photo_id: str
    viewed_at: Annotated[datetime, msgspec.Meta(tz=True)]
    viewer: str | None = None


class _Kinesis(msgspec.Struct, rename="camel", gc=False):
    sequence_number: Annotated[str, msgspec.Meta(pattern="^[0-9]+$")]
    partition_key: str


class _StreamRecord(msgspec.Struct, gc=False):
    event_id: str = msgspec.field(name="eventID")
    kinesis: _Kinesis


class _Delivery(msgspec.Struct, rename="pascal"):
    records: list[_StreamRecord]


class _Replay(msgspec.Struct):
    records: list[_StreamRecord]


class _Redrive(msgspec.Struct):
    redrive: _Replay


_decode = msgspec.json.Decoder(_ViewBody).decode


def records_in(event: Any) -> list[Mapping[str, Any]]:
    """The records of a batch, or of a redrive.

    Raises:
        UnexpectedEventError: the event is neither.
    """
    expected = "a batch of Kinesis records"
    if isinstance(event, Mapping) and "redrive" in event:
        check_event(FUNCTION, expected, event, _Redrive)
        return list(event["redrive"]["records"])
    check_event(FUNCTION, expected, event, _Delivery)
    return list(event["Records"])


def read_batch(records: Iterable[Mapping[str, Any]]) -> ViewBatch:
    """Separate views from poison, before anything is written.

    Raises:
        BrokenReleaseError: too many records made the function's own code raise.
    """
    views: list[View] = []
    poison: list[tuple[int, Poison]] = []
    unexpected: list[Exception] = []
    runs: dict[Any, int] = {}
    viewers: set[tuple[str, str]] = set()
    # In the order of the stream, also if a replay repeats or reorders records.
    by_sequence = {int(record["kinesis"]["sequenceNumber"]): record for record in records}
    for sequence in sorted(by_sequence):
        record = by_sequence[sequence]
        kinesis = record["kinesis"]
        key = kinesis["partitionKey"]
        try:
            (photo_id, suffix), minute, viewer = _read(kinesis)
        except _POISON as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - raised below if there are many
            unexpected.append(error)
            reason = f"the function raised {error!r}"
        else:
            repeated = viewer is not None and (photo_id, viewer) in viewers
            views.append(View(sequence, photo_id, minute, runs.get(key, 0), repeated, suffix))
            if viewer is not None:
                viewers.add((photo_id, viewer))
            continue
        runs[key] = runs.get(key, 0) + 1
        position = f"{record['eventID'].partition(':')[0]}/{sequence}"
        poison.append((sequence, Poison(FUNCTION, position, reason, record)))
    refuse_broken_release(unexpected)
    return ViewBatch(views, poison)


def _read(kinesis: Mapping[str, Any]) -> tuple[tuple[str, str], int, str | None]:
    """Returns (photo id, suffix), the minute to count, and the viewer's pseudonym or None."""
    data, arrived = kinesis.get("data"), kinesis.get("approximateArrivalTimestamp")
    if not isinstance(data, str):
        raise msgspec.ValidationError("the record has no data")
    if not isinstance(arrived, _NUMBERS) or not math.isfinite(arrived):
        raise msgspec.ValidationError("approximateArrivalTimestamp is not a number")
    event = _decode(binascii.a2b_base64(data))
    parts = _parts(kinesis["partitionKey"])
    if parts is None or event.photo_id != parts[0]:
        raise msgspec.ValidationError(
            "the partition key is malformed, or does not belong to photo_id"
        )
    # The producer sets `viewed_at`. If that time is more than a day from the arrival of the record,
    # the producer's clock is taken to be wrong, and the time of the arrival is used.
    # Do not change how the minute is computed: receipts are stored per minute. A batch that the old
    # release has counted in part would find no receipts in the new release, and be counted twice.
    viewed = event.viewed_at.timestamp()
    moment = viewed if abs(viewed - arrived) <= _MAX_CLOCK_ERROR_SECONDS else arrived
    return parts, int(moment // 60), event.viewer


@functools.lru_cache(maxsize=1024)  # many records of a batch have the same partition key
def _parts(partition_key: str) -> tuple[str, str] | None:
    """The photo id and the suffix of a partition key; None if one of them is malformed."""
    photo_id, suffix = split_key(partition_key)
    return (photo_id, suffix) if suffix in SUFFIXES and is_photo_id(photo_id) else None
