"""Histories of photos: the changes of the photos table, and the rows that the catalog must have."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from fakes.memory_stream import MemoryStream
from fakes.tables import ConditionalCheckFailedError
from localcloud.event_sources.records import Record, dynamodb_record
from shared.cache_tags import photo_tag
from shared.dynamodb import from_item, to_item
from shared.photos import Photo, Status
from tests.simulation import tally
from tests.simulation.call_faults import THREAD
from tests.simulation.clients import Cdn, FaultyTables
from tests.simulation.functions import Context, Function
from tests.simulation.moves import Setup
from tests.simulation.world import World
from tests.support.photo_stream import PhotosTable

TABLE: Final = "CatalogTable"
PUBLIC: Final = ("photo_id", "version", "status", "title", "content_type", "bytes", "created_at")
FOUND: Final = ("width", "height", "color", "renditions", "uploaded_at", "ready_at")
POISON: Final[tuple[dict[str, Any], ...]] = (
    {"version": {"S": "two"}},
    {"status": {"S": "LOST"}},
    {"title": {"NULL": True}},
    {"renditions": {"L": []}},
    {"bytes": {"BOOL": True}},
    {"owner": {"M": {}}},
    {"version": {"N": "1.5"}},  # the function raises on it; two would look like a broken release
)


class TableStream(MemoryStream):
    """A table's stream: `roll_over` closes a shard and opens the next, as DynamoDB does."""

    def write(self, change: dict[str, Any]) -> Record:
        """`change` is a record of `PhotosTable`."""
        number = self._next_sequence_number()
        key = change["dynamodb"]["Keys"]["photo_id"]["S"]
        hash_key = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest())
        [target] = [
            each
            for each in self.all.values()
            if not each.closed and each.low <= hash_key < each.high
        ]
        now = {"ApproximateCreationDateTime": float(self.clock()), "SequenceNumber": number}
        whole = {**change, "eventID": number, "dynamodb": {**change["dynamodb"], **now}}
        record = dynamodb_record(self.mapping, whole)
        target.records.append(record)
        return record

    def roll_over(self, shard_id: str) -> None:
        shard = self.all[shard_id]
        shard.closed = True
        self._add((shard_id,), shard.low, shard.high)


class PhotosWorld(World):
    """`public` has each row that the catalog may show, by the sequence number of the change."""

    longest_call = 9
    stream: TableStream

    def __init__(self, function: Function, setup: Setup) -> None:
        super().__init__(function, setup, TableStream)
        self.source = PhotosTable()
        self.photos = [f"photo-{number}" for number in range(4)]
        self.public: dict[str, dict[str, Any]] = {}
        self.poisonous: set[str] = set()
        self.tables = FaultyTables(self.history_context, **{TABLE: ("photo_id",)})
        self.tables.throttled = self.throttled
        self.tables.watch = self._watch
        self.cdn = Cdn(self.history_context)
        self.cdn.watch = self._watch_cdn
        self.deleted: dict[str, str] = {}  # cache tags of deleted photos, by sequence number
        self._numbers: dict[tuple[str, int], str] = {}
        self._written: dict[str, int] = {}
        catalog = function.part("catalog")
        make_row = catalog.catalog_row
        settings = msgspec.structs.replace(function.module.settings, distribution_id="E1")

        def row_as_released(photo: Photo, now: datetime) -> Any:
            if self.raises_on(self._numbers[photo.photo_id, photo.version]):
                raise RuntimeError("a bug")
            return make_row(photo, now)

        self.patches.setattr(function.module, "s3", self.bucket)
        self.patches.setattr(function.module, "dynamodb", self.tables)
        self.patches.setattr(function.module, "cloudfront", self.cdn)
        self.patches.setattr(function.module, "settings", settings)
        self.patches.setattr(catalog, "catalog_row", row_as_released)

    def send(self, which: int, _: str) -> None:
        """Change one photo or several."""
        for place in range(1 + which % 6):
            slot = (which // 6 + place * (which // 24 % 2)) % 4
            number = self._put(self._change(slot, which // 48 + place))
            if (which + place) % 4 == 0:
                self.failing_records.add(number)

    def poison(self, which: int, _: str) -> None:
        """Write a row that is not a valid photo."""
        kind = POISON[which // 4 % len(POISON)]
        if kind is POISON[-1] and any("1.5" in json.dumps(each) for each in self.sent.values()):
            kind = POISON[0]
        whole = to_item(Photo(self.photos[which % 4], 3, Status.READY, "", "", "", 1, ""))
        change = {"Keys": to_item({"photo_id": self.photos[which % 4]}), "NewImage": whole | kind}
        self.poisonous.add(self._put({"eventName": "MODIFY", "dynamodb": change}))
        tally.faults["poison"] += 1

    def reshard(self, which: int, _: str) -> None:
        shards = self.stream.open_shards()
        self.stream.roll_over(shards[which % len(shards)])
        tally.events["shards rolled over"] += 1

    def outage(self, which: int, fault: str) -> None:
        if which % 5:
            super().outage(which // 5, fault)
        else:
            self.cdn.unavailable = not self.cdn.unavailable

    def check_drained(self) -> None:
        waiting = {number for _, number in self.in_bucket("")}
        rows = self._rows()
        for number, row in self.public.items():
            found = rows.get(row["photo_id"], {"version": 0})
            if found["version"] == row["version"]:
                assert found == row, "a catalog row differs from its photo"
            assert found["version"] >= row["version"] or number in waiting, "a change is lost"
        for number, tag in self.deleted.items():
            assert tag in self.cdn.invalidated or number in waiting, (
                "a deleted photo was not invalidated"
            )
        assert self.poisonous <= waiting, "poison is lost"
        self.check_quarantine(self.poisonous)

    def check_redriven(self) -> None:
        source = {row["photo_id"]: row for row in self.public.values()}
        assert self._rows() == source, "the catalog differs from the public photos"
        assert self.cdn.invalidated == set(self.deleted.values()), (
            "the invalidated photos are not the deleted photos"
        )
        self.check_redriven_bucket(self.poisonous)

    def _change(self, slot: int, which: int) -> dict[str, Any]:
        photo_id = self.photos[slot]
        photo = self.source.rows.get(photo_id)
        changes: tuple[Callable[[str], dict[str, Any]], ...]
        match photo and photo.status:
            case None:
                changes = (self.source.create,)
            case Status.PENDING:
                changes = (self.source.settle,) * 4 + (self.source.delete, self.source.fail)
            case Status.DELETED:
                changes = (self.source.expire,)
                self.photos[slot] = f"{photo_id.partition('.')[0]}.{len(self.sent)}"
            case _:
                changes = (self.source.rename, self.source.rename, self.source.delete)
        return changes[which % len(changes)](photo_id)

    def _put(self, change: dict[str, Any]) -> str:
        record = self.stream.write(change)
        number = record.sequence_number
        photo_id = change["dynamodb"]["Keys"]["photo_id"]["S"]
        self.note(record)
        photo = self.source.rows.get(photo_id)
        if photo and change["dynamodb"].get("NewImage") == to_item(photo):
            self._numbers[photo_id, photo.version] = number
            if photo.status in (Status.READY, Status.DELETED):
                self.public[number] = row_of(photo)
            if photo.status is Status.DELETED:
                self.deleted[number] = f"#{photo_tag(photo_id)}"
        return number

    def _watch(self, _: str, request: dict[str, Any], call: Callable[[], Any]) -> Any:
        """Check that versions of a photo are written in order, and none after one that failed."""
        photo_id, version = request["Item"]["photo_id"]["S"], int(request["Item"]["version"]["N"])
        context = THREAD.clock
        assert isinstance(context, Context)
        if photo_id in context.failed:
            self.violations.append(
                "a change was written after an earlier change of its photo had failed"
            )
        try:
            answer = call()
        except ConditionalCheckFailedError:
            raise
        except BaseException:
            context.failed.add(photo_id)
            raise
        if version <= self._written.get(photo_id, 0):
            self.violations.append("an older version of a photo was written")
        self._written[photo_id] = version
        return answer

    def _watch_cdn(self, paths: list[str]) -> None:
        """Check that the catalog has the tombstones, or CloudFront would cache the photos again."""
        tombstones = {
            f"#{photo_tag(item['photo_id']['S'])}"
            for item in self.tables.items(TABLE)
            if item["status"]["S"] == Status.DELETED
        }
        if not set(paths) <= tombstones:
            self.violations.append("a photo was invalidated before its tombstone was written")

    def _end_failures(self) -> None:
        self.cdn.unavailable = False
        super()._end_failures()

    def _rows(self) -> dict[str, dict[str, Any]]:
        rows = [from_item(item, dict) for item in self.tables.items(TABLE)]
        return {
            row["photo_id"]: {name: row[name] for name in row if name != "replicated_at"}
            for row in rows
        }


def row_of(photo: Photo) -> dict[str, Any]:
    """The public attributes of a photo."""
    values = from_item(to_item(photo), dict)
    if photo.status is Status.DELETED:
        return {name: values[name] for name in ("photo_id", "version", "status", "expires_at")}
    row = {name: values[name] for name in (*PUBLIC, *FOUND) if name in values}
    return row | {"feed": "photos"}
