"""Histories of views: the records of the stream, and the views that must be counted."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fakes.memory_stream import MemoryStream
from fakes.view_records import photo
from fakes.view_records import recent as minutes_of_totals
from shared.timestamps import iso_milliseconds
from tests.simulation import tally
from tests.simulation.call_faults import THREAD
from tests.simulation.clients import FaultyTables
from tests.simulation.functions import Context, Function
from tests.simulation.moves import Setup
from tests.simulation.world import World

TABLE: Final = "ViewsTable"
DAY: Final = 24 * 60 * 60
OFFSETS: Final = (0, -40, -90, 30, DAY + 61, -DAY - 61)  # of a view's time from its arrival
KEYS: Final = ("", "#0", "#3", "", "#f")  # what the partition key has after the photo id
VIEWERS: Final = (None, "maria", None, "maria", "otto")  # None: the view has no pseudonym
FOREIGN_ID: Final = "not-a-photo"


def poison(photo_id: str, viewed_at: str) -> list[tuple[str, bytes]]:
    """Poison of every kind: partition key and data."""
    view = {"photo_id": photo_id, "viewed_at": viewed_at}
    return [
        (photo_id, b"not JSON"),
        (photo_id, b""),
        (photo_id, b"\x00" * 1000),
        (photo_id, b"[" * 5000),
        (photo_id, b"\xf3\x89\x9a\xc2" + json.dumps(view).encode()),
        (photo_id, json.dumps([view]).encode()),
        (photo_id, json.dumps(view | {"viewed_at": 12}).encode()),
        (photo_id, json.dumps(view | {"viewed_at": viewed_at.removesuffix("Z")}).encode()),
        (photo_id, json.dumps({"photo_id": photo_id}).encode()),
        ("a foreign key", json.dumps(view).encode()),
        (f"{photo_id}#g", json.dumps(view).encode()),
        (f"{photo_id}#", json.dumps(view).encode()),
        (f"{photo_id}#00", json.dumps(view).encode()),
        (f"{photo(99)}#0", json.dumps(view).encode()),
        (f"{photo_id}#0", b"not JSON"),
        (FOREIGN_ID, json.dumps(view | {"photo_id": FOREIGN_ID}).encode()),
    ]


class ViewsWorld(World):
    """`good` has the photo and the minute's row of each view, by its sequence number.

    `viewers` has the viewer's pseudonym of each view that has one. `settled` says of each view
    with a receipt whether it was counted (True) or left out as a repeated view of its batch.
    """

    photos = tuple(photo(number) for number in range(4))
    longest_call = 9

    def __init__(self, function: Function, setup: Setup) -> None:
        super().__init__(function, setup, MemoryStream)
        self.good: dict[str, tuple[str, str]] = {}
        self.tables = FaultyTables(self.history_context, **{TABLE: ("photo_id", "period")})
        self.tables.throttled = self.throttled
        self.tables.watch = self._watch
        self._last_sequences: dict[tuple[str, str], str] = {}
        self.viewers: dict[str, str] = {}
        self.settled: dict[str, bool] = {}
        self._left_out: list[tuple[dict[str, Any], set[str]]] = []  # by request of a transaction
        self.tables.took_effect = self._settle
        module, views = function.module, function.part("view_records")
        counter = module.ViewCounter(
            self.tables, TABLE, lambda: datetime.fromtimestamp(self.now, UTC), self._pause
        )
        read = views._read

        def read_as_released(kinesis: dict[str, Any], *key: str) -> Any:
            if self.raises_on(kinesis["sequenceNumber"]):
                raise RuntimeError("a bug")
            return read(kinesis, *key)

        self.patches.setattr(module, "s3", self.bucket)
        self.patches.setattr(module, "view_counter", counter)
        read_batch = module.read_batch

        def read_and_note_batch(records: Any) -> Any:
            noted = list(records)
            self._note_batch(noted)
            return read_batch(noted)

        self.patches.setattr(module, "read_batch", read_and_note_batch)
        self.patches.setattr(views, "_read", read_as_released)
        self.patches.setattr(function.part("segments"), "_MAX_ROWS", setup.rows)

    def send(self, which: int, _: str) -> None:
        """Send views of one photo or of several."""
        for place in range(1 + which % 6):
            photo_id = self.photos[(which // 6 + place * (which // 24 % 2)) % 4]
            suffix = KEYS[which // 5 % len(KEYS)]
            text = _iso(self.now + OFFSETS[(which // 48 + place // 3) % len(OFFSETS)])
            data = {"photo_id": photo_id, "viewed_at": text}
            viewer = VIEWERS[(which // 7 + place) % len(VIEWERS)]
            if viewer:
                data["viewer"] = viewer
            record = self.stream.put(photo_id + suffix, json.dumps(data).encode())
            if viewer:
                self.viewers[record.sequence_number] = viewer
            viewed, arrived = datetime.fromisoformat(text).timestamp(), round(self.now, 3)
            minute = int((viewed if abs(viewed - arrived) <= DAY else arrived) // 60)
            self.good[record.sequence_number] = (photo_id, _period(minute * 60) + suffix)
            if (which + place) % 4 == 0:
                self.failing_records.add(record.sequence_number)
            self.note(record)

    def poison(self, which: int, _: str) -> None:
        kinds = poison(self.photos[which % 4], _iso(self.now))
        key, data = kinds[which // 4 % len(kinds)]
        self.note(self.stream.put(key, data))
        tally.faults["poison"] += 1

    def reshard(self, which: int, _: str) -> None:
        shards = sorted(self.stream.open_shards(), key=lambda name: self.stream.all[name].low)
        tally.events["shards split or merged"] += 1
        place = which // 2 % len(shards)
        if which % 2 and place + 1 < len(shards):
            self.stream.merge(shards[place], shards[place + 1])
        elif len(shards) < 6:
            self.stream.split(shards[place])

    def check_drained(self) -> None:
        settled = self._check_counts()
        waiting = {number for _, number in self.in_bucket("")}
        assert self.good.keys() - settled <= waiting, "views are lost"
        assert self.poisonous <= waiting, "poison is lost"
        self.check_quarantine(self.poisonous)

    def check_redriven(self) -> None:
        assert self._check_counts() == self.good.keys(), "views are lost after the redrive"
        self.check_redriven_bucket(self.poisonous)

    def _check_counts(self) -> set[str]:
        """The views with a receipt; each is in the counts once, or was left out."""
        settled = self._receipted()
        assert settled == self.settled.keys(), "a receipt without a transaction"
        counted = [number for number in settled if self.settled[number]]
        minutes = [self.good[number] for number in counted]
        totals = [(photo_id, "total" + period.partition("Z")[2]) for photo_id, period in minutes]
        assert self._views("total") == Counter(totals), "totals are wrong"
        assert self._views("minute") == Counter(minutes), "minutes are wrong"
        self._check_ranking()
        last_hour = _period(self.now - 60 * 60)
        recent = Counter(
            (photo_id, minute)
            for photo_id, period in minutes
            if (minute := period[: len(last_hour)]) > last_hour
        )
        assert minutes_of_totals(self.tables.items(TABLE), last_hour) == recent, (
            "the minutes in totals are wrong"
        )
        assert all(self.settled[n] for n in settled - self.viewers.keys()), (
            "a view without a viewer was left out"
        )
        seen = {(self.good[n][0], self.viewers[n]) for n in counted if n in self.viewers}
        for number in settled & self.viewers.keys():
            is_missing = (self.good[number][0], self.viewers[number]) not in seen
            assert not is_missing or settled != self.good.keys(), "no view of a viewer was counted"
        return settled

    def _check_ranking(self) -> None:
        """Exactly the totals are in the index, each by the hexadecimal digits it has."""
        for row in self.tables.items(TABLE):
            views = int(row["views"]["N"])
            digits = len(f"{views:x}") if views and row["period"]["S"].startswith("total") else 0
            assert row.get("magnitude", {"N": "0"}) == {"N": str(digits)}, "a magnitude is wrong"
            group = {"S": row["photo_id"]["S"][-1]} if digits else None
            assert row.get("rank_group") == group, "a rank group is wrong"

    @property
    def poisonous(self) -> set[str]:
        return self.sent.keys() - self.good.keys()

    def _views(self, kind: str) -> Counter[tuple[str, str]]:
        """The counts in rows of this kind, by photo and sort key."""
        return Counter(
            {
                (row["photo_id"]["S"], row["period"]["S"]): int(row["views"]["N"])
                for row in self.tables.items(TABLE)
                if row["period"]["S"].startswith(kind)
            }
        )

    def _watch(self, operation: str, request: dict[str, Any], call: Callable[[], Any]) -> Any:
        """Check that the `last_sequence` of a partition key never decreases."""
        context = THREAD.clock
        assert isinstance(context, Context)
        self._left_out.append((request, context.left_out))
        answer = call()
        if operation == "TransactWriteItems":
            for row in self.tables.items(TABLE):
                if row["period"]["S"].startswith("total"):
                    key = (row["photo_id"]["S"], row["period"]["S"])
                    last_sequence = row["last_sequence"]["S"]
                    if last_sequence < self._last_sequences.get(key, ""):
                        self.violations.append("a last_sequence decreased")
                    self._last_sequences[key] = last_sequence
        return answer

    def _settle(self, operation: str, request: dict[str, Any]) -> None:
        """Note of each view with a new receipt whether its batch counted it or left it out."""
        if operation == "TransactWriteItems":
            [left_out] = [numbers for each, numbers in self._left_out if each is request]
            for number in self._receipted() - self.settled.keys():
                self.settled[number] = number not in left_out

    def _note_batch(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Note which views of a batch are left out: all but the first of a photo and a viewer."""
        numbers = sorted((each["kinesis"]["sequenceNumber"] for each in records), key=int)
        seen: set[tuple[str, str]] = set()
        left_out = set()
        for number in dict.fromkeys(numbers):
            if number in self.good and number in self.viewers and not self.raises_on(number):
                key = (self.good[number][0], self.viewers[number])
                if key in seen:
                    left_out.add(number)
                seen.add(key)
        assert isinstance(THREAD.clock, Context)
        THREAD.clock.left_out = left_out

    def _pause(self, seconds: float) -> None:
        assert THREAD.clock
        THREAD.clock.left -= seconds

    def _receipted(self) -> set[str]:
        """Good records that a receipt of their partition key and minute covers."""
        receipts: dict[tuple[str, str], list[bytes]] = {
            (row["photo_id"]["S"], row["period"]["S"]): row["receipts"]["BS"]
            for row in self.tables.items(TABLE)
            if row["period"]["S"].startswith("minute")
        }
        return {
            number
            for number, row in self.good.items()
            if any(
                int.from_bytes(each[:24]) <= int(number) <= int.from_bytes(each[24:])
                for each in receipts.get(row, ())
            )
        }


def _period(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("minute#%Y-%m-%dT%H:%MZ")


def _iso(seconds: float) -> str:
    return iso_milliseconds(datetime.fromtimestamp(seconds, UTC))
