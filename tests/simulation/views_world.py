"""Histories of views: what is sent into the stream, and what must be counted of it."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from fakes.memory_stream import MemoryStream
from fakes.view_records import minutes, photo, totals
from shared.timestamps import iso_milliseconds
from tests.simulation import tally
from tests.simulation.clients import StormyTables
from tests.simulation.fates import SCENE
from tests.simulation.functions import Function
from tests.simulation.moves import Setup
from tests.simulation.world import World

TABLE: Final = "ViewsTable"
DAY: Final = 24 * 60 * 60
OFFSETS: Final = (0, -40, -90, 30, DAY + 61, -DAY - 61)  # of a view's time from its arrival
STRANGER: Final = "not-a-photo"


def poison(photo_id: str, viewed_at: str) -> list[tuple[str, bytes]]:
    """Of every kind: partition key and data."""
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
        (STRANGER, json.dumps(view | {"photo_id": STRANGER}).encode()),
    ]


class Views(World):
    """`good` is what must be counted, photo and minute by sequence number."""

    photos = tuple(photo(number) for number in range(4))
    longest_call = 9

    def __init__(self, function: Function, setup: Setup) -> None:
        super().__init__(function, setup, MemoryStream)
        self.good: dict[str, tuple[str, str]] = {}
        self.tables = StormyTables(self.sky, **{TABLE: ("photo_id", "period")})
        self.tables.throttled = self.throttled
        self.tables.watch = self._watch
        self._guards: dict[str, str] = {}
        module, views = function.module, function.part("view_records")
        counter = module.ViewCounter(
            self.tables, TABLE, lambda: datetime.fromtimestamp(self.now, UTC), self._pause
        )
        read = views._read

        def read_as_released(kinesis: dict[str, Any]) -> Any:
            if self.raises_on(kinesis["sequenceNumber"]):
                raise RuntimeError("a bug")
            return read(kinesis)

        self.patches.setattr(module, "s3", self.bucket)
        self.patches.setattr(module, "view_counter", counter)
        self.patches.setattr(views, "_read", read_as_released)
        self.patches.setattr(function.part("segments"), "_MOST_ROWS", setup.rows)

    def send(self, which: int, _: str) -> None:
        """Some views, of one photo or of several."""
        for place in range(1 + which % 6):
            photo_id = self.photos[(which // 6 + place * (which // 24 % 2)) % 4]
            text = _iso(self.now + OFFSETS[(which // 48 + place // 3) % len(OFFSETS)])
            data = {"photo_id": photo_id, "viewed_at": text}
            record = self.stream.put(photo_id, json.dumps(data).encode())
            viewed, arrived = datetime.fromisoformat(text).timestamp(), round(self.now, 3)
            minute = int((viewed if abs(viewed - arrived) <= DAY else arrived) // 60)
            period = datetime.fromtimestamp(minute * 60, UTC).strftime("minute#%Y-%m-%dT%H:%MZ")
            self.good[record.sequence_number] = (photo_id, period)
            if (which + place) % 4 == 0:
                self.delicate.add(record.sequence_number)
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
        counted = self._receipted()
        assert self._totals() == Counter(self.good[n][0] for n in counted), "totals are wrong"
        assert self._minutes() == Counter(self.good[n] for n in counted), "minutes are wrong"
        waiting = {number for _, number in self.in_bucket("")}
        assert self.good.keys() - counted <= waiting, "views are lost"
        assert self.poisonous <= waiting, "poison is lost"
        self.check_quarantine(self.poisonous)

    def check_redriven(self) -> None:
        views = self.good.values()
        assert self._totals() == Counter(each for each, _ in views), "totals are wrong in the end"
        assert self._minutes() == Counter(views), "minutes are wrong in the end"
        self.check_redriven_bucket(self.poisonous)

    @property
    def poisonous(self) -> set[str]:
        return self.sent.keys() - self.good.keys()

    def _totals(self) -> dict[str, int]:
        return totals(self.tables.items(TABLE))

    def _minutes(self) -> dict[tuple[str, str], int]:
        return minutes(self.tables.items(TABLE))

    def _watch(self, operation: str, _: dict[str, Any], call: Callable[[], Any]) -> Any:
        """A photo's guard never goes back: what is below it may be delivered again."""
        answer = call()
        if operation == "TransactWriteItems":
            for row in self.tables.items(TABLE):
                if row["period"]["S"] == "total":
                    photo_id, guard = row["photo_id"]["S"], row["last_sequence"]["S"]
                    if guard < self._guards.get(photo_id, ""):
                        self.violations.append("a guard went back")
                    self._guards[photo_id] = guard
        return answer

    def _pause(self, seconds: float) -> None:
        assert SCENE.clock
        SCENE.clock.left -= seconds

    def _receipted(self) -> set[str]:
        """Good records that lie in a receipt of their photo and minute."""
        receipts: dict[tuple[str, str], list[bytes]] = {
            (row["photo_id"]["S"], row["period"]["S"]): row["receipts"]["BS"]
            for row in self.tables.items(TABLE)
            if row["period"]["S"] != "total"
        }
        return {
            number
            for number, row in self.good.items()
            if any(
                int.from_bytes(each[:24]) <= int(number) <= int.from_bytes(each[24:])
                for each in receipts.get(row, ())
            )
        }


def _iso(seconds: float) -> str:
    return iso_milliseconds(datetime.fromtimestamp(seconds, UTC))
